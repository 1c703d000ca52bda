"""The same in another form, and what hardly is right: spellings, ranges, leaks."""

from pathlib import Path

import numpy as np
import pytest

from tests.repro.data.made_features import Change, at, put_array, read

RIGHT = {
    "labels of three axes": ("regression_labels", lambda a: a.reshape(-1, 1, 1)),
    "labels as text": ("regression_labels", lambda a: [repr(float(x)) for x in a]),
    "labels as objects": ("regression_labels", lambda a: a.astype(object)),
    "labels as bytes": (
        "regression_labels",
        lambda a: [repr(float(x)).encode() for x in a],
    ),
    "Fortran order": ("audio", np.asfortranarray),
    "big-endian": ("audio", lambda a: a.astype(">f4")),
    "lengths as text": ("audio_lengths", lambda a: [str(x) for x in a]),
    "nested lengths": ("audio_lengths", lambda a: [[x] for x in a]),
    "ids as an array": ("id", lambda a: np.array(a)),
    "ids as bytes": ("id", lambda a: np.array(a, dtype="S")),
}


@pytest.mark.parametrize("name", RIGHT)
def test_other_ways_to_store_the_same_are_the_same(tmp_path: Path, name: str):
    key, change = RIGHT[name]
    found = read(tmp_path, "mmsa", put_array(key, change))
    plain = read(tmp_path, "mmsa", lambda content: None)
    assert found.samples.equals(plain.samples)
    for modality in ("audio", "video"):
        same, other = found.modalities[modality], plain.modalities[modality]
        np.testing.assert_array_equal(same.values, other.values)
        np.testing.assert_array_equal(same.offsets, other.offsets)


def named(*names: str) -> Change:
    """Names of the two first samples of train and the first one of valid."""

    def changed(content: dict) -> None:
        content["train"]["id"][0], content["train"]["id"][1] = names[:2]
        content["valid"]["id"][0] = names[2]

    return changed


OTHERS = [
    "v0 ",
    " v0",
    "V0",
    "\uff56\uff10",
    "v0\u200b",
    "v0\t",
    "v\u00ad0",
    "v0\u00a0",
]


@pytest.mark.parametrize("other", OTHERS)
def test_another_spelling_of_a_group_is_the_same_group(tmp_path: Path, other: str):
    change = named("v0$_$1", "w$_$1", f"{other}$_$2")
    with pytest.raises(ValueError, match="1 groups stand in two splits"):
        read(tmp_path, "mmsa", change)
    dataset = read(tmp_path, "mmsa", change, "report")
    assert (dataset.samples["group"] == "v0").sum() == 2
    assert any("spelled in several ways" in note for note in dataset.notes)


@pytest.mark.parametrize("end", [" ", "\t", "\u200b", "\u00a0", "\u00ad"])
def test_another_spelling_of_an_id_is_the_same_id(tmp_path: Path, end: str):
    with pytest.raises(ValueError, match=r"1 samples .* repeat an id"):
        read(tmp_path, "mmsa", named("v0$_$1", f"v0$_$1{end}", "x$_$1"))


def test_labels_out_of_range_and_constant_ones_are_warnings(tmp_path: Path):
    dataset = read(tmp_path, "mmsa", at("regression_labels", 0, 99.0))
    assert "labels: 1 labels lie between" in dataset.warnings[0]
    constant = put_array("regression_labels", np.zeros_like)
    dataset = read(tmp_path, "mmsa", constant)
    assert dataset.warnings == ("labels: every label is 0; there is nothing to learn",)
    assert read(tmp_path, "mmsa", lambda content: None).warnings == ()


def leaked(content: dict) -> None:
    """The label, scaled, becomes a feature; text says it."""
    for columns in content.values():
        y = columns["regression_labels"]
        columns["vision"] = np.array(columns["vision"])
        columns["vision"][:, :, 1] = 2 * y[:, None] + 1
        columns["raw_text"] = [f" {value} " for value in y]


def test_modalities_that_tell_the_label_are_warnings(tmp_path: Path):
    dataset = read(tmp_path, "mmsa", leaked)
    assert len(dataset.warnings) == 2
    assert "text: every text is the label" in dataset.warnings[0]
    assert "video: 1 features are the label" in dataset.warnings[1]
    assert "(column 1)" in dataset.warnings[1]


def in_row(row: int, kind: str = "f8") -> Change:
    """The label stands in one row of a modality only."""

    def changed(content: dict) -> None:
        for columns in content.values():
            columns["vision"] = np.array(columns["vision"])
            columns["vision"][:, row, 0] = -columns["regression_labels"].astype(kind)

    return changed


@pytest.mark.parametrize("row", [0, -1])
@pytest.mark.parametrize("kind", ["f8", "f2"])
def test_a_row_that_tells_the_label_is_a_warning(tmp_path: Path, row, kind):
    (warning,) = read(tmp_path, "mmsa", in_row(row, kind)).warnings
    assert "video: 1 features are the label" in warning
    assert read(tmp_path, "mmsa", in_row(1)).warnings == ()


def counted(content: dict) -> None:
    """The label is the number of rows; texts say it with two decimals."""
    for columns in content.values():
        rows = 1 + np.arange(len(columns["id"])) % 4
        columns["regression_labels"] = rows / 3
        for row, length in zip(columns["vision"], rows, strict=True):
            row[length:] = 0
        columns["vision_lengths"] = rows
        columns["raw_text"] = [f"{value / 3:+.2f}" for value in rows]


def test_numbers_of_rows_and_rounded_texts_that_tell_are_warnings(tmp_path: Path):
    text, rows = read(tmp_path, "mmsa", counted).warnings
    assert "text: every text is the label" in text
    assert "video: the number of rows is the label" in rows


@pytest.mark.parametrize("value", [np.inf, 1e39, "nan"])
def test_labels_that_float32_does_not_hold_are_refused(tmp_path: Path, value):
    with pytest.raises(ValueError, match=r"labels of 1 samples .* are (NaN|infinite)"):
        read(tmp_path, "mmsa", at("regression_labels", 0, value))
