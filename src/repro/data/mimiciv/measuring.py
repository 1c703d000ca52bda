"""Passes over charted and laboratory events: the rows of the window, narrow."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from repro.data.mimiciv.books import Book
from repro.data.mimiciv.cells import MOMENT, NUMBER, WHOLE, Cell, given, read
from repro.data.mimiciv.cohort import BEFORE_ALL, timeline
from repro.data.mimiciv.layout import CORE, Source
from repro.data.mimiciv.reading import available, write_rows
from repro.data.mimiciv.settings import Settings

NARROW = {
    "stay_id": pl.Int64,
    "itemid": pl.Int64,
    "charted": pl.Int64,
    "value": pl.Float64,
    "valueuom": pl.String,
}
_DAY = timedelta(days=1)
_FATES = pl.Enum(
    [
        "used",
        "no_stay",
        "other_stay",
        "no_time",
        "mistyped_date",
        "drawn_long_before",
        "no_number",
        "before_window",
        "after_window",
        "outside_stays",
        "without_admission",
    ]
)


def chart_pass(
    source: Source,
    items: pl.DataFrame,
    stays: pl.DataFrame,
    settings: Settings,
    target: Path,
) -> dict[str, Any]:
    """Write the charted rows of the stays' windows and count the others.

    Rows belong to the stay that they name. A row charted more than a day outside its
    stay has a mistyped date and is left out. The time policy only decides which rows
    enter; each keeps the moment it was charted. Of rows of other items only the item
    id is read.

    Units: column `charted` is microseconds since intime.
    """
    book, times = Book(source), stays.select("stay_id", "intime", "outtime", "end")
    book.note(without_storetime=0)

    def used(rows: pl.DataFrame) -> pl.DataFrame:
        rows = read(rows, {"stay_id": Cell(WHOLE)} | _cells(settings), book)
        rows = _with_value(rows, items).join(times, on="stay_id", how="left")
        rows = rows.with_columns(known=available(settings.time_policy))
        return _narrow(rows.with_columns(fate=_chart_fate()), book)

    wanted = partial(_items_of, items=items, book=book)
    write_rows(book, CORE["icu/chartevents"], used, target, NARROW, wanted)
    return book.closed()


def laboratory_pass(
    source: Source,
    items: pl.DataFrame,
    windows: pl.DataFrame,
    settings: Settings,
    target: Path,
) -> dict[str, Any]:
    """Write the laboratory rows known in a stay's window and count the others.

    Rows belong to the stay that owns the moment they became known, whatever
    admission they name. A specimen drawn more than a day before that stay is left out.
    A row that no stay owns is `after_window` if it was drawn during the last stay or
    up to a day before, else `outside_stays`. Of rows of other items only the item id
    is read.

    Departure: the study dropped rows without an admission, about half of the table.
    Undone by `labs_without_admission: drop`.
    Units: column `charted` is microseconds since intime.
    """
    book, moments = Book(source), timeline(windows, windows["subject_id"])
    book.note(contested=0, kept_without_admission=0, without_storetime=0)
    keys = {"subject_id": Cell(WHOLE), "hadm_id": Cell(WHOLE)}
    fate = _laboratory_fate(settings.labs_without_admission == "drop")

    def used(rows: pl.DataFrame) -> pl.DataFrame:
        rows = read(rows, keys | _cells(settings), book)
        rows = _with_value(rows, items)
        rows = rows.with_columns(known=available(settings.time_policy))
        rows = owned(of_patients(rows, moments, book), moments).with_columns(fate=fate)
        kept = rows.filter(pl.col("fate") == "used")
        book.note(
            contested=int(kept["contested"].sum()),
            kept_without_admission=kept["hadm_id"].null_count(),
        )
        return _narrow(rows, book)

    wanted = partial(_items_of, items=items, book=book)
    write_rows(book, CORE["hosp/labevents"], used, target, NARROW, wanted)
    return book.closed()


def of_patients(rows: pl.DataFrame, moments: pl.DataFrame, book: Book) -> pl.DataFrame:
    """The rows of patients who have moments; the others are counted."""
    is_of = pl.col("subject_id").is_in(moments["subject_id"].unique().implode())
    rows = rows.with_columns(
        fate=pl.when(pl.col("subject_id").is_null())
        .then(pl.lit("no_patient"))
        .when(~is_of)
        .then(pl.lit("other_patient"))
    )
    book.add(rows.drop_nulls("fate"))
    return rows.filter(pl.col("fate").is_null())


def owned(rows: pl.DataFrame, moments: pl.DataFrame) -> pl.DataFrame:
    """Every row of the patients once, with the stay that owns the moment it was known.

    `moments` is their timeline. A row without such a moment, or of a moment that no
    stay owns, has no stay_id.
    """
    known = pl.col("known").fill_null(BEFORE_ALL)
    is_then = (known >= pl.col("start")) & (known < pl.col("stop"))
    joined = rows.lazy().join(moments.lazy(), on="subject_id", how="inner")
    return joined.filter(is_then).collect()


def _chart_fate() -> pl.Expr:
    return (
        pl.when(pl.col("stay_id").is_null())
        .then(_fate("no_stay"))
        .when(pl.col("intime").is_null())
        .then(_fate("other_stay"))
        .when(pl.col("charttime").is_null())
        .then(_fate("no_time"))
        .when(
            (pl.col("charttime") < pl.col("intime") - _DAY)
            | (pl.col("charttime") > pl.col("outtime") + _DAY)
        )
        .then(_fate("mistyped_date"))
        .when(~pl.col("value").is_finite().fill_null(False))
        .then(_fate("no_number"))
        .when(pl.col("known") < pl.col("intime"))
        .then(_fate("before_window"))
        .when(pl.col("known") > pl.col("end"))
        .then(_fate("after_window"))
        .otherwise(_fate("used"))
    )


def _laboratory_fate(drops: bool) -> pl.Expr:
    of_stay = pl.col("charttime").is_between(pl.col("intime") - _DAY, pl.col("outtime"))
    return (
        pl.when(pl.col("charttime").is_null())
        .then(_fate("no_time"))
        .when(pl.col("stay_id").is_null() & of_stay.fill_null(False))
        .then(_fate("after_window"))
        .when(pl.col("stay_id").is_null())
        .then(_fate("outside_stays"))
        .when(pl.col("charttime") < pl.col("intime") - _DAY)
        .then(_fate("drawn_long_before"))
        .when(~pl.col("value").is_finite().fill_null(False))
        .then(_fate("no_number"))
        .when(pl.col("hadm_id").is_null() & drops)
        .then(_fate("without_admission"))
        .otherwise(_fate("used"))
    )


def _fate(name: str) -> pl.Expr:
    return pl.lit(name, dtype=_FATES)


def _cells(settings: Settings) -> dict[str, Cell]:
    """Times and numbers of an event; a bad number is counted and left out."""
    is_strict = settings.time_policy == "strict"
    return {
        "charttime": Cell(MOMENT),
        "storetime": Cell(MOMENT, stops=is_strict),
        "valuenum": Cell(NUMBER, stops=False),
    }


def _items_of(frame: pl.DataFrame, items: pl.DataFrame, book: Book) -> pl.DataFrame:
    """Rows of the wanted items; the others are counted."""
    frame = read(frame, {"itemid": Cell(WHOLE)}, book)
    rows = frame.filter(pl.col("itemid").is_in(items["itemid"].implode()))
    absent = frame["itemid"].null_count()
    book.fates["no_item"] += absent
    book.fates["other_item"] += frame.height - rows.height - absent
    return rows


def _with_value(rows: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Rows with a value; the text that an item has for none is no value."""
    absent = pl.lit(False)
    for item, text in items.select("itemid", "missing_value").iter_rows():
        if text:
            same = pl.col("value").str.strip_chars() == text
            absent = absent | ((pl.col("itemid") == item) & same.fill_null(False))
    return rows.with_columns(value=pl.when(~absent).then("valuenum"))


def _narrow(rows: pl.DataFrame, book: Book) -> pl.DataFrame:
    """The rows used, counted with the others."""
    book.add(rows)
    since = pl.col("charttime") - pl.col("intime")
    kept = rows.filter(pl.col("fate") == "used")
    book.note(without_storetime=kept["storetime"].null_count())
    charted = since.dt.total_microseconds()
    return kept.with_columns(charted=charted, valueuom=given("valueuom"))
