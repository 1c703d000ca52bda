from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro.data import checking, table
from repro.params.datasets import TableMapping

MAPPING = TableMapping(
    samples="samples.csv",
    id="id",
    group="video",
    split="split",
    label="label",
    text="text",
    arrays={"audio": "audio.npy", "video": "video.npy"},
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_csv(tmp_path)
    np.save(tmp_path / "audio.npy", np.arange(12.0).reshape(6, 2))
    video = np.ones((6, 3, 4), np.float32)
    video[0, 0] = 0  # in front: not padding
    video[0, 2:] = 0
    video[1] = 0
    np.save(tmp_path / "video.npy", video)
    return tmp_path


def write_csv(root: Path, **changes: object) -> None:
    rows = {
        "id": [f"u{i}" for i in range(6)],
        "video": ["a", "a", "b", "c", "d", "d"],
        "split": ["train"] * 3 + ["valid"] + ["test"] * 2,
        "label": ["-3", "0.5", "1e-1", "2", "0", "1"],
        "text": ["nan", "", " NULL ", "NA", "x", "y"],
        "site": ["s", "t", "s", "s", "s", "t"],
    }
    pd.DataFrame(rows | changes).to_csv(root / "samples.csv", index=False)


def test_vectors_sequences_and_words(root: Path):
    dataset = table.read(root, MAPPING)
    assert list(dataset.modalities) == ["text", "audio", "video"]
    # Words that look like missing values are words.
    assert dataset.modalities["text"].values == ["nan", "", "NULL", "NA", "x", "y"]
    assert dataset.modalities["audio"].lengths.tolist() == [1] * 6
    assert dataset.modalities["audio"].values[5].tolist() == [10, 11]
    assert dataset.modalities["video"].lengths.tolist() == [2, 0, 3, 3, 3, 3]
    assert dataset.samples["y"].tolist() == [-3, 0.5, 0.1, 2, 0, 1]
    assert dataset.samples["group"].tolist() == ["a", "a", "b", "c", "d", "d"]


def test_no_text_and_an_array_named_text(root: Path):
    arrays = {"text": "audio.npy"}
    mapping = MAPPING.model_copy(update={"text": "none", "arrays": arrays})
    assert list(table.read(root, mapping).modalities) == ["text"]
    with pytest.raises(ValueError, match="'text' is both a text column and an array"):
        table.read(root, MAPPING.model_copy(update={"arrays": arrays}))
    with pytest.raises(ValueError, match="names no modality"):
        table.read(root, mapping.model_copy(update={"arrays": {}}))


def test_a_vector_of_nan_is_an_absent_modality(root: Path):
    audio = np.arange(12.0).reshape(6, 2)
    audio[[3, 5]] = np.nan
    np.save(root / "audio.npy", audio)
    dataset = table.read(root, MAPPING)
    assert dataset.modalities["audio"].lengths.tolist() == [1, 1, 1, 0, 1, 0]
    assert dataset.modalities["audio"].values[3].tolist() == [8, 9]
    assert dataset.notes == ("audio: 2 vectors of NaN, taken as absent",)
    subset = table.read(root, MAPPING, "site=s")
    assert subset.notes[1] == "audio: 1 vectors of NaN, taken as absent"
    checked = checking.check(dataset, "f", "refuse")
    assert "audio: absent in 2 samples" in checked.notes


def test_a_vector_with_some_nan_is_refused(root: Path):
    audio = np.ones((6, 2))
    audio[0] = np.nan
    audio[[2, 3], 1] = np.nan
    np.save(root / "audio.npy", audio)
    message = r"audio\.npy: 2 vectors are NaN in some .* \(first ids u2, u3\)"
    with pytest.raises(ValueError, match=message):
        table.read(root, MAPPING)
    assert table.read(root, MAPPING, "site=t").notes == ("kept 2 of 6 rows (site=t)",)


def test_labels_that_look_like_classes_are_a_warning(root: Path):
    assert table.read(root, MAPPING).warnings == ()
    write_csv(root, label=["0", "1", "2", "1", "0.0", "-1"])
    (warning,) = table.read(root, MAPPING).warnings
    assert warning.startswith("column label has 4 distinct integers; they are treated")
    assert "2 distinct" in table.read(root, MAPPING, "site=t").warnings[0]


@pytest.mark.parametrize(("count", "warned"), [(20, True), (21, False)])
def test_many_integers_are_no_classes(tmp_path: Path, count: int, warned: bool):
    numbers = [str(i) for i in range(count)]
    rows = {"id": numbers, "video": numbers, "split": "train", "label": numbers}
    pd.DataFrame(rows).to_csv(tmp_path / "samples.csv", index=False)
    np.save(tmp_path / "audio.npy", np.ones((count, 1)))
    arrays = {"audio": "audio.npy"}
    mapping = MAPPING.model_copy(update={"text": "none", "arrays": arrays})
    assert bool(table.read(tmp_path, mapping).warnings) == warned


def test_a_subset_keeps_rows_aligned(root: Path):
    dataset = table.read(root, MAPPING, "site=s")
    assert dataset.samples["id"].tolist() == ["u0", "u2", "u3", "u4"]
    assert dataset.modalities["audio"].values[1].tolist() == [4, 5]
    assert dataset.modalities["text"].values[1] == "NULL"
    assert dataset.notes == ("kept 4 of 6 rows (site=s)",)


def test_a_subset_by_another_file_joins_by_id(root: Path):
    other = pd.DataFrame({"id": ["u4", "u0", "u3"], "origin": ["1", "1", "2"]})
    other.to_csv(root / "other.csv", index=False)
    dataset = table.read(root, MAPPING, "other.csv:origin=1")
    assert dataset.samples["id"].tolist() == ["u0", "u4"]


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ("site", "write all, column=value"),
        ("place=s", "has no column place"),
        ("site=q", r"no row has site='q'; the column has \['s', 't'\]"),
        ("none.csv:site=s", r"none\.csv: no such file"),
    ],
)
def test_a_bad_subset_is_refused(root: Path, keep, message):
    with pytest.raises(ValueError, match=message):
        table.read(root, MAPPING, keep)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split": "dev"}, r"column split has \['dev'\] in 6 rows, first id 'u0'"),
        ({"label": ["1", "", "x", "1", "1", "1"]}, "no number in 2 rows, first ids u1"),
        ({"id": ["", "b", "c", "d", "e", "f"]}, "column id is empty in 1 rows"),
        ({"video": " "}, "column video is empty in 6 rows, first row 1"),
    ],
)
def test_bad_columns_are_named(root: Path, changes, message):
    write_csv(root, **changes)
    with pytest.raises(ValueError, match=message):
        table.read(root, MAPPING)


def test_a_missing_or_broken_csv_is_named(root: Path):
    with pytest.raises(ValueError, match="has no column words"):
        table.read(root, MAPPING.model_copy(update={"text": "words"}))
    (root / "samples.csv").write_bytes(b"id,\xff\n1,2\n")
    with pytest.raises(ValueError, match="not a UTF-8 CSV"):
        table.read(root, MAPPING)
    (root / "samples.csv").write_text("")
    with pytest.raises(ValueError, match="not a UTF-8 CSV"):
        table.read(root, MAPPING)
    (root / "samples.csv").unlink()
    with pytest.raises(ValueError, match=r"samples\.csv: no such file"):
        table.read(root, MAPPING)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((5, 2)), "has 5 rows, the samples have 6"),
        (np.ones(6), r"has shape \(6,\)"),
        (np.full((6, 2), "x"), "holds <U1"),
        (np.full((6, 2), None), "not a complete .npy file of numbers"),
    ],
)
def test_bad_arrays_are_named(root: Path, array, message):
    np.save(root / "audio.npy", array)
    with pytest.raises(ValueError, match=message) as error:
        table.read(root, MAPPING)
    assert "audio.npy" in str(error.value)


def test_a_cut_or_missing_array_is_named(root: Path):
    path = root / "audio.npy"
    whole = path.read_bytes()
    for size in (0, 5, 60, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"audio\.npy: not a complete"):
            table.read(root, MAPPING)
    path.unlink()
    with pytest.raises(ValueError, match=r"audio\.npy: no such file"):
        table.read(root, MAPPING)


def test_a_value_too_large_for_float32_becomes_infinite(root: Path):
    np.save(root / "audio.npy", np.full((6, 2), 1e300))
    assert np.isinf(table.read(root, MAPPING).modalities["audio"].values).all()


def test_arrays_given_twice_are_named_in_one_order(root: Path):
    arrays = dict.fromkeys("hgfedcbaABCDEFGH", "audio.npy")
    mapping = MAPPING.model_copy(update={"arrays": arrays})
    with pytest.raises(ValueError, match="'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H' is"):
        table.read(root, mapping)
