"""Checks that the readers share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Num

from repro.data import fields, padding
from repro.data.machine import short
from repro.records import Ragged

_GIVE = "give the right file or another `source`"


def splits(content: object, names: Sequence[str], path: Path) -> dict[str, Any]:
    """The content, once it is a dict that has every split.

    Raises:
        ValueError: it is not; the message names the split.
    """
    if not isinstance(content, dict):
        raise ValueError(
            f"{path}: holds {short(content)}, not a dict of the splits "
            f"{', '.join(names)}; {_GIVE}"
        )
    for name in names:
        if name not in content:
            raise ValueError(
                f"{path}: there is no split {name!r} among {_listed(content)}; {_GIVE}"
            )
    return content


def check_columns(columns: object, needed: Sequence[str], where: str) -> None:
    """Stop when a split is not a dict with all `needed` columns of one length.

    Raises:
        ValueError: it is not; the message names the column.
    """
    if not isinstance(columns, dict):
        raise ValueError(
            f"{where}: holds {short(columns)}, not a dict of columns; {_GIVE}"
        )
    missing = [name for name in needed if name not in columns]
    if missing:
        raise ValueError(
            f"{where}: has no {', '.join(missing)} among {_listed(columns)}; {_GIVE}"
        )
    counts = {
        name: len(fields.column(columns[name], f"{where}.{name}")) for name in needed
    }
    if len(set(counts.values())) > 1:
        raise ValueError(
            f"{where}: columns differ in their number of samples {counts}; "
            "the file is damaged"
        )


def as_padded(array: object, where: str) -> Num[np.ndarray, "samples time features"]:
    """The array, once it is a numeric array of three dimensions.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(array, np.ndarray) or array.ndim != 3 or not array.shape[2]:
        shape = array.shape if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(
            f"{where}: is {shape}, an array (samples, time, features) is needed; "
            f"{_GIVE}"
        )
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{where}: holds {array.dtype}, numbers are needed; {_GIVE}")
    return array


def joined(
    parts: Sequence[padding.Part], where: str, *, silence: bool
) -> padding.Gathered:
    """The sequences of all parts, which have the same features.

    Raises:
        ValueError: they have not.
    """
    features = [part.padded.shape[2] for part in parts]
    if len(set(features)) > 1:
        raise ValueError(
            f"{where}: the splits have {features} features; the file is damaged"
        )
    return padding.gathered(parts, silence=silence)


def rows_of(ragged: Ragged) -> np.ndarray:
    """The sample of every row."""
    return np.repeat(np.arange(len(ragged.lengths)), ragged.lengths)


def _listed(content: dict) -> list[str]:
    return sorted(short(name).strip("'") for name in list(content)[:20])
