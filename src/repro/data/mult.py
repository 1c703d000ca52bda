"""Reader of the MulT feature files, such as `mosi_data_noalign.pkl`."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repro.data import csv_files, fields, layout, padding
from repro.data.spelling import plain
from repro.data.unpickling import load_pickle
from repro.records import SPLITS, Dataset, Ragged, Texts

NEEDED = ("text", "audio", "vision", "labels", "id")
SERIES = {"text": "text", "audio": "audio", "video": "vision"}
_SECONDS = re.compile(r"\s*-?\d{1,9}(\.\d*)?(e[+-]?\d{1,3})?\s*", re.IGNORECASE)
_UTTERANCE = re.compile(r"(?P<video>.+?)(?:_(?P<a>\d+)|\[(?P<b>\d+)\])")


def read(path: Path, labels: Path | None = None) -> Dataset:
    """Text, audio and video of every utterance, with sentiment labels.

    Text is the stored word vectors, or words when the label CSV (columns `video_id`,
    `clip_id`, `text`) is given. Rows of zeros in front are padding. -inf in audio
    and video becomes 0 and is counted in the notes. Ids are the first
    stored column where that names utterances (`video_3` or `video[3]`); where it names
    videos only, as in MOSEI, the start time makes them unique.

    Source: the loader of the published MulT features, which sets -inf to 0.
    Raises:
        ValueError: a file is missing, damaged or has another layout, an id is of no
            known form, or the CSV does not belong to it.
    """
    content = layout.splits(load_pickle(path), SPLITS, path)
    for split in SPLITS:
        layout.check_columns(content[split], NEEDED, f"{path}: {split}")
    samples = _samples(content, path)
    notes: tuple[str, ...] = ()
    modalities: dict[str, Ragged | Texts] = {}
    for name in SERIES:
        gathered = _gathered(content, name, path)
        modalities[name] = gathered.ragged
        notes += gathered.notes(name)
    if labels is not None:
        modalities["text"] = Texts(_words(samples, labels))
    samples = samples.drop(columns=["video", "clip"])
    return Dataset(samples, modalities, source="mult", notes=notes)


def _gathered(content: dict[str, Any], name: str, path: Path) -> padding.Gathered:
    """One modality of all splits; its padded arrays are let go."""
    parts = [_part(content[split], name, f"{path}: {split}") for split in SPLITS]
    for split in SPLITS:
        del content[split][SERIES[name]]
    return layout.joined(parts, f"{path}: {name}", silence=name != "text")


def _part(columns: dict[str, Any], name: str, where: str) -> padding.Part:
    padded = layout.as_padded(columns[SERIES[name]], f"{where}.{SERIES[name]}")
    return padding.Part(padded, padding.kept_rows(padded))


def _samples(content: dict[str, Any], path: Path) -> pd.DataFrame:
    tables = []
    for split in SPLITS:
        where = f"{path}: {split}"
        labels = fields.numbers(content[split]["labels"], f"{where}.labels")
        rows = [
            _columns(row, f"{where}.id[{place}]")
            for place, row in enumerate(content[split]["id"])
        ]
        table = pd.DataFrame(rows, columns=["first", "start"], dtype="str")
        tables.append(table.assign(split=split, y=labels))
    return _named(pd.concat(tables, ignore_index=True), path)


def _columns(row: object, where: str) -> tuple[str, str]:
    """The first stored column, and the second one or nothing."""
    if not isinstance(row, np.ndarray | list | tuple):
        return fields.name(row, where), ""
    if isinstance(row, np.ndarray) and row.ndim == 0:
        return fields.name(row[()], where), ""
    if not len(row):
        raise ValueError(f"{where}: is empty; give the name of the utterance")
    start = row[1] if len(row) > 1 else ""
    if isinstance(start, int | float | np.number):  # seconds, stored as a number
        start = str(start)
    return fields.name(row[0], where), fields.text(start, where)


def _named(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    found = [_UTTERANCE.fullmatch(name) for name in rows["first"]]
    matches = [match for match in found if match]
    if len(matches) == len(rows):
        videos = [match["video"] for match in matches]
        clips = [match["a"] or match["b"] for match in matches]
        ids = rows["first"]
    else:
        _check_videos(rows, len(matches), path)
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


def _check_videos(rows: pd.DataFrame, utterances: int, path: Path) -> None:
    """Names that are no utterances are videos, if a start time follows each.

    A few names of videos end by chance as those of utterances do.
    """
    no_time = [not _SECONDS.fullmatch(start) for start in rows["start"]]
    is_other = [not _UTTERANCE.fullmatch(name) for name in rows["first"]]
    bad = np.array(is_other if 2 * utterances > len(rows) else no_time)
    if bad.any():
        first = rows[bad].iloc[0]
        raise ValueError(
            f"{path}: id has {int(bad.sum())} names that are neither video_3 or "
            f"video[3] nor a video with its start in seconds, first "
            f"{first['first'][:80]!r} in {first['split']}; correct them"
        )


def _words(samples: pd.DataFrame, path: Path) -> list[str]:
    table = csv_files.csv_table(path, ("video_id", "clip_id", "text"))
    if (samples["clip"] == "").any():
        return _words_by_order(samples, table, path)
    keys = _keys(table["video_id"], table["clip_id"])
    wanted = _keys(samples["video"], samples["clip"])
    absent = samples["id"][~wanted.isin(keys)]
    if len(absent):
        raise ValueError(
            f"{path}: has no row for {len(absent)} samples, first ids "
            f"{', '.join(absent[:5])}; give the CSV of the same data set"
        )
    asked = keys.isin(wanted)
    said = table["text"][asked].str.strip()
    texts = csv_files.only_values(keys[asked].tolist(), said, f"{path}: text")
    return [texts[key] for key in wanted]


def _keys(videos: pd.Series, clips: pd.Series) -> pd.Series:
    return videos.map(plain) + " clip " + clips.map(plain)


def _words_by_order(
    samples: pd.DataFrame, table: pd.DataFrame, path: Path
) -> list[str]:
    """Rows in the order of the splits, believed only where video and label agree."""
    if len(table) != len(samples):
        raise ValueError(
            f"{path}: has {len(table)} rows, the features have {len(samples)} samples "
            "and name videos only; give the CSV of the same data set"
        )
    agree = (table["video_id"].map(plain) == samples["video"].map(plain)).to_numpy()
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
