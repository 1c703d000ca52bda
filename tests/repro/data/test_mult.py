import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro.data import mult

COUNTS = {"train": 3, "valid": 2, "test": 2}
LABELS = {"train": [1.0, -2.0, 0.5], "valid": [0.0, 3.0], "test": [-1.0, 2.0]}

ALL_LABELS = [label for labels in LABELS.values() for label in labels]


def content(ids: str = "utterance") -> dict:
    result = {}
    for split, count in COUNTS.items():
        text = np.ones((count, 5, 3), np.float32)
        text[:, :2] = 0  # padding in front
        audio = np.full((count, 4, 5), 2.0)
        audio[0, 0] = 0
        audio[0, 1] = -np.inf
        names = {
            "utterance": [[f"{split}_x_{i}", "0.5", "1.5"] for i in range(count)],
            "video": [[f"-{split}", str(i), str(i + 1)] for i in range(count)],
        }[ids]
        result[split] = {
            "text": text,
            "audio": audio,
            "vision": np.ones((count, 6, 20), np.float32),
            "labels": np.reshape(LABELS[split], (count, 1, 1)),
            "id": np.array(names, dtype="S" if ids == "utterance" else "U"),
        }
    return result


def saved(folder: Path, stored: object) -> Path:
    path = folder / "mosi_data_noalign.pkl"
    path.write_bytes(pickle.dumps(stored, protocol=2))
    return path


def csv(folder: Path, **changes: object) -> Path:
    rows = [
        {"video_id": f"{split}_x", "clip_id": i, "text": f"NA {split} {i} "}
        for split, count in COUNTS.items()
        for i in range(count)
    ]
    path = folder / "label.csv"
    pd.DataFrame(rows).assign(**changes).to_csv(path, index=False)
    return path


def test_vectors_padding_and_silence(tmp_path: Path):
    dataset = mult.read(saved(tmp_path, content()))
    assert dataset.samples["id"][:2].tolist() == ["train_x_0", "train_x_1"]
    assert dataset.samples["group"][0] == "train_x"
    assert dataset.samples["y"].tolist() == ALL_LABELS
    assert dataset.modalities["text"].lengths.tolist() == [3] * 7
    audio = dataset.modalities["audio"]
    assert audio.lengths[:2].tolist() == [3, 4]
    assert audio.values[0].tolist() == [0] * 5  # silence is kept, as zeros
    assert dataset.notes == ("audio: 15 values were -inf and are 0 now",)


def test_other_infinities_stay_for_the_check(tmp_path: Path):
    stored = content()
    stored["test"]["audio"][0, 2, 0] = np.inf
    stored["test"]["text"][0, 3, 0] = -np.inf
    dataset = mult.read(saved(tmp_path, stored))
    assert np.isposinf(dataset.modalities["audio"].values).sum() == 1
    assert np.isneginf(dataset.modalities["text"].values).sum() == 1


def test_words_are_joined_by_video_and_clip(tmp_path: Path):
    path = csv(tmp_path)
    shuffled = pd.read_csv(path, keep_default_na=False).sample(frac=1, random_state=0)
    shuffled.to_csv(path, index=False)
    dataset = mult.read(saved(tmp_path, content()), path)
    assert dataset.modalities["text"].values[:2] == ["NA train 0", "NA train 1"]


def test_a_video_name_is_made_unique_by_its_start(tmp_path: Path):
    dataset = mult.read(saved(tmp_path, content("video")))
    assert dataset.samples["id"][1] == "-train[1]"
    assert dataset.samples["group"][1] == "-train"


def test_words_by_order_are_believed_only_where_video_and_label_agree(tmp_path: Path):
    videos = [f"-{s}" for s, n in COUNTS.items() for _ in range(n)]
    labels = ALL_LABELS
    path = csv(tmp_path, video_id=videos, label=labels)
    raw = saved(tmp_path, content("video"))
    assert mult.read(raw, path).modalities["text"].values[3] == "NA valid 0"
    csv(tmp_path, video_id=videos, label=labels[::-1])
    with pytest.raises(ValueError, match=r"6 rows name another video or label"):
        mult.read(raw, path)
    pd.read_csv(path).head(3).to_csv(path, index=False)
    with pytest.raises(ValueError, match="has 3 rows, the features have 7"):
        mult.read(raw, path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip_id": 99}, "has no row for 7 samples, first ids train_x_0"),
        ({"video_id": "other"}, "has no row for 7 samples"),
    ],
)
def test_a_csv_of_other_data_is_refused(tmp_path: Path, changes, message):
    with pytest.raises(ValueError, match=message):
        mult.read(saved(tmp_path, content()), csv(tmp_path, **changes))


def test_a_clip_that_says_two_things_is_refused(tmp_path: Path):
    raw, path = saved(tmp_path, content()), csv(tmp_path)
    table = pd.read_csv(path, keep_default_na=False)
    again = table.head(1).assign(video_id=" train_x\u200b")
    pd.concat([table, again]).to_csv(path, index=False)
    assert mult.read(raw, path).modalities["text"].values[0] == "NA train 0"
    again = again.assign(text="other")
    pd.concat([table, again]).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"label\.csv: text: 'train_x clip 0' stands"):
        mult.read(raw, path)
    elsewhere = again.assign(video_id="nobody asks")
    pd.concat([table, elsewhere, elsewhere.assign(text="x")]).to_csv(path, index=False)
    assert len(mult.read(raw, path).modalities["text"].values) == 7


def test_a_csv_without_words_and_a_missing_one_are_refused(tmp_path: Path):
    raw = saved(tmp_path, content())
    with pytest.raises(ValueError, match=r"none\.csv: no such file"):
        mult.read(raw, tmp_path / "none.csv")
    path = csv(tmp_path)
    pd.read_csv(path).drop(columns="text").to_csv(path, index=False)
    with pytest.raises(ValueError, match="has no column text"):
        mult.read(raw, path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("labels", None, "valid: has no labels"),
        ("labels", np.zeros((2, 2, 1)), "valid.labels has 4 values for 2 samples"),
        ("vision", np.zeros((2, 20)), r"valid\.vision: is \(2, 20\)"),
        ("vision", np.ones((3, 6, 20)), "differ in their number of samples"),
    ],
)
def test_a_wrong_layout_is_named(tmp_path: Path, key, value, message):
    stored = content()
    stored["valid"][key] = value
    if value is None:
        del stored["valid"][key]
    with pytest.raises(ValueError, match=message):
        mult.read(saved(tmp_path, stored))
