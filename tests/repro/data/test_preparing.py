import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro.data import checking, preparing
from repro.records import Dataset, Ragged, Texts
from tests.repro.data.made_features import CONTENTS, READERS, saved

LENGTHS = [2, 0, 1, 3, 1, 1]


def dataset(**changes: object) -> Dataset:
    samples = pd.DataFrame(
        {
            "id": [f"u{i}" for i in range(6)],
            "group": ["a", "a", "b", "c", "d", "d"],
            "split": ["train"] * 3 + ["valid"] + ["test"] * 2,
            "y": [-3.0, 0.5, 0.1, 2.0, 0.0, 1.0],
        }
    )
    for column in ("id", "group", "split", "y"):
        samples[column] = changes.pop(column, samples[column])
    offsets = np.concatenate([[0], np.cumsum(LENGTHS)])
    values = np.arange(16, dtype=np.float32).reshape(8, 2)
    made = Dataset(
        samples,
        {
            "text": Texts(["x", "y", " ", "z", "v", "w"]),
            "audio": Ragged(values, offsets, np.arange(8.0)),
            "video": Ragged(values[:6], np.arange(7)),
        },
        source="table",
        notes=("met before",),
    )
    return replace(made, **changes)


def test_good_data_pass_with_notes():
    checked = checking.check(dataset(), "f", "refuse")
    assert checked.notes == (
        "met before",
        "text: absent in 1 samples",
        "audio: absent in 1 samples",
    )


def with_values(value: float) -> Dataset:
    made = dataset()
    audio = made.modalities["audio"]
    values = audio.values.copy()
    values[[3, 4], 1] = value  # both rows belong to u3
    audio = Ragged(values, audio.offsets)
    return replace(made, modalities={**made.modalities, "audio": audio})


@pytest.mark.parametrize(
    ("value", "kind"),
    [(np.nan, "NaN"), (np.inf, "infinite"), (-np.inf, "infinite")],
)
def test_features_that_are_not_finite_are_counted(value, kind):
    message = rf"f: audio has 2 {kind}.* values in 1 samples \(first ids u3\)"
    with pytest.raises(ValueError, match=message):
        checking.check(with_values(value), "f", "refuse")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"y": [0, np.nan, np.inf, 0, 0, 0]},
            r"2 samples \(first ids u1, u2\) are NaN or infinite",
        ),
        ({"id": ["u0"] * 3 + ["u3", "u4", "u5"]}, r"2 samples \(first ids u0, u0\)"),
        ({"split": ["train"] * 3 + ["test"] * 3}, "split valid is empty"),
        (
            {"group": ["a", "a", "b", "a", "b", "d"]},
            "2 groups stand in two splits, first a, b",
        ),
        (
            {"modalities": {"text": Texts(["", "x", " ", "x", "x", "x"])}},
            r"2 samples \(first ids u0, u2\) have no modality at all",
        ),
        (
            {"modalities": {"text": Texts(["x"])}},
            "text has 1 samples, the labels have 6",
        ),
        (
            {"modalities": {"audio": Ragged(np.ones((3, 2)), np.arange(4))}},
            "audio has 3 samples, the labels have 6",
        ),
        (
            {"modalities": {"audio": Ragged(np.ones((9, 2)), np.arange(7))}},
            "audio has 9 rows, its lengths sum to 6",
        ),
        (
            {"task": "classification", "classes": 2, "y": [0, 1, 2, 0, 0, 1]},
            r"1 samples \(first ids u2\) are not among the classes 0 to 1",
        ),
        (
            {"task": "classification", "classes": 2, "y": [0, 1, 0, 0, 0, 1]},
            r"split valid has no sample of class \[1\]",
        ),
    ],
)
def test_bad_data_are_refused_with_count_and_ids(changes, message):
    with pytest.raises(ValueError, match=message) as error:
        checking.check(dataset(**changes), "some/file", "refuse")
    assert str(error.value).startswith("some/file: ")


def test_a_shared_group_may_be_reported():
    checked = checking.check(dataset(group="a"), "f", "report")
    assert "1 groups stand in two splits, first a" in checked.notes


def test_good_classes_pass():
    samples = {"split": ["train", "train", "valid", "valid", "test", "test"]}
    made = dataset(task="classification", classes=2, y=[0, 1] * 3, **samples)
    made = replace(made, samples=made.samples.assign(group=list("aabbcc")))
    assert checking.check(made, "f", "refuse").classes == 2


def test_what_is_written_is_read(tmp_path: Path):
    checked = checking.check(dataset(), "f", "refuse")
    preparing.write(checked, tmp_path)
    prepared = preparing.read_prepared(tmp_path)
    assert list(prepared.modalities) == ["text", "audio", "video"]
    assert prepared.modalities["text"].values == ["x", "y", " ", "z", "v", "w"]
    audio = prepared.modalities["audio"]
    np.testing.assert_array_equal(audio.values, dataset().modalities["audio"].values)
    assert audio.lengths.tolist() == LENGTHS
    assert audio.times.tolist() == list(range(8))
    assert prepared.modalities["video"].times is None
    samples = prepared.samples
    assert samples["present_audio"].tolist() == [True, False, True, True, True, True]
    assert samples["present_text"].tolist() == [True, True, False, True, True, True]
    pd.testing.assert_frame_equal(
        samples[["id", "group", "split", "y"]], checked.samples, check_dtype=False
    )
    meta = prepared.meta
    assert meta["kinds"] == {"text": "text", "audio": "sequence", "video": "vector"}
    assert meta["features"] == {"audio": 2, "video": 2}
    assert meta["sizes"] == {"train": 3, "valid": 1, "test": 2}
    assert meta["notes"] == list(checked.notes)
    assert meta["simulated"] is False and meta["source"] == "table"


def test_bytes_repeat_and_old_modalities_go(tmp_path: Path):
    preparing.write(dataset(), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    preparing.write(dataset(), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    text = {"text": dataset().modalities["text"]}
    preparing.write(dataset(modalities=text), tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["meta.json", "samples.parquet", "text.parquet"]


def test_a_missing_folder_and_a_cut_file_are_named(tmp_path: Path):
    with pytest.raises(ValueError, match=r"meta\.json: no such file"):
        preparing.read_prepared(tmp_path)
    preparing.write(dataset(), tmp_path)
    for name in ("audio.safetensors", "samples.parquet", "text.parquet"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ValueError, match=f"{name}: not a complete"):
            preparing.read_prepared(tmp_path)
        (tmp_path / name).write_bytes(whole)


@pytest.mark.parametrize("layout", ["mmsa", "mult"])
def test_old_pickles_do_not_fill_the_memory_twice(tmp_path: Path, layout: str):
    """Protocol 2 writes arrays as text, so that none stays in the mapped file."""
    draw, content = np.random.default_rng(0), CONTENTS[layout]()
    for columns in content.values():
        count = len(columns["id"])
        for name in ("audio", "vision"):
            array = draw.normal(size=(count, 6000, 60)).astype(np.float32)
            columns[name] = array
            columns.pop(f"{name}_lengths", None)
    path = saved(tmp_path, content, protocol=2)
    size = path.stat().st_size
    tracemalloc.start()
    dataset = READERS[layout](path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert dataset.modalities["audio"].values.shape == (48_000, 60)
    assert peak <= 1.2 * size, peak / size  # 0.67 as read, half of it once more
