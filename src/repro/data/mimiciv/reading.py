"""Raw csv tables as lazy frames of strings, and one streaming pass over each."""

import errno
import logging
import time
from collections.abc import Callable, Sequence
from typing import Literal

import polars as pl

from repro.data.mimiciv.layout import Source, unreadable

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
Encoding = Literal["utf8", "utf8-lossy"]
_log = logging.getLogger(__name__)


def csv_scan(
    source: Source, columns: Sequence[str], encoding: Encoding = "utf8-lossy"
) -> pl.LazyFrame:
    """The columns of a table as strings; only rows and columns used are kept.

    Everything is read as text, so a bad number or date is one bad cell that can be
    counted, not a failed run.
    """
    return pl.scan_csv(source.path, infer_schema=False, encoding=encoding).select(
        columns
    )


def csv_frame(source: Source, columns: Sequence[str]) -> pl.DataFrame:
    """A small table in memory, as strings.

    Raises:
        ValueError: the file is damaged.
    """
    return collected([csv_scan(source, columns)], source)[0]


def collected(queries: Sequence[pl.LazyFrame], source: Source) -> list[pl.DataFrame]:
    """Run queries over one table in one streaming pass, logged before and after.

    The queries share one scan where they are made of one plan. A filter of one query
    alone would be pushed into a scan of its own, so side counts are sums over the plan.

    Raises:
        ValueError: the file is cut short or damaged; the message names it.
        OSError: the disk is full.
    """
    size = source.path.stat().st_size
    _log.info("%s: reading %.1f MB", source.label, size / 1e6)
    start = time.monotonic()
    try:
        frames = pl.collect_all(queries, engine="streaming")
    except (OSError, pl.exceptions.PolarsError) as error:
        code = getattr(error, "errno", None)
        if code in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            raise
        raise ValueError(unreadable(source.path, error)) from error
    seconds = time.monotonic() - start
    _log.info("%s: %.1f MB read in %.1f s", source.label, size / 1e6, seconds)
    return frames


def collected_text(
    queries: Callable[[Encoding], Sequence[pl.LazyFrame]], source: Source
) -> list[pl.DataFrame]:
    """Run queries over a table taken as UTF-8; again, if a cell is none, more slowly.

    To replace bytes that are no UTF-8 takes an eighth of a pass over a large file, and
    released files hold none.

    Raises:
        ValueError: as for `collected`.
        OSError: as for `collected`.
    """
    try:
        return collected(queries("utf8"), source)
    except ValueError as error:
        if "invalid utf-8" not in str(error):
            raise
    _log.warning("%s: has bytes that are no UTF-8; read again", source.label)
    return collected(queries("utf8-lossy"), source)


def timestamp(column: str) -> pl.Expr:
    """A column of `YYYY-MM-DD HH:MM:SS` as a moment; anything else is null."""
    return pl.col(column).str.to_datetime(TIME_FORMAT, time_unit="us", strict=False)


def available(policy: str) -> pl.Expr:
    """When a row could be known, of columns charttime and storetime.

    `strict`: the later of the two; charttime where no storetime is given.
    `charttime`: charttime. This decides whether a row enters; `taken` says where it
    stands.

    Departure: the study used charttime, also for laboratory results that were not
    known yet.
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
