import pickle
from pathlib import Path

import numpy as np
import pytest

from repro.data import mag


def sample(segment: str, words: list[str], label: object = 1.0) -> tuple:
    count = len(words)
    return (
        (words, np.ones((count, 47)), np.full((count, 74), 2.0)),
        label,
        segment,
    )


def content() -> dict:
    return {
        "train": [sample("vid_a[3]", ["so", "good"]), sample("v_2_7", ["no"])],
        "dev": [sample("d[0]", ["b", "c", "d"], np.array([[-2.0]]))],
        "test": [sample("t[0]", ["e"])],
    }


def saved(folder: Path, stored: object) -> Path:
    path = folder / "mosi.pkl"
    path.write_bytes(pickle.dumps(stored, protocol=4))
    return path


def test_words_series_and_groups(tmp_path: Path):
    dataset = mag.read(saved(tmp_path, content()))
    assert dataset.modalities["text"].values == ["so good", "no", "b c d", "e"]
    assert dataset.modalities["audio"].values.shape == (7, 74)
    assert dataset.modalities["video"].values.shape == (7, 47)
    assert dataset.modalities["video"].lengths.tolist() == [2, 1, 3, 1]
    assert dataset.samples["id"].tolist() == ["vid_a[3]", "v_2_7", "d[0]", "t[0]"]
    assert dataset.samples["group"].tolist() == ["vid_a", "v_2", "d", "t"]
    assert dataset.samples["split"].tolist() == ["train", "train", "valid", "test"]
    assert dataset.samples["y"].tolist() == [1, 1, -2, 1]


def test_a_series_of_zeros_only_is_absent(tmp_path: Path):
    stored = content()
    words, video, audio = stored["dev"][0][0]
    stored["dev"][0] = ((words, 0 * video, audio), 1.0, "d[0]")
    dataset = mag.read(saved(tmp_path, stored))
    assert dataset.modalities["video"].lengths.tolist() == [2, 1, 0, 1]
    assert dataset.modalities["audio"].lengths.tolist() == [2, 1, 3, 1]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ((["a"], 1.0, "d[0]"), r"dev\[0\]: is not \(\(words, visual, acoustic\)"),
        (sample("d[0]", ["a"], [1.0, 2.0]), r"dev\[0\]: label: has 2 values"),
        (
            ((["a"], np.ones((2, 47)), np.ones((1, 74))), 1.0, "d[0]"),
            r"dev\[0\]: visual has 2 rows for 1 words",
        ),
        (
            ((["a"], np.ones((1, 47)), np.ones(74)), 1.0, "d[0]"),
            r"dev\[0\]: acoustic is float64 \(74,\)",
        ),
        (
            ((["a"], np.ones((1, 46)), np.ones((1, 74))), 1.0, "d[0]"),
            r"video: samples have \[46, 47\] features",
        ),
    ],
)
def test_a_wrong_sample_is_named(tmp_path: Path, bad, message):
    stored = content() | {"dev": [bad]}
    with pytest.raises(ValueError, match=message):
        mag.read(saved(tmp_path, stored))


def test_a_split_that_is_missing_is_named(tmp_path: Path):
    stored = content()
    del stored["dev"]
    with pytest.raises(ValueError, match="no split 'dev'"):
        mag.read(saved(tmp_path, stored))
