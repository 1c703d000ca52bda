"""Cells of raw tables as ids, times, flags and numbers: read, absent or unreadable.

A cell is absent if it is empty or holds one of the words of `ABSENT`. What is neither
absent nor can be read is counted, and stops the run where a cohort or a window hangs on
it: a cell that cannot be read is never taken for one that is absent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from repro.data.mimiciv.books import Book

# As R, pandas, SQL and Python write a missing value; compared in lower case.
ABSENT = ("", "na", "nan", "null", "none", r"\n", "n/a", "nat", "<na>")
LONGEST_ABSENT = max(map(len, ABSENT))
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
_YEARS = datetime(1000, 1, 1), datetime(9999, 12, 30)  # beyond are no times of a stay
# Year first, so no month can be taken for a day; no offset but that of UTC.
_MOMENT = (
    r"^(?<year>[0-9]{4})-(?<month>[0-9]{1,2})-(?<day>[0-9]{1,2})(?:[Tt]| +)"
    r"(?<hour>[0-9]{1,2}):(?<minute>[0-9]{1,2})"
    r"(?::(?<second>[0-5]?[0-9])(?:\.(?<decimals>[0-9]*))?)?"
    r" *(?i:Z|UTC|GMT|[+-]00(?::?00)?)?$"
)
_DAY = r"^([0-9]{4})(?:-([0-9]{2})-|([0-9]{2}))([0-9]{2})(?:\.0*| 00:00:00)?$"
_CLOCK = r"^(?<clock>[0-9]{1,6}|[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.(?<decimals>[0-9]*))?$"
_WHOLE = r"^\+?([0-9]+)(?:\.0*)?$"
_FLAGS = {"true": 1, "t": 1, "1": 1, "false": 0, "f": 0, "0": 0}


@dataclass(frozen=True)
class Kind:
    """How a cell is read: as released files write it, else as exports may write it."""

    name: str
    plain: Callable[[pl.Expr], pl.Expr]
    other: Callable[[pl.Expr], pl.Expr]


@dataclass(frozen=True)
class Cell:
    """The kind of a column, and whether an unreadable cell in it stops the run."""

    kind: Kind
    stops: bool = True


def is_absent(text: pl.Expr) -> pl.Expr:
    """Whether a cell holds nothing, or a word for nothing.

    >>> cells = pl.DataFrame({"c": ["", " NA ", "None", None, "0"]})
    >>> cells.select(is_absent(pl.col("c"))).to_series().to_list()
    [True, True, True, True, False]
    """
    start = text.str.strip_chars().str.head(LONGEST_ABSENT + 1)  # texts may be long
    return start.str.to_lowercase().is_in(ABSENT).fill_null(True)


def given(column: str) -> pl.Expr:
    """A column of words without the space around them; null where they are absent."""
    text = pl.col(column).str.strip_chars()
    return pl.when(~is_absent(text)).then(text)


def read(frame: pl.DataFrame, cells: Mapping[str, Cell], book: Book) -> pl.DataFrame:
    """The frame with columns of text read as `cells` says; null is absent.

    `frame` has a column row, the number of a row in its file.

    Raises:
        ValueError: a cell of a column that stops can be read in no way; the message
            names file, row, column and value.
    """
    plain = {column: cell.kind.plain(pl.col(column)) for column, cell in cells.items()}
    found = frame.with_columns(**plain)
    for column, cell in cells.items():
        if found[column].null_count() > frame[column].null_count():
            left = found[column].is_null() & frame[column].is_not_null()
            values = _read_otherwise(frame.filter(left), column, cell, book)
            whole = found[column].scatter(left.arg_true(), values)
            found = found.with_columns(whole.alias(column))
    return found


def _read_otherwise(
    frame: pl.DataFrame, column: str, cell: Cell, book: Book
) -> pl.Series:
    """Cells that are not as released files write them; the unreadable are counted."""
    text = pl.col(column)
    frame = frame.select(
        "row",
        text,
        value=cell.kind.other(text.str.strip_chars()),
        is_absent=is_absent(text),
    )
    unreadable = frame.filter(pl.col("value").is_null() & ~pl.col("is_absent"))
    if unreadable.height and cell.stops:
        row, value = unreadable.row(0)[:2]
        raise ValueError(
            f"{book.source.path}: row {row}, column {column}: {value!r} is no "
            f"{cell.kind.name}; correct it or use the file as it was released"
        )
    if unreadable.height:
        book.unreadable[column] += unreadable.height
    return frame.select(pl.when(~pl.col("is_absent")).then("value")).to_series()


def _plain_moment(text: pl.Expr) -> pl.Expr:
    moment = text.str.to_datetime(TIME_FORMAT, time_unit="us", strict=False)
    # The parser is lenient with spaces, signs and a second of 60, which it takes for
    # the next minute; these go the way of other forms.
    is_plain = (text.str.len_bytes() == 19) & ~text.str.ends_with("60")
    return pl.when(is_plain, moment.is_between(*_YEARS)).then(moment)


def _other_moment(text: pl.Expr) -> pl.Expr:
    parts = text.str.extract_groups(_MOMENT)
    two = [
        parts.struct.field(name).fill_null("00").str.zfill(2)
        for name in ("month", "day", "hour", "minute", "second")
    ]
    digits = pl.concat_str(parts.struct.field("year"), *two)
    moment = digits.str.to_datetime("%Y%m%d%H%M%S", time_unit="us", strict=False)
    moment = moment + _microseconds(parts.struct.field("decimals"))
    return pl.when(moment.is_between(*_YEARS)).then(moment)


def _microseconds(decimals: pl.Expr) -> pl.Expr:
    """The decimals of a second, read as text and so exact."""
    digits = decimals.fill_null("").str.pad_end(6, "0").str.slice(0, 6)
    count = digits.cast(pl.Int64, strict=False)
    return pl.duration(microseconds=count, time_unit="us")


def _day(text: pl.Expr) -> pl.Expr:
    text = text.str.strip_chars()
    day = pl.when(text.str.contains(_DAY)).then(text.str.replace(_DAY, "$1$2$3$4"))
    return day.str.to_datetime("%Y%m%d", time_unit="us", strict=False)


def _clock(text: pl.Expr) -> pl.Expr:
    """The time of day of `HHMMSS.fff`; a number has lost its leading zeros."""
    parts = text.str.strip_chars().str.extract_groups(_CLOCK)
    digits = parts.struct.field("clock").str.replace_all(":", "").str.zfill(6)
    digits = pl.when(~digits.str.ends_with("60")).then(digits)  # no minute has it
    moment = ("19700101" + digits).str.to_datetime(
        "%Y%m%d%H%M%S", time_unit="us", strict=False
    )
    clock = moment - datetime(1970, 1, 1)
    return clock + _microseconds(parts.struct.field("decimals"))


def _whole(text: pl.Expr) -> pl.Expr:
    return text.str.extract(_WHOLE).cast(pl.Int64, strict=False)


def _flag(text: pl.Expr) -> pl.Expr:
    word = text.str.to_lowercase().str.replace(r"^([01])\.0*$", "$1")
    return word.replace_strict(_FLAGS, default=None, return_dtype=pl.Int64)


def _plain_whole(text: pl.Expr) -> pl.Expr:
    number = text.cast(pl.Int64, strict=False)
    return pl.when(number >= 0).then(number)  # ids have no sign


def _number(text: pl.Expr) -> pl.Expr:
    return text.cast(pl.Float64, strict=False)


WHOLE = Kind("whole number", _plain_whole, _whole)
NUMBER = Kind("number", _number, _number)
MOMENT = Kind("time YYYY-MM-DD HH:MM:SS", _plain_moment, _other_moment)
DAY = Kind("date YYYYMMDD", _day, _day)
CLOCK = Kind("time of day HHMMSS", _clock, _clock)
FLAG = Kind("flag 0 or 1", _flag, _flag)
