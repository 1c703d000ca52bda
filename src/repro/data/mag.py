"""Reader of the MAG-BERT feature files, `mosi.pkl` and `mosei.pkl`."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from repro.data import fields, layout, padding
from repro.data.unpickling import load_pickle
from repro.records import SPLITS, Dataset, Ragged, Texts

_STORED = {"train": "train", "valid": "dev", "test": "test"}
_UTTERANCE = re.compile(r"(?P<video>.+)(_\d+|\[\d+\])", re.DOTALL)
_SHAPE = "((words, visual, acoustic), label, segment)"


class _Sample(NamedTuple):
    row: dict[str, object]
    words: list[str | None]
    video: np.ndarray
    audio: np.ndarray


def read(path: Path) -> Dataset:
    """Words, audio and video of every utterance, with sentiment labels.

    Audio (74 features) and video (47 in MOSI, 35 in MOSEI) have one row per word; the
    words are joined to one text. The segment name without its clip number is the
    group. -inf in audio and video becomes 0 and is counted in the notes.

    Source: the loader of the published MAG-BERT features.
    Raises:
        ValueError: the file is missing, damaged or has another layout, or a sample
            has not one row per word.
    """
    content = layout.splits(load_pickle(path), tuple(_STORED.values()), path)
    found = [sample for split in SPLITS for sample in _samples(content, split, path)]
    samples = pd.DataFrame(
        [sample.row for sample in found], columns=["id", "group", "split", "y"]
    )
    # A word that is missing has no letters, but its rows of audio and video.
    texts = [" ".join(word for word in s.words if word is not None) for s in found]
    modalities: dict[str, Ragged | Texts] = {"text": Texts(texts)}
    missing = sum(word is None for sample in found for word in sample.words)
    notes: tuple[str, ...] = ()
    if missing:
        notes = (f"text: {missing} words are missing in the file",)
    for name in ("audio", "video"):
        gathered = _gathered([getattr(s, name) for s in found], f"{path}: {name}")
        modalities[name] = gathered.ragged
        notes += gathered.notes(name)
    return Dataset(samples, modalities, source="mag", notes=notes)


def _samples(content: dict[str, Any], split: str, path: Path) -> list[_Sample]:
    where = f"{path}: {_STORED[split]}"
    stored = fields.column(content[_STORED[split]], where)
    return [_sample(one, split, f"{where}[{i}]") for i, one in enumerate(stored)]


def _sample(sample: Any, split: str, where: str) -> _Sample:
    (stored_words, video, audio), label, segment = _parts(sample, where)
    if isinstance(stored_words, np.ndarray) and stored_words.ndim != 1:
        raise ValueError(f"{where}: words are {stored_words.shape}; give one axis")
    words = [
        None if fields.is_missing(word) else fields.text(word, f"{where}: word {i}")
        for i, word in enumerate(fields.column(stored_words, f"{where}: words"))
    ]
    arrays = {"visual": video, "acoustic": audio}
    rows = [_rows(arrays[key], len(words), f"{where}: {key}") for key in arrays]
    y = fields.number(label, f"{where}: label")
    name = fields.name(segment, f"{where}: segment")
    match = _UTTERANCE.fullmatch(name)
    if match is None:
        raise ValueError(
            f"{where}: segment {name[:80]!r} is neither video_3 nor video[3], so its "
            "video is unknown; correct it"
        )
    row = {"id": name, "group": match["video"], "split": split, "y": y}
    return _Sample(row, words, *rows)


def _parts(sample: Any, where: str) -> tuple[tuple[Any, Any, Any], Any, Any]:
    is_whole = _is_sequence(sample, 3) and _is_sequence(sample[0], 3)
    if not is_whole:
        raise ValueError(
            f"{where}: is not {_SHAPE}; give the right file or another `source`"
        )
    features, label, segment = sample
    return tuple(features), label, segment


def _is_sequence(value: object, length: int) -> bool:
    is_array = isinstance(value, np.ndarray) and value.ndim > 0
    return (is_array or isinstance(value, list | tuple)) and len(value) == length  # type: ignore


def _rows(stored: object, words: int, where: str) -> np.ndarray:
    try:
        array = np.asarray(stored)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(
            f"{where} is no array ({error}); give one of numbers"
        ) from None
    if array.ndim != 2 or array.dtype.kind not in "fiu" or not array.shape[1]:
        raise ValueError(
            f"{where} is {array.dtype} {array.shape}, numbers (words, features) are "
            "needed; give the right file or another `source`"
        )
    if len(array) != words:
        raise ValueError(
            f"{where} has {len(array)} rows for {words} words; one row per word is "
            "needed"
        )
    return array


def _gathered(arrays: list[np.ndarray], where: str) -> padding.Gathered:
    features = sorted({array.shape[1] for array in arrays})
    if len(features) != 1:
        raise ValueError(
            f"{where}: samples have {features} features; the file is damaged or empty"
        )
    # Zero rows are words without a signal; a sample of nothing else has no series.
    pages = padding.Pages()
    is_filled = [bool(padding.filled(array, pages).any()) for array in arrays]
    parts = [
        padding.Part(array[None], np.full((1, len(array)), one))
        for array, one in zip(arrays, is_filled, strict=True)
    ]
    return padding.gathered(parts, silence=True)
