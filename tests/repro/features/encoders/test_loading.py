"""Text encoders that have lost something are refused by name."""

from pathlib import Path

import pytest
from transformers import BertConfig, BertModel

from repro.features.encoders.loading import (
    load_encoder,
)
from repro.features.encoders.tokens import vocabulary, wordpiece_tokenizer
from tests.repro.features.object_cases import ENCODER, SIZES, TEXTS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A BERT with its tokenizer, as a user would save it."""
    tokenizer = wordpiece_tokenizer(vocabulary(TEXTS, 60))
    config = BertConfig(vocab_size=len(tokenizer), num_hidden_layers=1, **SIZES)
    BertModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def loaded(folder: Path, texts: list[str] = TEXTS) -> int:
    """Entries of the tokenizer of a folder."""
    encoder = ENCODER.model_copy(update={"weights": str(folder)})
    return len(load_encoder(encoder, texts)[0])


def test_a_whole_folder_is_read(folder: Path) -> None:
    assert loaded(folder) > 20


def test_texts_of_unknown_words_alone_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="of 1 texts; put the tokenizer"):
        loaded(folder, ["漢字"])


@pytest.mark.parametrize(
    "content",
    [b"", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n"],
    ids=["empty", "pointer"],
)
def test_weights_that_are_no_weights_are_named(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="could not be loaded"):
        loaded(folder)


def test_cut_weights_are_named(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="could not be loaded"):
        loaded(folder)


def test_weights_of_another_size_are_named(folder: Path) -> None:
    config = BertConfig.from_pretrained(folder)
    config.hidden_size, config.intermediate_size = 16, 32
    config.save_pretrained(folder)
    with pytest.raises(ValueError, match=r"weights='.*': .*(config\.json|parameters)"):
        loaded(folder)


def test_code_beside_the_weights_is_not_run(folder: Path) -> None:
    config = folder / "config.json"
    text = config.read_text().replace(
        "{", '{"auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.M"},', 1
    )
    config.write_text(text.replace('"model_type": "bert"', '"model_type": "evil"'))
    (folder / "evil.py").write_text("raise SystemExit('ran')\n")
    with pytest.raises(ValueError):
        loaded(folder)


def test_a_folder_without_a_config_is_named(folder: Path) -> None:
    (folder / "config.json").unlink()
    with pytest.raises(
        ValueError, match=r"weights='.*': .*; give a folder with config"
    ):
        loaded(folder)
