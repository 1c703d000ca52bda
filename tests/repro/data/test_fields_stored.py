"""Fields of tables as prepared files: what is written is read, and what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro.data import checking, preparing
from repro.records import Dataset, Fields

NUMBERS = np.array([[1.5, np.nan], [np.nan, np.nan], [np.nan, np.nan]], np.float32)
WORDS = pd.DataFrame({"w": ["", "", "a|b"], "v": ["", "", ""]}, dtype="str")


def dataset(fields: Fields) -> Dataset:
    samples = pd.DataFrame(
        {"id": list("abc"), "group": list("abc"), "y": [0.0, 1.0, 1.0]}
    ).assign(split=["train", "valid", "test"])
    other = Fields(("z",), np.zeros((3, 1), np.float16), pd.DataFrame(index=range(3)))
    return Dataset(samples, {"one": fields, "two": other}, source="adni")


def test_a_sample_that_states_a_number_or_a_word_is_present():
    fields = Fields(("x", "y"), NUMBERS, WORDS)
    assert preparing.presence(fields).tolist() == [True, False, True]
    bare = Fields((), np.zeros((3, 0)), pd.DataFrame(index=range(3)))
    assert preparing.presence(bare).tolist() == [False] * 3


def test_fields_are_read_as_they_were_written(tmp_path: Path):
    made = checking.check(dataset(Fields(("x", "y"), NUMBERS, WORDS)), "f", "refuse")
    assert "one: absent in 1 samples" in made.notes
    preparing.write(made, tmp_path)
    found = preparing.read_prepared(tmp_path)
    assert found.meta["kinds"] == {"one": "fields", "two": "fields"}
    assert found.samples["present_one"].tolist() == [True, False, True]
    one, two = found.modalities["one"], found.modalities["two"]
    assert isinstance(one, Fields) and isinstance(two, Fields)
    assert (one.names, two.names) == (("x", "y"), ("z",))
    np.testing.assert_array_equal(one.numbers, NUMBERS)
    pd.testing.assert_frame_equal(one.words, WORDS)
    assert two.numbers.dtype == np.float16 and two.words.shape == (3, 0)


def test_files_of_fields_that_are_gone_are_removed(tmp_path: Path):
    made = dataset(Fields(("x", "y"), NUMBERS, WORDS))
    preparing.write(made, tmp_path)
    assert (tmp_path / "two_words.parquet").exists()
    kept = Dataset(made.samples, {"one": made.modalities["one"]}, source="adni")
    preparing.write(kept, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("meta.json", "one.safetensors", "one_names.parquet", "one_words.parquet"),
        "samples.parquet",
    ]


def test_infinite_numbers_and_other_samples_are_refused():
    infinite = np.where(np.isnan(NUMBERS), NUMBERS, np.inf)
    with pytest.raises(ValueError, match=r"one has infinite values in 1 samples .*a"):
        checking.check(dataset(Fields(("x", "y"), infinite, WORDS)), "f", "refuse")
    short = Fields(("x", "y"), NUMBERS[:2], WORDS[:2])
    with pytest.raises(ValueError, match="one has 2 samples, the labels have 3"):
        checking.check_modality("one", short, pd.Series(list("abc")), "f")
