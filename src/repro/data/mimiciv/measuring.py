"""Passes over charted and laboratory events: the rows of the window, narrow."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

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

NARROW = ("stay_id", "itemid", "charted", "known", "value", "valueuom")
_DAY = timedelta(days=1)
_FATES = pl.Enum(
    [
        "used",
        "no_time",
        "mistyped_date",
        "no_number",
        "before_window",
        "after_window",
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
    stay has a mistyped date and is left out.

    Units: columns `charted` and `known` are microseconds since intime.
    """
    columns = CORE["icu/chartevents"]

    def queries(encoding: Encoding) -> list[pl.LazyFrame]:
        scan = csv_scan(source, columns, encoding)
        rows = _with_fate(_items_of(scan, items), stays, settings)
        # Sums, because a group_by takes longer than all of the conditions.
        fates = _FATES.categories
        counts = [(pl.col("fate") == name).sum().alias(name) for name in fates]
        return [_narrow(rows, target), rows.select(counts)]

    counts = collected_text(queries, source)[1].row(0, named=True)
    return {"fates": {name: count for name, count in counts.items() if count}}


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
    admission they name. A specimen taken more than a day before the stay counts as
    a mistyped date and is left out.

    Departure: the study dropped rows without an admission, about half of the table.
    """
    drops = settings.labs_without_admission == "drop"
    rows = (
        _items_of(csv_scan(source, CORE["hosp/labevents"]), items)
        .with_columns(pl.col("subject_id").cast(pl.Int64, strict=False))
        .with_columns(
            known=available(settings.time_policy),
            without_admission=pl.col("hadm_id").is_null(),
        )
    )
    patients = windows.lazy().select("subject_id").unique()
    untimed = rows.join(patients, on="subject_id", how="semi").select(
        pl.col("charttime").is_null().sum()
    )
    fate = (
        pl.when(pl.col("charttime") < pl.col("intime") - _DAY)
        .then(_fate("mistyped_date"))
        .when(~pl.col("value").is_finite().fill_null(False))
        .then(_fate("no_number"))
        .when(pl.col("without_admission") & drops)
        .then(_fate("without_admission"))
        .otherwise(_fate("used"))
    )
    rows = owned(rows, windows).with_columns(fate=fate)
    counted = rows.group_by("fate", "contested", "without_admission").len()
    frames = collected([_narrow(rows, target), counted, untimed], source)
    used = frames[1].filter(pl.col("fate") == "used")
    return {
        "fates": _tally(frames[1]) | {"no_time": int(frames[2].item() or 0)},
        "contested": int(used.filter("contested")["len"].sum()),
        "kept_without_admission": int(used.filter("without_admission")["len"].sum()),
    }


def owned(rows: pl.LazyFrame, windows: pl.DataFrame) -> pl.LazyFrame:
    """Rows of `windows`' patients that became known at a moment owned by a stay."""
    known = pl.col("known")
    joined = rows.join(windows.lazy(), on="subject_id", how="inner")
    return joined.filter((known >= pl.col("start")) & (known < pl.col("stop")))


def fates(frame: pl.DataFrame, of_interest: Sequence[str]) -> dict[str, int]:
    """Rows per fate, zero where none was met."""
    tally = _tally(frame)
    return {name: tally.get(name, 0) for name in of_interest}


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
    start = pl.col("intime")
    return (
        rows.filter(pl.col("fate") == "used")
        .with_columns(
            charted=(pl.col("charttime") - start).dt.total_microseconds(),
            known=(pl.col("known") - start).dt.total_microseconds(),
        )
        .select(NARROW)
        .sink_parquet(target, compression="lz4", lazy=True)
    )


def _tally(frame: pl.DataFrame) -> dict[str, int]:
    sums = frame.group_by("fate").agg(pl.col("len").sum()).sort("fate")
    return {fate: int(count) for fate, count in sums.iter_rows()}
