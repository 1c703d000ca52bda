"""DeBERTa from a folder laid out as microsoft/deberta-v3-base is released."""

import json
import pickle
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from transformers import DebertaV2Config, DebertaV2Model

from repro.features.encoders import loading
from repro.features.encoders.loading import load_encoder, weight_sums
from repro.features.encoders.tokens import tokenize
from repro.features.text import encoded, text_features
from repro.params.presets import Encoder

TEXTS = [
    "A very good film, with a long story!",
    "The end was bad; don't watch it.",
    "",
    "so good and so bad at once",
]
# Each of these is spelled otherwise when the character map of the model is dropped.
MAPPED = ["\ufb01lm", "a\u00a0film", "bad\u2026", "\u3000good", "good\u200bfilm"]
PLAIN = ["  two   spaces ", "cafe\u0301", "Zebra \u2603", "bad\n\tend", "\u2603\u2603"]
CONFIG = {
    "model_type": "deberta-v2",
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 16,
    "initializer_range": 0.02,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "relative_attention": True,
    "position_buckets": 8,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": "p2c|c2p",
    "layer_norm_eps": 1e-7,
    "max_relative_positions": -1,
    "position_biased_input": False,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "type_vocab_size": 0,
}


def trained_pieces(**options: object) -> bytes:
    """A tiny model with the special pieces in the places of deberta-v3."""
    written = BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 5),
        model_writer=written,
        hard_vocab_limit=False,
        minloglevel=2,
        **{"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3},
        **{"pad_piece": "[PAD]", "bos_piece": "[CLS]"},
        **{"eos_piece": "[SEP]", "unk_piece": "[UNK]"},
        **{"vocab_size": 60, "model_type": "unigram"} | options,
    )
    return written.getvalue()


def stored(folder: Path, **options: object) -> Path:
    """A folder as released: half precision, a head, the names under `deberta.`."""
    folder.mkdir()
    pieces = trained_pieces(**options)
    (folder / "spm.model").write_bytes(pieces)
    flags = {"do_lower_case": False, "vocab_type": "spm"}
    (folder / "tokenizer_config.json").write_text(json.dumps(flags))
    entries = SentencePieceProcessor(model_proto=pieces).get_piece_size() + 10
    config = CONFIG | {"vocab_size": entries}
    (folder / "config.json").write_text(json.dumps(config))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        parameters = DebertaV2Model(DebertaV2Config(**config)).state_dict()
    weights = {f"deberta.{name}": v.half() for name, v in parameters.items()}
    weights["mask_predictions.dense.weight"] = torch.ones(2, 2)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return stored(tmp_path / "deberta")


def encoder(folder: Path, architecture: str = "deberta") -> Encoder:
    return Encoder(
        architecture=architecture,
        weights=str(folder),
        hidden=768,
        layers=12,
        heads=12,
        vocabulary=128100,
        max_length=50,
        pooling="first",
        batch=2,
        finetune=False,
        lr=1e-5,
        seed=0,
    )


def test_a_released_folder_gives_the_features_of_its_model(folder: Path, capfd):
    chosen = encoder(folder)
    tokenizer, model = load_encoder(chosen, [])
    features = text_features(tokenizer, model, TEXTS, chosen)
    assert features.lengths.tolist() == [1, 1, 0, 1]
    assert "LOAD REPORT" not in capfd.readouterr().err
    # by hand: pieces of the sentencepiece library between [CLS] and [SEP]
    config = DebertaV2Config(**json.loads((folder / "config.json").read_text()))
    by_hand = DebertaV2Model(config).eval()
    weights = load_file(folder / "model.safetensors")
    kept = {k.removeprefix("deberta."): v for k, v in weights.items() if k[0] == "d"}
    by_hand.load_state_dict({name: value.float() for name, value in kept.items()})
    pieces = SentencePieceProcessor(model_file=str(folder / "spm.model"))
    present = [text for text in TEXTS if text]
    for row, sentence in zip(features.values, present, strict=True):
        ids = torch.tensor([[1, *pieces.encode(sentence), 2]])
        with torch.no_grad():
            expected = by_hand(input_ids=ids).last_hidden_state[0, 0]
        np.testing.assert_allclose(row, expected, atol=1e-5)
    _, about = encoded(chosen, TEXTS, [True] * 4)
    assert about["features"] == 16 and "revision" not in about
    assert {"config.json", "model.safetensors", "spm.model"} <= set(weight_sums(chosen))


@pytest.mark.parametrize("bytes_too", [False, True])
def test_pieces_are_those_of_the_sentencepiece_library(tmp_path, bytes_too: bool):
    folder = stored(tmp_path / "m", byte_fallback=bytes_too, vocab_size=330)
    tokenizer, _ = load_encoder(encoder(folder), [])
    pieces = SentencePieceProcessor(model_file=str(folder / "spm.model"))
    for sentence in [*TEXTS, *MAPPED, *PLAIN]:
        ids = tokenizer(sentence)["input_ids"]
        assert ids == [1, *pieces.encode(sentence), 2], sentence
    unknown = tokenizer("\u2603")["input_ids"]
    assert (3 in unknown) == (not bytes_too)


def test_special_tokens_stand_where_deberta_has_them(folder: Path):
    tokenizer, _ = load_encoder(encoder(folder), [])
    names = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    last = len(tokenizer) - 1  # the mask follows all pieces
    assert tokenizer.convert_tokens_to_ids(names) == [0, 1, 2, 3, last]
    ids, mask = tokenize(tokenizer, ["good", TEXTS[0]], 50)
    assert (ids[mask == 0] == 0).all() and mask[0].sum() < mask[1].sum()
    cut, _ = tokenize(tokenizer, [TEXTS[0]], 5)
    assert cut.shape == (1, 5) and cut[0, -1] == 2


def test_upper_case_is_lowered_when_the_folder_says_so(folder: Path):
    flags = {"do_lower_case": True, "vocab_type": "spm"}
    (folder / "tokenizer_config.json").write_text(json.dumps(flags))
    tokenizer, _ = load_encoder(encoder(folder), [])
    assert tokenizer("GOOD")["input_ids"] == tokenizer("good")["input_ids"]


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_pickled_weights_are_refused_and_not_opened(folder: Path, tmp_path: Path):
    (folder / "model.safetensors").unlink()
    sprung = tmp_path / "sprung"
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(ValueError, match="convert it to safetensors with: python -c"):
        load_encoder(encoder(folder), [])
    assert not sprung.exists()


def test_the_remedy_converts_pickled_weights(folder: Path):
    chosen = encoder(folder)
    expected = text_features(*load_encoder(chosen, []), TEXTS, chosen).values
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match="is pickled and not read") as refused:
        load_encoder(chosen, [])
    command = str(refused.value).split("with: python", 1)[1]
    subprocess.run(f"{sys.executable} {command}", shell=True, check=True)
    found = text_features(*load_encoder(chosen, []), TEXTS, chosen).values
    np.testing.assert_array_equal(found, expected)


def test_another_architecture_is_refused(folder: Path):
    with pytest.raises(ValueError, match="is of type 'deberta-v2', architecture='bert"):
        load_encoder(encoder(folder, "bert"), [])


def test_a_missing_or_damaged_tokenizer_is_named(folder: Path):
    (folder / "spm.model").write_bytes(b"no model at all")
    with pytest.raises(ValueError, match=r"spm\.model: no SentencePiece model"):
        load_encoder(encoder(folder), [])
    (folder / "spm.model").write_bytes(trained_pieces(model_type="bpe"))
    with pytest.raises(ValueError, match="model_type=2 is no unigram model"):
        load_encoder(encoder(folder), [])
    (folder / "spm.model").unlink()
    with pytest.raises(ValueError, match=r"there is no spm\.model; put the"):
        load_encoder(encoder(folder), [])


def test_a_tokenizer_or_weights_of_another_model_are_named(folder: Path):
    good = (folder / "spm.model").read_bytes()
    larger = trained_pieces(byte_fallback=True, vocab_size=330)
    (folder / "spm.model").write_bytes(larger)
    with pytest.raises(ValueError, match="the tokenizer has 298 entries, the model"):
        load_encoder(encoder(folder), [])
    (folder / "spm.model").write_bytes(good)
    weights = load_file(folder / "model.safetensors")
    del weights["deberta.encoder.rel_embeddings.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    verbosity = loading.logging.get_verbosity()
    with pytest.raises(ValueError, match=r"parameters are missing, such as encoder\."):
        load_encoder(encoder(folder), [])
    assert loading.logging.get_verbosity() == verbosity
