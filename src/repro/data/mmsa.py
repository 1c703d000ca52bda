"""Reader of the MMSA feature files, `aligned_50.pkl` and `unaligned_50.pkl`."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repro.data import layout, padding
from repro.data.checksums import sum_warnings
from repro.data.unpickling import load_pickle
from repro.records import SPLITS, Dataset, Ragged, Texts

NEEDED = ("raw_text", "audio", "vision", "id", "regression_labels")
# Name here: name of the array, name of its lengths (unaligned files only).
SERIES = {
    "audio": ("audio", "audio_lengths"),
    "video": ("vision", "vision_lengths"),
}


def read(path: Path, dataset: str, *, simulated: bool = False) -> Dataset:
    """Raw text, audio and video of every utterance, with sentiment labels.

    Ids are `video$_$clip`, so the video is the group. Frames are those of the stored
    lengths, or what is left without all-zero rows at either end. The sum of
    the file is compared with that of the public one of `dataset`, unless simulated.

    Source: the layout described in the README of MMSA.
    Raises:
        ValueError: the file is missing, damaged or has another layout.
    """
    content = layout.splits(load_pickle(path), SPLITS, path)
    for split in SPLITS:
        layout.check_columns(content[split], NEEDED, f"{path}: {split}")
    samples = pd.concat(
        [_samples(content[split], split, path) for split in SPLITS], ignore_index=True
    )
    texts = [
        layout.as_string(text)
        for split in SPLITS
        for text in content[split]["raw_text"]
    ]
    modalities: dict[str, Ragged | Texts] = {"text": Texts(texts)}
    for name in SERIES:
        parts = [_series(content[split], name, f"{path}: {split}") for split in SPLITS]
        layout.check_same_features(parts, f"{path}: {name}")
        modalities[name] = padding.concatenated(parts)
    warnings = () if simulated else sum_warnings(path, dataset)
    return Dataset(
        samples,
        modalities,
        source="simulated" if simulated else "mmsa",
        simulated=simulated,
        warnings=warnings,
    )


def _samples(columns: dict[str, Any], split: str, path: Path) -> pd.DataFrame:
    ids = [layout.as_string(name) for name in columns["id"]]
    odd = [name for name in ids if "$_$" not in name]
    if odd:
        raise ValueError(
            f"{path}: {split}.id has {len(odd)} ids that are not video$_$clip, first "
            f"{odd[0]!r}; the file has another layout"
        )
    labels = np.asarray(columns["regression_labels"], dtype=np.float64).reshape(-1)
    if len(labels) != len(ids):
        raise ValueError(
            f"{path}: {split}.regression_labels has {len(labels)} rows, "
            f"{len(ids)} ids are there; the file is damaged"
        )
    groups = [name.rsplit("$_$", 1)[0] for name in ids]
    return pd.DataFrame({"id": ids, "group": groups, "split": split, "y": labels})


def _series(columns: dict[str, Any], name: str, where: str) -> Ragged:
    array_name, lengths_name = SERIES[name]
    padded = layout.as_padded(columns[array_name], f"{where}.{array_name}")
    if lengths_name in columns:
        lengths = np.asarray(columns[lengths_name]).reshape(-1).astype(np.int64)
        rows = padding.rows_of_lengths(padded, lengths, f"{where}.{lengths_name}")
    else:
        rows = padding.kept_rows(padded)
    return padding.ragged(padded, rows)
