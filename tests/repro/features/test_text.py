from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertModel

from repro.data.checksums import sha256
from repro.features.encoders import loading
from repro.features.encoders.loading import load_encoder, weight_sums
from repro.features.encoders.tokens import tokenize, wordpiece_tokenizer
from repro.features.text import (
    encoded,
    encoded_alike,
    encoding,
    pooled,
    text_features,
    token_ids,
)
from repro.params.presets import Encoder

TEXTS = [
    "not good",
    "a very good film with a very long story and a good end",
    "",
    "bad",
    "  ",
    "good film, bad end",
    "story",
]
PRESENT = [i for i, text in enumerate(TEXTS) if text.strip()]
BASE = Encoder(
    architecture="bert",
    weights="random",
    hidden=16,
    layers=2,
    heads=2,
    vocabulary=80,
    max_length=12,
    pooling="mean",
    batch=3,
    finetune=False,
    lr=0.001,
    seed=3,
)


def changed(**values: object) -> Encoder:
    return BASE.model_copy(update=values)


EACH = pytest.mark.parametrize("architecture", ["bert", "deberta"])


@EACH
@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_each_vector_is_that_of_the_text_alone(architecture: str, pooling: str):
    encoder = changed(architecture=architecture, pooling=pooling)
    tokenizer, model = load_encoder(encoder, TEXTS)
    features = text_features(tokenizer, model, TEXTS, encoder)
    assert features.lengths.tolist() == [1, 1, 0, 1, 0, 1, 1]
    assert features.values.shape == (5, 16) and features.values.dtype == np.float32
    for row, place in zip(features.values, PRESENT, strict=True):
        ids, mask = tokenize(tokenizer, [TEXTS[place]], 12)
        assert mask.all()
        with torch.no_grad():
            hidden = model(input_ids=ids).last_hidden_state[0]
        expected = hidden.mean(0) if pooling == "mean" else hidden[0]
        np.testing.assert_allclose(row, expected, atol=1e-5)


@EACH
def test_batches_and_order_have_no_influence(architecture: str):
    encoder = changed(architecture=architecture)
    tokenizer, model = load_encoder(encoder, TEXTS)
    rows = text_features(tokenizer, model, TEXTS, encoder).values
    for batch in (1, 2, 64):
        other = text_features(tokenizer, model, TEXTS, changed(batch=batch))
        np.testing.assert_allclose(other.values, rows, atol=1e-5)
    reverse = text_features(tokenizer, model, TEXTS[::-1], encoder)
    np.testing.assert_allclose(reverse.values[::-1], rows, atol=1e-5)


@EACH
def test_word_order_and_words_matter(architecture: str):
    encoder = changed(architecture=architecture)
    tokenizer, model = load_encoder(encoder, TEXTS)
    texts = ["good film bad end", "bad film good end", "good film good end"]
    one, two, three = text_features(tokenizer, model, texts, encoder).values
    assert abs(one - three).max() > 1e-2
    assert abs(one - two).max() > 3e-6  # positions enter weakly before training


def test_seed_alone_decides_and_the_global_generator_is_left_alone():
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    _, first = load_encoder(BASE, TEXTS)
    assert (torch.random.get_rng_state() == before).all()
    torch.manual_seed(8)
    _, second = load_encoder(BASE, TEXTS)
    _, other = load_encoder(changed(seed=4), TEXTS)
    name = "embeddings.word_embeddings.weight"
    assert (first.state_dict()[name] == second.state_dict()[name]).all()
    assert (first.state_dict()[name] != other.state_dict()[name]).any()


def test_frozen_features_leave_mode_and_parameters():
    tokenizer, model = load_encoder(BASE, TEXTS)
    assert not model.training
    rows = text_features(tokenizer, model, TEXTS, BASE).values
    model.train()
    again = text_features(tokenizer, model, TEXTS, BASE).values
    assert model.training and (rows == again).all()  # no dropout
    assert all(p.grad is None for p in model.parameters())


@EACH
def test_the_model_can_be_fine_tuned(architecture: str):
    tokenizer, model = load_encoder(changed(architecture=architecture), TEXTS)
    ids, mask = tokenize(tokenizer, TEXTS[:2], 12)
    hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
    pooled(hidden, mask, "mean").square().sum().backward()
    assert all(p.requires_grad for p in model.parameters())
    assert model.embeddings.word_embeddings.weight.grad.abs().sum() > 0


def test_vocabulary_knows_train_texts_only():
    texts, is_train = ["good film", "secret"], [True, False]
    features, sizes = encoded(changed(vocabulary=200), texts, is_train)
    assert sizes["vocabulary"] == 5 + 2 * len(set("goodfilm")) + 2
    assert sizes["features"] == features.values.shape[1] == 16


@EACH
def test_new_texts_are_encoded_as_the_first_ones_were(architecture: str):
    chosen = changed(architecture=architecture)
    is_train = [i % 2 == 0 for i in range(len(TEXTS))]
    made = encoding(chosen, TEXTS, is_train)
    again = encoded_alike(chosen, made.entries, made.scale, TEXTS)
    assert np.array_equal(again.values, made.features.values)
    assert np.array_equal(again.offsets, made.features.offsets)
    alone = encoded_alike(chosen, made.entries, made.scale, TEXTS[:1])
    np.testing.assert_allclose(alone.values, made.features.values[:1], atol=1e-5)


def test_no_text_at_all_gives_no_row():
    tokenizer, model = load_encoder(BASE, TEXTS)
    features = text_features(tokenizer, model, ["", " "], BASE)
    assert features.values.shape == (0, 16) and features.lengths.tolist() == [0, 0]


@pytest.mark.parametrize("made_by", [encoded, token_ids])
def test_a_model_of_the_hub_leaves_its_commit(made_by, monkeypatch):
    tokenizer, model = load_encoder(BASE, TEXTS)
    is_train = [True] * len(TEXTS)
    assert "revision" not in made_by(BASE, TEXTS, is_train)[1]
    model.config._commit_hash = "86b5e0934494bd15c9632b12f734a8a67f723594"
    monkeypatch.setattr(loading, "_stored_encoder", lambda *_: (tokenizer, model))
    hub = changed(weights="bert-base-uncased")
    about = made_by(hub, TEXTS, is_train)[1]
    assert about["revision"] == model.config._commit_hash


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stored model, as a user would bring one."""
    tokenizer, model = load_encoder(BASE, TEXTS)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def test_a_local_folder_gives_the_stored_model(folder: Path):
    tokenizer, model = load_encoder(BASE, TEXTS)
    stored = changed(weights=str(folder), seed=99, vocabulary=50)
    again, loaded = load_encoder(stored, ["other"])
    expected = text_features(tokenizer, model, TEXTS, BASE).values
    found = text_features(again, loaded, TEXTS, stored).values
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert isinstance(loaded, BertModel) and not loaded.training
    sums = weight_sums(stored)
    assert sums["model.safetensors"] == sha256(folder / "model.safetensors")
    (folder / "vocab.txt").write_text("another")
    assert weight_sums(stored)["vocab.txt"] != sums.get("vocab.txt")
    assert weight_sums(BASE) == {}


def test_another_architecture_is_refused(folder: Path):
    encoder = changed(weights=str(folder), architecture="deberta")
    with pytest.raises(ValueError, match="is of type 'bert', architecture='deberta'"):
        load_encoder(encoder, TEXTS)


def test_a_folder_without_weights_or_that_is_missing_is_named(folder: Path):
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="the model could not be loaded"):
        load_encoder(changed(weights=str(folder)), TEXTS)
    with pytest.raises(ValueError, match=r"weights='\./none': no such folder"):
        load_encoder(changed(weights="./none"), TEXTS)


def test_bad_sizes_and_poolings_are_named():
    with pytest.raises(ValueError, match="hidden=16 is no multiple of heads=3"):
        load_encoder(changed(heads=3), TEXTS)
    with pytest.raises(ValueError, match="pooling='max'"):
        pooled(torch.ones(1, 2, 3), torch.ones(1, 2, dtype=torch.long), "max")


def test_tokenizer_ids_are_places_in_the_list():
    tokenizer = wordpiece_tokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "x"])
    assert tokenize(tokenizer, ["x x"], 5)[0].tolist() == [[2, 5, 5, 3]]


@pytest.mark.parametrize(
    ("weights", "commit"),
    [("bert-base-uncased", "main"), ("org/bert@86b5e0934494", "86b5e0934494")],
)
def test_a_model_of_the_hub_is_taken_at_its_commit(weights, commit, monkeypatch):
    asked = []

    def from_pretrained(name, **given):
        asked.append((name, given["revision"], given["trust_remote_code"]))
        raise OSError("no network")

    monkeypatch.setattr(loading.AutoConfig, "from_pretrained", from_pretrained)
    with pytest.raises(ValueError, match=f"weights='{weights}'"):
        load_encoder(changed(weights=weights), TEXTS)
    assert asked == [(weights.partition("@")[0], commit, False)]
