"""What other people's files of features looked like: read rightly, or refused."""

from pathlib import Path

import numpy as np
import pytest

from tests.repro.data.made_features import at, filled, mag_sample, read

ROWS = {"mmsa": (0, 1, 1), "mult": (0, 1, 1)}
SILENT = np.full((3, 5), -np.inf)


@pytest.mark.parametrize("key", ["audio", "vision"])
@pytest.mark.parametrize("layout", ["mmsa", "mult"])
def test_minus_infinity_is_silence(tmp_path: Path, layout: str, key: str):
    name = {"vision": "video"}.get(key, key)
    dataset = read(tmp_path, layout, filled(key, ROWS[layout], -np.inf))
    assert f"{name}: 1 values were -inf and are 0 now" in dataset.notes
    dataset = read(tmp_path, layout, filled(key, 0, -np.inf))
    assert dataset.modalities[name].lengths[0] == 0
    assert any("1 samples are nothing but 0 once read" in n for n in dataset.notes)
    assert f"{name}: absent in 1 samples" in dataset.notes


def test_minus_infinity_is_silence_in_mag_too(tmp_path: Path):
    dataset = read(tmp_path, "mag", mag_sample(audio=SILENT))
    assert "audio: 15 values were -inf and are 0 now" in dataset.notes
    assert "audio: absent in 1 samples" in dataset.notes


@pytest.mark.parametrize("value", [np.inf, np.nan, 1e300, 1e39, -1e39, -1e300])
@pytest.mark.parametrize("layout", ["mmsa", "mult"])
def test_other_values_that_are_not_finite_are_refused(tmp_path, layout, value):
    with pytest.raises(ValueError, match=r"video has 1 (NaN|infinite).* values in 1"):
        read(tmp_path, layout, filled("vision", (0, 1, 1), value))


def test_words_of_the_mult_vectors_are_never_silent(tmp_path: Path):
    with pytest.raises(ValueError, match="text has 1 infinite"):
        read(tmp_path, "mult", filled("text", (0, 1, 1), -np.inf))


@pytest.mark.parametrize("layout", ["mmsa", "mult"])
def test_values_too_small_for_float32_are_absent_and_noted(tmp_path, layout):
    dataset = read(tmp_path, layout, filled("vision", 0, 1e-60))
    assert dataset.modalities["video"].lengths[0] == 0
    assert any("too small for float32" in note for note in dataset.notes)


@pytest.mark.parametrize("value", [None, float("nan"), np.float32("nan"), "", b""])
def test_a_missing_text_is_absent(tmp_path: Path, value):
    dataset = read(tmp_path, "mmsa", at("raw_text", 0, value))
    assert dataset.modalities["text"].values[0] == ""
    assert "text: absent in 1 samples" in dataset.notes


@pytest.mark.parametrize(
    "value", [["a", "list"], 5, 1.5, {"a": 1}, [b"hello"], ("a",), True, np.zeros(2)]
)
def test_what_is_no_text_is_refused_by_sample(tmp_path: Path, value):
    with pytest.raises(ValueError, match=r"mine\.pkl: train\.raw_text\[1\]: is .*None"):
        read(tmp_path, "mmsa", at("raw_text", 1, value))
    with pytest.raises(ValueError, match=r"train\[0\]: word 1: is .*not a text"):
        read(tmp_path, "mag", mag_sample(words=["so", value, "good"]))


def test_bytes_are_decoded_and_missing_words_counted(tmp_path: Path):
    words = ["so", "sch\xf6n".encode(), None]
    dataset = read(tmp_path, "mag", mag_sample(words=words))
    assert dataset.modalities["text"].values[0] == "so sch\xf6n"
    assert "text: 1 words are missing in the file" in dataset.notes
