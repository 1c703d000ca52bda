"""Checks that the readers share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Num

from repro.records import Ragged


def splits(content: object, names: Sequence[str], path: Path) -> dict[str, Any]:
    """The content, once it is a dict that has every split.

    Raises:
        ValueError: it is not; the message names the split.
    """
    if not isinstance(content, dict):
        raise ValueError(
            f"{path}: holds a {type(content).__name__}, not a dict of the splits "
            f"{', '.join(names)}; give the right file or another `source`"
        )
    for name in names:
        if name not in content:
            raise ValueError(
                f"{path}: there is no split {name!r} among "
                f"{sorted(map(str, content))}; give the right file or another `source`"
            )
    return content


def check_columns(columns: object, needed: Sequence[str], where: str) -> None:
    """Stop when a split is not a dict with all `needed` columns of one length.

    Raises:
        ValueError: it is not; the message names the column.
    """
    if not isinstance(columns, dict):
        raise ValueError(
            f"{where}: holds a {type(columns).__name__}, not a dict of columns; "
            "give the right file or another `source`"
        )
    missing = [name for name in needed if name not in columns]
    if missing:
        raise ValueError(
            f"{where}: has no {', '.join(missing)} among "
            f"{sorted(map(str, columns))}; give the right file or another `source`"
        )
    counts = {name: len(columns[name]) for name in needed}
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
    if not isinstance(array, np.ndarray) or array.ndim != 3:
        shape = array.shape if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(
            f"{where}: is {shape}, an array (samples, time, features) is needed; "
            "give the right file or another `source`"
        )
    if array.dtype.kind not in "fiu":
        raise ValueError(
            f"{where}: holds {array.dtype}, numbers are needed; "
            "give the right file or another `source`"
        )
    return array


def as_string(value: object) -> str:
    """Text of a str, of UTF-8 bytes or of a numpy string.

    >>> as_string(np.bytes_(b"ab"))
    'ab'
    """
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return str(value)


def check_same_features(parts: Sequence[Ragged], where: str) -> None:
    """Stop when the splits differ in their number of features.

    Raises:
        ValueError: they do.
    """
    features = [part.values.shape[1] for part in parts]
    if len(set(features)) > 1:
        raise ValueError(
            f"{where}: the splits have {features} features; the file is damaged"
        )


def csv_table(path: Path, needed: Sequence[str]) -> pd.DataFrame:
    """A CSV file as strings; words that look like missing values stay words.

    Raises:
        ValueError: the file is missing, is no CSV or lacks a needed column.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file; put it there or correct its path")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeError) as error:
        raise ValueError(f"{path}: not a UTF-8 CSV file ({error})") from error
    check_named(table, needed, path)
    return table


def check_named(table: pd.DataFrame, needed: Sequence[str], path: Path) -> None:
    """Stop when a column is missing.

    Raises:
        ValueError: it is; the message names it and those that are there.
    """
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise ValueError(
            f"{path}: has no column {', '.join(missing)} among "
            f"{list(table.columns)}; correct the file or the names in params.yaml"
        )
