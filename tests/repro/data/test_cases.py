"""What other people's files of features looked like: read rightly, or refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.repro.data.made_features import Change, at, filled, put, put_array, read


def mag_sample(**parts: Any) -> Change:
    """Parts of the first sample of train become others."""

    def changed(content: dict) -> None:
        (words, video, audio), label, segment = content["train"][0]
        old = {"words": words, "video": video, "audio": audio, "label": label}
        new = old | {"segment": segment} | parts
        content["train"][0] = (
            (new["words"], new["video"], new["audio"]),
            new["label"],
            new["segment"],
        )

    return changed


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


MMSA = {
    "lengths None": (put("audio_lengths", None), r"train\.audio_lengths: is None"),
    "lengths too long": (
        put("audio_lengths", [5] * 5),
        r"train\.audio_lengths: .*4 sam",
    ),
    "lengths of words": (
        put("audio_lengths", ["x"] * 4),
        r"audio_lengths\[0\]: is 'x'",
    ),
    "lengths and a half": (
        put("audio_lengths", [4.5] * 4),
        r"audio_lengths\[0\]: is 4.5, not a whole",
    ),
    "lengths NaN": (put("audio_lengths", [np.nan] * 4), r"audio_lengths\[0\]: is nan"),
    "text a string": (
        put("raw_text", "four"),
        r"train\.raw_text: is 'four', not a col",
    ),
    "text a dict": (put("raw_text", dict.fromkeys("abcd")), "raw_text: is a dict, not"),
    "text of no axis": (
        put("raw_text", np.array("x")),
        "raw_text: is a number without",
    ),
    "text in Latin-1": (at("raw_text", 2, b"caf\xe9"), r"raw_text\[2\]: .* not UTF-8"),
    "a lone surrogate": (at("raw_text", 0, "\ud83d"), r"raw_text\[0\]: .* not UTF-8"),
    "id None": (at("id", 3, None), r"train\.id\[3\]: has no name \(None\)"),
    "id a number": (at("id", 3, 7), r"train\.id\[3\]: is 7, not a text"),
    "id of another form": (at("id", 1, "v1_1"), r"1 ids that are not video\$_\$clip"),
    "id without video": (at("id", 1, " $_$1"), r"1 ids that are not video\$_\$clip"),
    "id without clip": (at("id", 1, "v$_$"), r"1 ids that are not video\$_\$clip"),
    "id of a megabyte": (at("id", 1, "v" * 10**6), r"id\[1\]: is a name of 1000000"),
    "labels None": (put("regression_labels", None), "regression_labels: is None, not"),
    "labels of words": (
        at("regression_labels", 1, "Neg"),
        r"labels\[1\]: is 'Neg', not",
    ),
    "a label None": (at("regression_labels", 1, None), r"labels\[1\]: is None, not"),
    "a complex label": (
        at("regression_labels", 1, 1j),
        r"labels\[1\]: is 1j, not a num",
    ),
    "ragged labels": (at("regression_labels", 0, [1, 2]), r"labels\[0\]: has 2 values"),
    "datetime labels": (
        put("regression_labels", np.zeros(4, "M8[s]")),
        r"numpy\.dtype 'M8'",
    ),
    "complex audio": (put_array("audio", lambda a: a + 1j), r"numpy\.dtype 'c8'"),
    "audio of objects": (
        put_array("audio", lambda a: a.astype(object)),
        "holds object",
    ),
    "audio a list": (
        put_array("audio", lambda a: a.tolist()),
        r"train\.audio: is list",
    ),
    "no feature": (put_array("audio", lambda a: a[:, :, :0]), r"\(4, 5, 0\)"),
    "no row": (
        lambda c: [
            put_array("audio", lambda a: a[:, :0])(c),
            put_array("audio_lengths", lambda a: [0] * len(a))(c),
        ],
        "audio is absent in every sample of train",
    ),
    "a split None": (
        lambda c: c.update(valid=None),
        "valid: holds None, not a dict of c",
    ),
    "a split a list": (
        lambda c: c.update(valid=[1]),
        "valid: holds a list, not a dict",
    ),
}


@pytest.mark.parametrize("name", MMSA)
def test_damage_of_mmsa_is_named(tmp_path: Path, name: str):
    change, message = MMSA[name]
    with pytest.raises(ValueError, match=message) as error:
        read(tmp_path, "mmsa", change)
    assert "mine.pkl: " in str(error.value)


MULT = {
    "id None": (put("id", None), r"train\.id: is None, not a column"),
    "id of empty rows": (put("id", [[]] * 4), r"train\.id\[0\]: is empty"),
    "id a dict": (at("id", 0, {"a": 1}), r"train\.id\[0\]: is a dict, not a text"),
    "first of it None": (at("id", 2, [None, "1"]), r"train\.id\[2\]: has no name"),
    "one of another form": (at("id", 2, "video"), "1 names that are neither video_3"),
    "videos without a start": (
        lambda c: [c[s].update(id=[f"{s}{i}" for i in range(n)]) for s, n in SIZES],
        "8 names that are neither",
    ),
    "emotions": (put("labels", np.zeros((4, 4, 2))), "labels has 32 values for 4 samp"),
    "labels a number": (put("labels", 3.0), r"train\.labels: is 3\.0, not a column"),
}
SIZES = (("train", 4), ("valid", 2), ("test", 2))
MAG = {
    "words a string": (
        mag_sample(words="so"),
        r"train\[0\]: words: is 'so', not a col",
    ),
    "words None": (mag_sample(words=None), r"train\[0\]: words: is None, not a column"),
    "words a dict": (mag_sample(words={"so": 1}), r"words: is a dict, not a column"),
    "words of two axes": (
        mag_sample(words=np.array([["a"]] * 3)),
        r"words are \(3, 1\)",
    ),
    "no label": (mag_sample(label=None), r"train\[0\]: label: is None, not a number"),
    "a segment of parts": (
        mag_sample(segment=("v", 1)),
        "segment: is a tuple, not a te",
    ),
    "a segment without clip": (
        mag_sample(segment="vid"),
        "'vid' is neither video_3 nor",
    ),
    "audio of rows": (
        mag_sample(audio=[[1.0], [1.0, 2.0], [3.0]]),
        "acoustic is no arr",
    ),
    "audio of words": (mag_sample(audio=[["a"]] * 3), r"acoustic is <U1 \(3, 1\)"),
    "a split None": (lambda c: c.update(dev=None), r"dev: is None, not a column"),
    "a split a number": (lambda c: c.update(dev=7), r"dev: is 7, not a column"),
    "a sample None": (lambda c: c["dev"].append(None), r"dev\[2\]: is not \(\(words"),
    "a sample of letters": (lambda c: c["dev"].append("abc"), r"dev\[2\]: is not \(\("),
}


@pytest.mark.parametrize(
    ("layout", "name"), [*(("mult", n) for n in MULT), *(("mag", n) for n in MAG)]
)
def test_damage_of_mult_and_mag_is_named(tmp_path: Path, layout: str, name: str):
    change, message = (MULT if layout == "mult" else MAG)[name]
    with pytest.raises(ValueError, match=message) as error:
        read(tmp_path, layout, change)
    assert "mine.pkl: " in str(error.value)
