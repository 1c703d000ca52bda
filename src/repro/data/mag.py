"""Reader of the MAG-BERT feature files, `mosi.pkl` and `mosei.pkl`."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repro.data import layout, padding
from repro.data.unpickling import load_pickle
from repro.records import SPLITS, Dataset, Ragged, Texts

_STORED = {"train": "train", "valid": "dev", "test": "test"}
_CLIP = re.compile(r"(_\d+|\[\d+\])$")


def read(path: Path) -> Dataset:
    """Words, audio and video of every utterance, with sentiment labels.

    Audio (74 features) and video (47 in MOSI, 35 in MOSEI) have one row per word; the
    words are joined to one text. The segment name without its clip number is the
    group.

    Source: the loader of the published MAG-BERT features.
    Raises:
        ValueError: the file is missing, damaged or has another layout, or a sample
            has not one row per word.
    """
    content = layout.splits(load_pickle(path), tuple(_STORED.values()), path)
    rows: list[dict[str, object]] = []
    texts: list[str] = []
    series: dict[str, list[np.ndarray]] = {"audio": [], "video": []}
    for split in SPLITS:
        for place, sample in enumerate(content[_STORED[split]]):
            where = f"{path}: {_STORED[split]}[{place}]"
            words, video, audio, label, segment = _sample(sample, where)
            group = _CLIP.sub("", segment)
            rows.append({"id": segment, "group": group, "split": split, "y": label})
            texts.append(" ".join(words))
            series["audio"].append(audio)
            series["video"].append(video)
    samples = pd.DataFrame(rows, columns=["id", "group", "split", "y"])
    modalities: dict[str, Ragged | Texts] = {"text": Texts(texts)}
    for name, parts in series.items():
        modalities[name] = _ragged(parts, f"{path}: {name}")
    return Dataset(samples, modalities, source="mag")


def _sample(
    sample: Any, where: str
) -> tuple[list[str], np.ndarray, np.ndarray, float, str]:
    try:
        (stored_words, video, audio), label, segment = sample
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{where}: is not ((words, visual, acoustic), label, segment) ({error}); "
            "give the right file or another `source`"
        ) from error
    values = np.asarray(label, dtype=np.float64).reshape(-1)
    if len(values) != 1:
        raise ValueError(f"{where}: has {len(values)} labels, one is needed")
    words = [layout.as_string(word) for word in stored_words]
    arrays = {"visual": np.asarray(video), "acoustic": np.asarray(audio)}
    for name, array in arrays.items():
        if array.ndim != 2 or array.dtype.kind not in "fiu":
            raise ValueError(
                f"{where}: {name} is {array.dtype} {array.shape}, numbers "
                "(words, features) are needed"
            )
        if len(array) != len(words):
            raise ValueError(
                f"{where}: {name} has {len(array)} rows for {len(words)} words; "
                "one row per word is needed"
            )
    name = layout.as_string(segment)
    return words, arrays["visual"], arrays["acoustic"], float(values[0]), name


def _ragged(parts: list[np.ndarray], where: str) -> Ragged:
    features = sorted({part.shape[1] for part in parts})
    if len(features) != 1:
        raise ValueError(
            f"{where}: samples have {features} features; the file is damaged or empty"
        )
    lengths = np.array([len(part) for part in parts], dtype=np.int64)
    # Zero rows are words without a signal; a sample of nothing else has no series.
    lengths = np.where([np.any(part != 0) for part in parts], lengths, 0)
    kept = [part for part, length in zip(parts, lengths, strict=True) if length]
    empty = np.zeros((0, features[0]))
    with np.errstate(over="ignore"):  # too large becomes infinite and is reported
        values = np.concatenate([empty, *kept]).astype(np.float32)
    return Ragged(values, padding.bounds(lengths))
