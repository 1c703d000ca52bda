"""Raw csv tables as frames of strings, a block of rows at a time."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from repro.data.mimiciv.books import Book
from repro.data.mimiciv.layout import header, unreadable
from repro.data.mimiciv.lines import (
    UNREADABLE,
    Block,
    blocks,
    commas,
    widths,
)

BATCH = 100_000  # rows
FIRST_ROW = 2  # the header is row 1
_REPLACED = "\ufffd"
_log = logging.getLogger(__name__)


def frames(book: Book, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Some columns of a table as strings, a block of rows at a time, and their row.

    Everything is read as text, so a bad number or date is one bad cell that can be
    counted. An empty cell is null. Bytes that are no UTF-8 become U+FFFD, wherever
    they stand after the header; the book counts them, and the rows.

    Raises:
        ValueError: the file is cut short or damaged, or a row has too few or too many
            fields; the message names it.
    """
    path, row = book.source.path, FIRST_ROW
    names = header(path)
    numbers = [names.index(column) for column in columns]
    try:
        for block in blocks(path):
            frame, replaced = _parsed(block, path, len(names), numbers, row)
            if replaced and not book.replaced:
                told = f"bytes that are no UTF-8 are read as {_REPLACED}"
                _log.warning("%s: %s", book.source.label, told)
            book.replaced += replaced
            book.read += frame.height
            row += frame.height
            yield frame.rename(dict(zip(map(str, numbers), columns, strict=True)))
    except UNREADABLE as error:
        raise ValueError(unreadable(path, error)) from error


def whole(book: Book, columns: Sequence[str]) -> pl.DataFrame:
    """A small table in memory, as `frames` gives it.

    Raises:
        ValueError: as for `frames`.
    """
    empty = dict.fromkeys(columns, pl.String) | {"row": pl.Int64}
    return pl.concat([pl.DataFrame(schema=empty), *frames(book, columns)])


def write_rows(
    book: Book,
    columns: Sequence[str],
    work: Callable[[pl.DataFrame], pl.DataFrame],
    target: Path,
    schema: Mapping[str, Any],
    wanted: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame,
) -> None:
    """Write what `work` makes of the wanted rows of a table, logged before and after.

    Raises:
        ValueError: as for `frames`, or what `work` says.
    """
    source = book.source
    size = source.path.stat().st_size / 1e6
    _log.info("%s: reading %.1f MB", source.label, size)
    start = time.monotonic()
    empty = pl.DataFrame(schema=schema).to_arrow()
    with pq.ParquetWriter(target, empty.schema, compression="lz4") as out:
        for frame in _batches(map(wanted, frames(book, columns))):
            made = work(frame).select(pl.col(n).cast(t) for n, t in schema.items())
            out.write_table(made.to_arrow())
    seconds = time.monotonic() - start
    _log.info("%s: %.1f MB read in %.1f s", source.label, size, seconds)


def _batches(parts: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The rows of the parts, many at once, since each call of `work` takes its time."""
    waiting: list[pl.DataFrame] = []
    for part in parts:
        waiting.append(part)
        if sum(frame.height for frame in waiting) >= BATCH:
            yield pl.concat(waiting)
            waiting = []
    if waiting:
        yield pl.concat(waiting)


def _parsed(
    block: Block, path: Path, fields: int, numbers: Sequence[int], row: int
) -> tuple[pl.DataFrame, int]:
    """The columns of these numbers, named by them, and `row`; characters replaced."""
    if block.fault:
        _refuse(
            path, row + block.fault[0], block.fault[1], "double it or copy it again"
        )
    last = fields - 1  # a row that is too short has nothing there
    try:
        frame = pl.read_csv(
            block.content,
            has_header=False,
            schema={str(number): pl.String for number in range(fields)},
            columns=sorted({*numbers, last}),
        )
    except pl.exceptions.PolarsError as error:
        text = block.content.decode(errors="replace")
        replaced = text.count(_REPLACED) - block.content.count(_REPLACED.encode())
        if replaced:
            other = Block.of(text.encode())
            return _parsed(other, path, fields, numbers, row)[0], replaced
        _counted(block, path, fields, row)
        raise ValueError(unreadable(path, error)) from error
    # Where no row is too short, one that is too long makes for too many commas.
    if frame[str(last)].null_count() or commas(block) != last * frame.height:
        rows = _counted(block, path, fields, row)
        if rows != frame.height:
            odd = ValueError(f"{frame.height} rows are found in {rows}")
            raise ValueError(unreadable(path, odd))
    place = row + frame.height
    if block.content[-1:] != b"\n" and path.suffix != ".gz":
        _refuse(path, place - 1, "the last row does not end", "copy the file again")
    return frame.select(*map(str, numbers), row=pl.int_range(row, place)), 0


def _counted(block: Block, path: Path, fields: int, row: int) -> int:
    """The rows of a block, which all have as many fields as the header."""
    found = widths(block)
    wrong = np.flatnonzero(found != fields)
    if len(wrong):
        told = f"{found[wrong[0]]} fields, not the {fields} of the header"
        _refuse(path, row + int(wrong[0]), told, "copy or download the file again")
    return len(found)


def _refuse(path: Path, row: int, told: str, remedy: str) -> NoReturn:
    raise ValueError(f"{path}: row {row}: {told}; {remedy}")


def available(policy: str) -> pl.Expr:
    """When a row could be known, of columns charttime and storetime.

    `strict`: the later of the two; charttime where no storetime is given.
    `charttime`: charttime. This decides whether a row enters; `taken` says where it
    stands.

    Departure: the study used charttime, also for laboratory results that were not
    known yet. Undone by `time_policy: charttime`.
    """
    if policy == "charttime":
        return pl.col("charttime")
    known = pl.max_horizontal("charttime", "storetime")
    return pl.when(pl.col("charttime").is_null()).then(None).otherwise(known)


def taken() -> pl.Expr:
    """Where a row stands: when it was charted or drawn; before the stay, at intime."""
    return pl.max_horizontal("charttime", "intime")


def hours_since(moment: pl.Expr, start: pl.Expr) -> pl.Expr:
    """Hours from `start` to `moment`, as float32."""
    return ((moment - start).dt.total_microseconds() / 3.6e9).cast(pl.Float32)
