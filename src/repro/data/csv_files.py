"""CSV files as strings, whose rows all have the fields of the header."""

import csv
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from repro.data.places import regular_file


def csv_table(path: Path, needed: Sequence[str]) -> pd.DataFrame:
    """A CSV file as strings; words that look like missing values stay words.

    Raises:
        ValueError: the file is missing, is no CSV, has a row with more or fewer fields
            than the header, a column twice, or lacks a needed column.
    """
    rows = _rows(regular_file(path))
    if not rows:
        raise ValueError(f"{path}: not a UTF-8 CSV file (it is empty); save it again")
    header, *others = rows
    _check_header(header, path)
    for number, row in enumerate(others, start=1):
        if len(row) != len(header):
            raise ValueError(
                f"{path}: row {number} has {len(row)} fields, the header has "
                f"{len(header)}; the file is cut, or a field with a comma lacks quotes"
            )
    table = pd.DataFrame(others, columns=header, dtype="str")
    check_named(table, needed, path)
    return table


def _rows(path: Path) -> list[list[str]]:
    """The rows that are not empty; a text may be as long as it is."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            return [row for row in csv.reader(handle, strict=True) if row]
    except UnicodeError as error:
        raise ValueError(
            f"{path}: not a UTF-8 CSV file ({error}); save it as UTF-8"
        ) from error
    except csv.Error as error:
        raise ValueError(
            f"{path}: not a UTF-8 CSV file ({error}); close every quote, and quote "
            "fields that hold a comma or a quote"
        ) from error
    finally:
        csv.field_size_limit(before)


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


def _check_header(header: list[str], path: Path) -> None:
    # Columns without a name cannot be asked for; a comma at every end makes them.
    repeated = [name for name, count in Counter(header).items() if name and count > 1]
    if repeated:
        raise ValueError(
            f"{path}: the header has {', '.join(repeated[:5])} more than once; give "
            "every column a name of its own"
        )
