"""Passes over charted and laboratory events: the rows of the window, narrow."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from repro.data.mimiciv.cohort import BEFORE_ALL, timeline
from repro.data.mimiciv.layout import CORE, Source
from repro.data.mimiciv.reading import (
    Encoding,
    available,
    collected,
    collected_text,
    csv_scan,
    timestamp,
)
from repro.data.mimiciv.settings import Settings

NARROW = ("stay_id", "itemid", "charted", "value", "valueuom")
_DAY = timedelta(days=1)
_FATES = pl.Enum(
    [
        "used",
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
    enter; each keeps the moment it was charted.

    Units: column `charted` is microseconds since intime.
    """
    columns = CORE["icu/chartevents"]

    def queries(encoding: Encoding) -> list[pl.LazyFrame]:
        scan = csv_scan(source, columns, encoding)
        rows = _with_fate(_items_of(scan, items), stays, settings)
        return [_narrow(rows, target), rows.select(fate_sums(_FATES.categories))]

    return {"fates": _met(collected_text(queries, source)[1].row(0, named=True))}


def _with_fate(
    rows: pl.LazyFrame, stays: pl.DataFrame, settings: Settings
) -> pl.LazyFrame:
    times = stays.lazy().select("stay_id", "intime", "outtime", "end")
    rows = (
        rows.with_columns(pl.col("stay_id").cast(pl.Int64, strict=False))
        .join(times, on="stay_id", how="inner")
        .with_columns(known=available(settings.time_policy))
    )
    fate = (
        pl.when(pl.col("charttime").is_null())
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
    return rows.with_columns(fate=fate)


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
    up to a day before, else `outside_stays`.

    Departure: the study dropped rows without an admission, about half of the table.
    Units: column `charted` is microseconds since intime.
    """
    rows = _items_of(csv_scan(source, CORE["hosp/labevents"]), items)
    rows = rows.with_columns(
        pl.col("subject_id").cast(pl.Int64, strict=False),
        known=available(settings.time_policy),
        without_admission=pl.col("hadm_id").is_null(),
    )
    drops = settings.labs_without_admission == "drop"
    rows = owned(rows, windows, windows["subject_id"])
    rows = rows.with_columns(fate=_laboratory_fate(drops))
    used = pl.col("fate") == "used"
    counts = [
        *fate_sums(_FATES.categories),
        (used & pl.col("contested")).sum().alias("contested"),
        (used & pl.col("without_admission")).sum().alias("kept_without_admission"),
    ]
    queries = [_narrow(rows, target), rows.select(counts)]
    found = collected(queries, source)[1].row(0, named=True)
    others = ("contested", "kept_without_admission")
    return {"fates": _met(found)} | {name: found[name] for name in others}


def owned(
    rows: pl.LazyFrame, windows: pl.DataFrame, patients: pl.Series
) -> pl.LazyFrame:
    """Every row of the patients once, with the stay that owns the moment it was known.

    A row without such a moment, or of a moment that no stay owns, has no stay_id.
    """
    known = pl.col("known").fill_null(BEFORE_ALL)
    joined = rows.join(timeline(windows, patients).lazy(), on="subject_id", how="inner")
    return joined.filter((known >= pl.col("start")) & (known < pl.col("stop")))


def fate_sums(names: Iterable[str]) -> list[pl.Expr]:
    """Rows of each fate; sums, because a group_by takes longer than all conditions."""
    return [(pl.col("fate") == name).sum().alias(name) for name in names]


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
        .when(pl.col("without_admission") & drops)
        .then(_fate("without_admission"))
        .otherwise(_fate("used"))
    )


def _fate(name: str) -> pl.Expr:
    return pl.lit(name, dtype=_FATES)


def _items_of(rows: pl.LazyFrame, items: pl.DataFrame) -> pl.LazyFrame:
    """Rows of the wanted items, with moments and a value; text is no value."""
    wanted = items["itemid"].cast(pl.String).to_list()
    number = pl.col("valuenum").cast(pl.Float64, strict=False)
    # A chain of conditions, not a join: a join here takes longer than the reading.
    absent = pl.lit(False)
    for item, text in items.select("itemid", "missing_value").iter_rows():
        if text:
            same = (pl.col("itemid") == str(item)) & (pl.col("value") == text)
            absent = absent | same.fill_null(False)
    return rows.filter(pl.col("itemid").is_in(wanted)).with_columns(
        pl.col("itemid").cast(pl.Int64),
        timestamp("charttime"),
        timestamp("storetime"),
        value=pl.when(absent).then(None).otherwise(number),
    )


def _narrow(rows: pl.LazyFrame, target: Path) -> pl.LazyFrame:
    since = pl.col("charttime") - pl.col("intime")
    return (
        rows.filter(pl.col("fate") == "used")
        .with_columns(charted=since.dt.total_microseconds())
        .select(NARROW)
        .sink_parquet(target, compression="lz4", lazy=True)
    )


def _met(counts: Mapping[str, int]) -> dict[str, int]:
    """The fates that were met, and the rows that met them."""
    return {name: counts[name] for name in _FATES.categories if counts[name]}
