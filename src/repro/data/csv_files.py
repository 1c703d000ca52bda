"""CSV files as strings, whose rows all have the fields of the header."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from repro.data.places import regular_file


def csv_table(path: Path, needed: Sequence[str]) -> pd.DataFrame:
    """A CSV file as strings; words that look like missing values stay words.

    Raises:
        ValueError: the file is missing, is no CSV, has a row with more or fewer fields
            than the header, a column twice, or lacks a needed column.
    """
    try:
        # The header is read as a row: pandas would shift rows that are longer.
        rows = pd.read_csv(
            regular_file(path), dtype=str, keep_default_na=False, header=None
        )
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"{path}: not a UTF-8 CSV file (it is empty)") from error
    except UnicodeError as error:
        raise ValueError(
            f"{path}: not a UTF-8 CSV file ({error}); save it as UTF-8"
        ) from error
    except pd.errors.ParserError as error:
        raise ValueError(
            f"{path}: not a UTF-8 CSV file ({str(error).strip()}); give every row the "
            "fields of the header and quote fields that hold a comma"
        ) from error
    header, table = rows.iloc[0], rows.iloc[1:].reset_index(drop=True)
    _check_header(header, path)
    _check_rows(table, path)
    table.columns = header.tolist()
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


def only_values(
    keys: Sequence[str], values: Sequence[str] | pd.Series, where: str
) -> dict[str, str]:
    """The value of every key.

    Raises:
        ValueError: a key stands in several rows with different values.

    >>> only_values(["a", "a"], ["1", "1"], "here")
    {'a': '1'}
    """
    found: dict[str, str] = {}
    for key, value in zip(keys, values, strict=True):
        if found.setdefault(key, value) != value:
            raise ValueError(
                f"{where}: {key!r} stands in several rows with different values, "
                f"{found[key][:40]!r} and {value[:40]!r}; leave one of them"
            )
    return found


def _check_header(header: pd.Series, path: Path) -> None:
    repeated = [str(name) for name, count in Counter(header).items() if count > 1]
    if repeated:
        raise ValueError(
            f"{path}: the header has {', '.join(repeated)} more than once; give every "
            "column a name of its own"
        )


def _check_rows(table: pd.DataFrame, path: Path) -> None:
    short = table.isna().to_numpy().any(axis=1)
    if short.any():
        raise ValueError(
            f"{path}: row {int(np.argmax(short)) + 1} has fewer fields than the header "
            f"({int(short.sum())} such rows); the file is cut or lacks commas"
        )
