"""Paths of objects: they stay inside the root that they are given for."""

import os
from pathlib import Path, PurePosixPath

import polars as pl

from repro.data.mimiciv.layout import Source


def is_inside(root: Path, path: str) -> bool:
    """Whether a path relative to `root` stays in it, links followed.

    >>> is_inside(Path("/data"), "files/p10/1"), is_inside(Path("/data"), "../1")
    (True, False)
    """
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "\0" in path:
        return False
    # Path.resolve would fail at links that lead to each other.
    return Path(os.path.realpath(root / path)).is_relative_to(os.path.realpath(root))


def check_inside(rows: pl.DataFrame, source: Source) -> None:
    """Stop at the first path that leads out of the root of its table.

    Raises:
        ValueError: one does; the message gives the row and the path.
    """
    for row, path in rows.select("row", "path").iter_rows():
        if not is_inside(source.root, path):
            raise ValueError(
                f"{source.path}: row {row}: path {path!r} leads out of {source.root}; "
                "give paths and links that stay in it, or the folder of the files"
            )
