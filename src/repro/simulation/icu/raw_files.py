"""The files of the tree: CSV with stable bytes, folders of small files."""

import gzip
import io
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Shaped

from repro import files

LEVEL = 1  # of gzip: speed matters more than size here


def write_csv(path: Path, frame: pl.DataFrame) -> None:
    """Write a frame as CSV, compressed where the name ends in .gz.

    Times are written to the second, absent values as empty fields.
    """
    buffer = io.BytesIO()
    frame.write_csv(buffer, datetime_format="%Y-%m-%d %H:%M:%S")
    content = buffer.getvalue()
    if path.suffix == ".gz":
        content = gzip.compress(content, LEVEL, mtime=0)
    files.write_bytes(path, content)


def write_folder(path: Path, contents: Iterable[tuple[str, bytes]]) -> None:
    """Write a folder of small files, whole or not at all; an older one is replaced.

    The folder gets its name when it is complete. Its files are not forced to disk one
    by one, as `repro.files` does: for thousands that takes longer than drawing them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir()
        for name, content in contents:
            place = temporary / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def clock(times: Shaped[np.ndarray, " rows"]) -> pl.Series:
    """Clock times to the microsecond as polars keeps them; NaT becomes null."""
    return pl.Series(times.astype("datetime64[us]"))


def whole_minutes(times: Shaped[np.ndarray, " rows"]) -> Shaped[np.ndarray, " rows"]:
    """The next whole minute, as charted times are written.

    >>> whole_minutes(np.array(["2150-01-01T00:00:01"], "datetime64[s]")).tolist()
    [datetime.datetime(2150, 1, 1, 0, 1)]
    """
    later = times + np.timedelta64(59, "s")
    return later.astype("datetime64[m]").astype("datetime64[s]")


def numbers_as_text(column: str) -> pl.Expr:
    """The value column of the raw tables: whole numbers without a decimal point."""
    number = pl.col(column)
    whole = number.cast(pl.Int64, strict=False).cast(pl.String)
    return (
        pl.when(number == number.round(0)).then(whole).otherwise(number.cast(pl.String))
    )
