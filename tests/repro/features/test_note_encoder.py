from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import LongformerConfig, LongformerModel

from repro.features import note_encoder
from repro.features.encoders.loading import load_encoder
from repro.features.note_encoder import (
    load_note_encoder,
    note_vector,
    transformer_features,
)
from repro.features.text import text_features
from repro.params.presets import Encoder
from tests.repro.features.damaged_weights import DAMAGES, damaged

SAMPLES = pd.DataFrame({"id": ["1", "2", "3"], "split": ["train", "train", "test"]})
TEXTS = [
    "heart size is normal",
    "no effusion",
    "the lungs are clear and the heart is normal in size with no effusion at all",
    "clear",
]
NOTES = pd.DataFrame(
    {"id": ["1", "1", "2", "3"], "hours": [1.0, 2.0, 0.5, 7.0], "text": TEXTS}
)


def encoder(**values: object) -> Encoder:
    settings: dict[str, object] = {
        "architecture": "bert",
        "weights": "random",
        "hidden": 16,
        "layers": 2,
        "heads": 2,
        "vocabulary": 120,
        "max_length": 8,
        "pooling": "mean",
        "batch": 4,
        "finetune": False,
        "lr": 0.001,
        "seed": 3,
    }
    return Encoder(**{**settings, **values})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BERT as a local folder."""
    place = tmp_path_factory.mktemp("bert")
    tokenizer, model = load_encoder(encoder(), TEXTS)
    tokenizer.save_pretrained(place)
    model.save_pretrained(place)
    return place


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_short_notes_are_those_of_the_text_encoder(folder: Path, pooling: str):
    chosen = encoder(weights=str(folder), max_length=16, pooling=pooling)
    tokenizer, model = load_note_encoder(chosen, [])
    short = [TEXTS[i] for i in (0, 1, 3)]
    expected = text_features(tokenizer, model, short, chosen).values
    found = [note_vector(tokenizer, model, chosen, text) for text in short]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_long_notes_are_means_over_windows_by_their_tokens(folder: Path, pooling: str):
    chosen = encoder(weights=str(folder), pooling=pooling)
    tokenizer, model = load_note_encoder(chosen, [])
    ids = tokenizer(TEXTS[2], add_special_tokens=False)["input_ids"]
    first, last = tokenizer.cls_token_id, tokenizer.sep_token_id
    total, tokens = np.zeros(16), 0
    for start in range(0, len(ids), 6):
        window = [first, *ids[start : start + 6], last]
        with torch.no_grad():
            hidden = model(input_ids=torch.tensor([window])).last_hidden_state[0]
        row = hidden.mean(dim=0) if pooling == "mean" else hidden[0]
        total += len(window) * row.numpy()
        tokens += len(window)
    assert len(ids) > 12
    found = note_vector(tokenizer, model, chosen, TEXTS[2])
    np.testing.assert_allclose(found, total / tokens, atol=1e-5)


def test_text_beyond_the_first_window_changes_the_vector(folder: Path):
    chosen = encoder(weights=str(folder))
    tokenizer, model = load_note_encoder(chosen, [])
    start = "the lungs are clear and the heart is normal "
    texts = [start + end for end in ("clear", "effusion")]
    same = tokenizer(texts, truncation=True, max_length=8)["input_ids"]
    assert same[0] == same[1]
    one, two = (note_vector(tokenizer, model, chosen, text) for text in texts)
    assert np.abs(one - two).max() > 1e-3


def calls_of(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Texts that are really embedded from here on."""
    calls: list[str] = []
    real = note_encoder.note_vector

    def counted(tokenizer, model, settings, text):
        calls.append(text)
        return real(tokenizer, model, settings, text)

    monkeypatch.setattr(note_encoder, "note_vector", counted)
    return calls


@pytest.mark.parametrize("weights", ["random", "folder"])
def test_features_are_cached_by_text_and_encoder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str
):
    calls = calls_of(monkeypatch)
    chosen = encoder(weights=str(folder) if weights == "folder" else weights)
    one, about = transformer_features(SAMPLES, NOTES, chosen, folder=tmp_path)
    assert one.lengths.tolist() == [2, 1, 1] and one.times.tolist() == [1, 2, 0.5, 7]
    assert about["features"] == 16 and about["train_objects"] == 3
    sums = about["weights"]
    assert (weights == "folder") == ("model.safetensors" in sums)
    assert sorted(calls) == sorted(TEXTS)
    two, _ = transformer_features(SAMPLES, NOTES, chosen, folder=tmp_path, workers=2)
    assert len(calls) == 4 and one.values.tobytes() == two.values.tobytes()
    changed = NOTES.assign(text=[*TEXTS[:3], "large effusion"])
    three, _ = transformer_features(SAMPLES, changed, chosen, folder=tmp_path)
    assert calls[4:] == ["large effusion"]
    assert (one.values != three.values).any(axis=1).tolist() == [False] * 3 + [True]
    other = chosen.model_copy(update={"pooling": "first"})
    transformer_features(SAMPLES, NOTES, other, folder=tmp_path)
    assert len(calls) == 9


@pytest.fixture(scope="module")
def long_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Longformer with the tokenizer of the small BERT."""
    place = tmp_path_factory.mktemp("longformer")
    tokenizer, _ = load_note_encoder(encoder(weights=str(folder)), [])
    config = LongformerConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        attention_window=[4, 4],
        max_position_embeddings=34,
        pad_token_id=0,
    )
    LongformerModel(config, add_pooling_layer=False).save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


def test_a_longformer_reads_more_at_once(folder: Path, long_folder: Path):
    tokenizer, _ = load_note_encoder(encoder(weights=str(folder)), [])
    longer = encoder(weights=str(long_folder), max_length=32)
    long_tokenizer, model = load_note_encoder(longer, [])
    found = note_vector(long_tokenizer, model, longer, TEXTS[2])
    ids = tokenizer(TEXTS[2], return_tensors="pt")["input_ids"]
    focus = torch.zeros_like(ids)
    focus[0, 0] = 1
    with torch.no_grad():
        hidden = model(input_ids=ids, global_attention_mask=focus).last_hidden_state
    np.testing.assert_allclose(found, hidden[0].mean(dim=0), atol=1e-5)
    with pytest.raises(
        ValueError, match="positions for 32 tokens, but max_length = 33"
    ):
        load_note_encoder(encoder(weights=str(long_folder), max_length=33), [])


@pytest.mark.parametrize("damage", DAMAGES)
def test_longformer_weights_that_are_not_whole_are_refused(
    long_folder: Path, tmp_path: Path, damage: str
):
    place = damaged(long_folder, tmp_path / "long", damage)
    with pytest.raises(ValueError, match=DAMAGES[damage]) as raised:
        load_note_encoder(encoder(weights=str(place)), [])
    assert str(place) in str(raised.value)


def test_a_longformer_needs_its_own_tokenizer(long_folder: Path, tmp_path: Path):
    with pytest.raises(ValueError, match="does not know 1 of 1 words"):
        load_note_encoder(encoder(weights=str(long_folder)), ["\u2603"])
    place = damaged(long_folder, tmp_path / "long", "none")
    other, _ = load_encoder(encoder(vocabulary=50), ["no"])
    other.save_pretrained(place)
    with pytest.raises(ValueError, match=r"the tokenizer has .* entries, the model"):
        load_note_encoder(encoder(weights=str(place)), [])


def test_windows_beyond_the_model_are_refused(folder: Path):
    with pytest.raises(ValueError, match="max_length = 600"):
        load_note_encoder(encoder(weights=str(folder), max_length=600), [])


def test_no_notes_at_all(tmp_path: Path):
    chosen = encoder()
    ragged, about = transformer_features(SAMPLES, NOTES[:0], chosen, folder=tmp_path)
    assert ragged.values.shape == (0, 16) and about["objects"] == 0
