import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

from repro.data import checking, mmsa

COUNTS = {"train": 3, "valid": 2, "test": 2}


def content(*, aligned: bool) -> dict:
    generator = np.random.default_rng(0)
    result = {}
    for split, count in COUNTS.items():
        audio = generator.normal(size=(count, 6, 5)).astype(np.float32)
        vision = generator.normal(size=(count, 4, 20)).astype(np.float32)
        audio[0, 4:] = 0
        vision[1] = 0
        result[split] = {
            "raw_text": np.array([f"{split} words {i}" for i in range(count)]),
            "audio": audio,
            "vision": vision,
            "id": [f"{split}-v$_${i}" for i in range(count)],
            "text_bert": np.zeros((count, 3, 50), np.float32),
            "annotations": ["Neutral"] * count,
            "classification_labels": np.ones(count),
            "regression_labels": np.linspace(-3, 3, count).astype(np.float32),
        }
        if not aligned:
            result[split]["audio_lengths"] = [4] + [6] * (count - 1)
            result[split]["vision_lengths"] = [4] + [1] + [4] * (count - 2)
    return result


def saved(folder: Path, stored: object) -> Path:
    path = folder / "mine.pkl"
    path.write_bytes(pickle.dumps(stored, protocol=4))
    return path


@pytest.mark.parametrize("aligned", [True, False])
def test_both_layouts_are_read(tmp_path: Path, aligned: bool):
    stored = content(aligned=aligned)
    dataset = mmsa.read(saved(tmp_path, stored), "mosi")
    assert list(dataset.modalities) == ["text", "audio", "video"]
    assert (
        dataset.samples["split"].tolist()
        == ["train"] * 3 + ["valid"] * 2 + ["test"] * 2
    )
    assert dataset.samples["id"][1] == "train-v$_$1"
    assert dataset.samples["group"][1] == "train-v"
    assert dataset.samples["y"][:3].tolist() == [-3, 0, 3]
    assert dataset.modalities["text"].values[4] == "valid words 1"
    audio, video = dataset.modalities["audio"], dataset.modalities["video"]
    assert audio.lengths.tolist() == [4, 6, 6, 4, 6, 4, 6]
    assert video.lengths.tolist() == [4, 0, 4, 4, 0, 4, 0]
    np.testing.assert_array_equal(audio.values[:4], stored["train"]["audio"][0, :4])
    assert not dataset.simulated and dataset.source == "mmsa"


def test_a_read_file_passes_the_checks(tmp_path: Path):
    checked = checking.check(
        mmsa.read(saved(tmp_path, content(aligned=True)), "mosi"), "f", "refuse"
    )
    assert checked.notes == ("video: absent in 3 samples",)


def test_an_unknown_sum_is_kept_as_a_warning(tmp_path: Path):
    path = saved(tmp_path, content(aligned=True)).rename(tmp_path / "aligned_50.pkl")
    with pytest.warns(UserWarning, match="SHA-256"):
        assert len(mmsa.read(path, "mosi").warnings) == 1


def test_made_up_and_real_files_are_not_taken_for_each_other(tmp_path: Path):
    stored = content(aligned=True)
    path = saved(tmp_path, stored)
    with pytest.raises(ValueError, match=r"did not write it, 7 ids .* source: mmsa"):
        mmsa.read(path, "mosi", simulated=True)
    for split, columns in stored.items():
        count = len(columns["id"])
        columns["id"] = [f"sim{len(split):05d}$_${i}" for i in range(count)]
    path = saved(tmp_path, stored).rename(tmp_path / "aligned_50.pkl")
    assert mmsa.read(path, "mosi", simulated=True).warnings == ()
    path = path.rename(tmp_path / "mine.pkl")
    found = mmsa.read(path, "mosi")
    assert found.simulated and (found.source, found.warnings) == ("simulated", ())


def change(key: str, value: object):
    def changed(stored: dict) -> None:
        stored["valid"][key] = value

    return changed


def drop(split: str, key: str | None = None):
    def changed(stored: dict) -> None:
        del (stored if key is None else stored[split])[key or split]

    return changed


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (drop("valid"), "no split 'valid'"),
        (drop("valid", "raw_text"), "valid: has no raw_text"),
        (drop("valid", "regression_labels"), "valid: has no regression_labels"),
        (lambda s: s.update(valid=[1]), "valid: holds a list"),
        (change("id", ["a", "b"]), "2 ids that are not"),
        (change("id", ["a$_$1"]), "columns differ in their number of samples"),
        (change("audio", np.zeros((2, 5))), r"valid\.audio: is \(2, 5\)"),
        (change("audio", np.full((2, 6, 5), "x")), r"valid\.audio: holds <U1"),
        (change("vision", np.zeros((2, 4, 7))), r"splits have \[20, 7, 20\] features"),
        (change("audio", [[[1.0]]] * 2), r"valid\.audio: is list"),
        (change("vision_lengths", [9, 9]), r"vision_lengths: the stored lengths"),
        (change("vision_lengths", [1]), "lengths have shape"),
        (change("regression_labels", np.zeros((2, 2))), "has 4 values for 2 samples"),
    ],
)
def test_a_wrong_layout_is_named(tmp_path: Path, damage, message):
    stored = copy.deepcopy(content(aligned=False))
    damage(stored)
    path = saved(tmp_path, stored)
    with pytest.raises(ValueError, match=message) as error:
        mmsa.read(path, "mosi")
    assert str(path) in str(error.value)


def test_another_object_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="holds a list, not a dict of the splits"):
        mmsa.read(saved(tmp_path, [1, 2]), "mosi")
