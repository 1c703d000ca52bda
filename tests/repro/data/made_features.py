"""Small files of features in the layouts that the readers know."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from repro.data import checking, mag, mmsa, mult
from repro.records import Dataset

SIZES = {"train": 4, "valid": 2, "test": 2}
READERS: dict[str, Callable[[Path], Dataset]] = {
    "mmsa": lambda path: mmsa.read(path, "mine"),
    "mult": mult.read,
    "mag": mag.read,
}


def mmsa_content(seed: int = 0) -> dict:
    """Two modalities, texts, ids and labels per split."""
    generator, content = np.random.default_rng(seed), {}
    for split, count in SIZES.items():
        content[split] = {
            "raw_text": np.array([f"{split} words {i}" for i in range(count)]),
            "audio": generator.normal(size=(count, 5, 3)).astype(np.float32),
            "vision": generator.normal(size=(count, 4, 2)),
            "id": [f"{split}{i}$_$0" for i in range(count)],
            "regression_labels": generator.uniform(-3, 3, size=count),
            "audio_lengths": [5] * count,
            "vision_lengths": np.full(count, 4),
        }
    return content


def mult_content(seed: int = 0) -> dict:
    """Word vectors, two modalities, ids of three columns and labels per split."""
    generator, content = np.random.default_rng(seed), {}
    for split, count in SIZES.items():
        names = [[f"{split}{i}[{i}]", "0.5", "1.5"] for i in range(count)]
        content[split] = {
            "text": generator.normal(size=(count, 5, 6)),
            "audio": generator.normal(size=(count, 5, 3)),
            "vision": np.asfortranarray(generator.normal(size=(count, 4, 2))),
            "labels": generator.uniform(-3, 3, size=(count, 1, 1)),
            "id": np.array(names, dtype="S" if seed % 2 else object),
        }
    return content


def mag_content(seed: int = 0) -> dict:
    """A list of ((words, visual, acoustic), label, segment) per split."""
    generator, content = np.random.default_rng(seed), {}
    for split, count in (("train", 4), ("dev", 2), ("test", 2)):
        content[split] = [
            (
                (
                    ["so", "very", "good"],
                    generator.normal(size=(3, 4)),
                    generator.normal(size=(3, 5)).astype(">f4"),
                ),
                np.array([[generator.uniform(-3, 3)]]),
                f"{split}{i}_{i}",
            )
            for i in range(count)
        ]
    return content


CONTENTS = {"mmsa": mmsa_content, "mult": mult_content, "mag": mag_content}


def saved(folder: Path, content: object, protocol: int = 4) -> Path:
    """The content as a pickle in `folder`."""
    path = folder / "mine.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    return path


Change = Callable[[dict], None]


def read(folder: Path, layout: str, change: Change, shared: str = "refuse") -> Dataset:
    """The checked data set of a layout after one change."""
    content = copy.deepcopy(CONTENTS[layout](0))
    change(content)
    path = saved(folder, content)
    return checking.check(READERS[layout](path), str(path), shared)


def put(key: str, value: Any, split: str = "train") -> Change:
    """A column of a split becomes another."""
    return lambda content: content[split].update({key: value})


def at(key: str, place: Any, value: Any) -> Change:
    """One element of a column of train becomes another."""

    def changed(content: dict) -> None:
        content["train"][key] = list(content["train"][key])
        content["train"][key][place] = value

    return changed


def put_array(key: str, change: Callable[[np.ndarray], Any]) -> Change:
    """An array of every split becomes what `change` makes of it."""

    def changed(content: dict) -> None:
        for columns in content.values():
            columns[key] = change(columns[key])

    return changed


def filled(key: str, place: Any, value: float) -> Change:
    """A place of an array of train gets a value."""

    def changed(content: dict) -> None:
        array = np.array(content["train"][key])
        array[place] = value
        content["train"][key] = array

    return changed


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
