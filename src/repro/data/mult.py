"""Reader of the MulT feature files, such as `mosi_data_noalign.pkl`."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repro.data import layout, padding
from repro.data.unpickling import load_pickle
from repro.records import SPLITS, Dataset, Ragged, Texts

NEEDED = ("text", "audio", "vision", "labels", "id")
SERIES = {"text": "text", "audio": "audio", "video": "vision"}
_UTTERANCE = re.compile(r"(?P<video>.+?)(?:_(?P<a>\d+)|\[(?P<b>\d+)\])")


def read(path: Path, labels: Path | None = None) -> Dataset:
    """Text, audio and video of every utterance, with sentiment labels.

    Text is the stored word vectors, or words when the label CSV (columns `video_id`,
    `clip_id`, `text`) is given. Rows of zeros in front are padding. -inf in audio
    stands for silence: it becomes 0 and is counted in the notes. Ids are the first
    stored column where that names utterances (`video_3` or `video[3]`); where it names
    videos only, as in MOSEI, the start time makes them unique.

    Source: the loader of the published MulT features.
    Raises:
        ValueError: a file is missing, damaged or has another layout, or the CSV does
            not belong to it.
    """
    content = layout.splits(load_pickle(path), SPLITS, path)
    for split in SPLITS:
        layout.check_columns(content[split], NEEDED, f"{path}: {split}")
    samples = _samples(content, path)
    silent = 0
    modalities: dict[str, Ragged | Texts] = {}
    for name in SERIES:
        parts = []
        for split in SPLITS:
            where = f"{path}: {split}.{SERIES[name]}"
            padded = layout.as_padded(content[split][SERIES[name]], where)
            rows = padding.kept_rows(padded)
            part = padding.ragged(padded, rows)
            if name == "audio":
                part, count = _without_minus_infinity(part)
                silent += count
            parts.append(part)
        layout.check_same_features(parts, f"{path}: {name}")
        modalities[name] = padding.concatenated(parts)
    if labels is not None:
        modalities["text"] = Texts(_words(samples, labels))
    notes = (f"audio: {silent} values were -inf and are 0 now",) if silent else ()
    samples = samples.drop(columns=["video", "clip"])
    return Dataset(samples, modalities, source="mult", notes=notes)


def _without_minus_infinity(part: Ragged) -> tuple[Ragged, int]:
    silent = np.isneginf(part.values)
    values = np.where(silent, np.float32(0), part.values)
    return Ragged(values, part.offsets), int(silent.sum())


def _samples(content: dict[str, Any], path: Path) -> pd.DataFrame:
    tables = []
    for split in SPLITS:
        stored = content[split]["id"]
        labels = np.asarray(content[split]["labels"], dtype=np.float64).reshape(-1)
        if len(labels) != len(stored):
            raise ValueError(
                f"{path}: {split}.labels has {len(labels)} values for {len(stored)} "
                "samples; one label each is needed"
            )
        rows = [_columns(row) for row in stored]
        tables.append(
            pd.DataFrame(
                {
                    "first": [row[0] for row in rows],
                    "start": [row[1] if len(row) > 1 else "" for row in rows],
                    "split": split,
                    "y": labels,
                }
            )
        )
    return _named(pd.concat(tables, ignore_index=True))


def _columns(row: object) -> list[str]:
    if isinstance(row, np.ndarray | list | tuple):
        return [layout.as_string(part) for part in row]
    return [layout.as_string(row)]


def _named(rows: pd.DataFrame) -> pd.DataFrame:
    matches = [_UTTERANCE.fullmatch(name) for name in rows["first"]]
    if all(matches):
        found = [match for match in matches if match]
        videos = [match["video"] for match in found]
        clips = [match["a"] or match["b"] for match in found]
        ids = rows["first"]
    else:
        videos, clips = rows["first"].tolist(), [""] * len(rows)
        ids = rows["first"] + "[" + rows["start"] + "]"
    return pd.DataFrame(
        {
            "id": ids,
            "group": videos,
            "split": rows["split"],
            "y": rows["y"],
            "video": videos,
            "clip": clips,
        }
    )


def _words(samples: pd.DataFrame, path: Path) -> list[str]:
    table = layout.csv_table(path, ("video_id", "clip_id", "text"))
    if (samples["clip"] == "").any():
        return _words_by_order(samples, table, path)
    keys = table["video_id"] + " " + table["clip_id"]
    texts = dict(zip(keys, table["text"].str.strip(), strict=True))
    wanted = samples["video"] + " " + samples["clip"]
    absent = samples["id"][~wanted.isin(keys)]
    if len(absent):
        raise ValueError(
            f"{path}: has no row for {len(absent)} samples, first ids "
            f"{', '.join(absent[:5])}; give the CSV of the same data set"
        )
    return [texts[key] for key in wanted]


def _words_by_order(
    samples: pd.DataFrame, table: pd.DataFrame, path: Path
) -> list[str]:
    """Rows in the order of the splits, believed only where video and label agree."""
    if len(table) != len(samples):
        raise ValueError(
            f"{path}: has {len(table)} rows, the features have {len(samples)} samples "
            "and name videos only; give the CSV of the same data set"
        )
    agree = (table["video_id"] == samples["video"]).to_numpy()
    if "label" in table.columns:
        labels = pd.to_numeric(table["label"], errors="coerce").to_numpy()
        agree = agree & (np.abs(labels - samples["y"].to_numpy()) < 1e-3)
    if not agree.all():
        first = int(np.argmin(agree))
        raise ValueError(
            f"{path}: {int((~agree).sum())} rows name another video or label than the "
            f"features in the same place, first row {first + 1}; the words cannot be "
            "joined by order, set labels: none"
        )
    return table["text"].str.strip().tolist()
