"""Notes, X-ray images and ECGs known in a stay's window."""

from pathlib import Path
from typing import Any

import polars as pl

from repro.data.mimiciv.layout import CXR, ECG, MEASUREMENTS, NOTES, Source
from repro.data.mimiciv.measuring import fate_sums, owned
from repro.data.mimiciv.reading import (
    available,
    collected,
    csv_scan,
    hours_since,
    taken,
    timestamp,
)
from repro.data.mimiciv.settings import Settings

NO_MEASUREMENT = 29999  # what the ECG machines write where they measured nothing
TABLES = {
    "notes": "radiology",
    "cxr": "mimic-cxr-2.0.0-metadata",
    "ecg": "record_list",
}
COLUMNS: dict[str, dict[str, Any]] = {
    "notes": {
        "stay_id": pl.Int64,
        "hours": pl.Float32,
        "note_id": pl.String,
        "text": pl.String,
    },
    "cxr": {
        "stay_id": pl.Int64,
        "hours": pl.Float32,
        "dicom_id": pl.String,
        "view": pl.String,
        "path": pl.String,
    },
    "ecg": {
        "stay_id": pl.Int64,
        "hours": pl.Float32,
        "study_id": pl.Int64,
        "path": pl.String,
    },
    "measurements": {"study_id": pl.Int64} | dict.fromkeys(MEASUREMENTS, pl.Float64),
}


def note_pass(
    source: Source,
    windows: pl.DataFrame,
    everyone: pl.Series,
    settings: Settings,
    target: Path,
) -> dict[str, Any]:
    """Write the radiology reports known in a window, at the time of their exam.

    Under `strict` a report is known when it was stored (signed); one without that
    time is left out and counted where its exam lies in a window.

    Departure: the study took reports signed later too, and vectors of discharge
    summaries in one variant; those are never opened here.
    """
    strict = settings.time_policy == "strict"
    rows = _patients(csv_scan(source, NOTES["radiology"])).with_columns(
        timestamp("charttime"), timestamp("storetime")
    )
    rows = rows.with_columns(known=available(settings.time_policy))
    fate = (
        pl.when(pl.col("storetime").is_null() & strict)
        .then(pl.lit("without_storetime"))
        .when(pl.col("text").fill_null("").str.strip_chars() == "")
        .then(pl.lit("empty_text"))
        .otherwise(pl.lit("used"))
    )
    return _object_pass(source, rows, fate, windows, everyone, "notes", target)


def image_pass(
    source: Source,
    windows: pl.DataFrame,
    everyone: pl.Series,
    settings: Settings,
    target: Path,
) -> dict[str, Any]:
    """Write the chest X-ray images of the wanted views taken in a window.

    Departure: the study used every view, lateral ones too.
    """
    patient = "p" + pl.col("subject_id").cast(pl.String)
    path = pl.concat_str(
        pl.lit("files/"),
        patient.str.slice(0, 3),
        pl.lit("/"),
        patient,
        pl.lit("/s"),
        pl.col("study_id"),
        pl.lit("/"),
        pl.col("dicom_id"),
        pl.lit(".jpg"),
    )
    rows = _patients(csv_scan(source, CXR["mimic-cxr-2.0.0-metadata"])).with_columns(
        charttime=study_moment(),
        view=pl.col("ViewPosition").fill_null(""),
        path=path,
    )
    wanted = pl.col("view").is_in(settings.views) if settings.views else pl.lit(True)
    fate = pl.when(wanted).then(pl.lit("used")).otherwise(pl.lit("other_view"))
    rows = rows.with_columns(known="charttime")
    return _object_pass(source, rows, fate, windows, everyone, "cxr", target)


def ecg_pass(
    source: Source,
    windows: pl.DataFrame,
    everyone: pl.Series,
    _settings: Settings,
    target: Path,
) -> dict[str, Any]:
    """Write the ECGs recorded in a window."""
    rows = _patients(csv_scan(source, ECG["record_list"])).with_columns(
        pl.col("study_id").cast(pl.Int64, strict=False),
        charttime=timestamp("ecg_time"),
    )
    rows, fate = rows.with_columns(known="charttime"), pl.lit("used")
    return _object_pass(source, rows, fate, windows, everyone, "ecg", target)


def measurements(source: Source, studies: pl.Series) -> pl.DataFrame:
    """The machine's measurements of some ECG studies; none where it wrote 29999."""
    number = pl.col(MEASUREMENTS).cast(pl.Float64, strict=False)
    rows = (
        csv_scan(source, ECG["machine_measurements"])
        .with_columns(pl.col("study_id").cast(pl.Int64, strict=False))
        .filter(pl.col("study_id").is_in(studies.to_list()))
        .with_columns(pl.when(number != NO_MEASUREMENT).then(number))
    )
    frame = collected([rows], source)[0].select(*COLUMNS["measurements"])
    return frame.unique("study_id", keep="first", maintain_order=True).sort("study_id")


def study_moment() -> pl.Expr:
    """The moment of StudyDate (`YYYYMMDD`) and StudyTime (`HHMMSS.fff`).

    The table stores the time as a number, so leading zeros are lost: 80556.875 is
    08:05:56.875. The decimals are read as text, exact to the microsecond.

    >>> row = pl.DataFrame({"StudyDate": ["21800506"], "StudyTime": ["80556.875"]})
    >>> str(row.select(study_moment()).item())
    '2180-05-06 08:05:56.875000'
    """
    parts = pl.col("StudyTime").str.strip_chars().str.extract_groups(_STUDY_TIME)
    clock = parts.struct.field("clock").str.zfill(6)
    decimals = parts.struct.field("decimals").fill_null("").str.pad_end(6, "0")
    day = pl.col("StudyDate").str.strip_chars()
    moment = (day + clock).str.to_datetime("%Y%m%d%H%M%S", time_unit="us", strict=False)
    micro = decimals.str.slice(0, 6).cast(pl.Int64, strict=False)
    return moment + pl.duration(microseconds=micro, time_unit="us")


_STUDY_TIME = r"^(?<clock>\d{1,6})(?:\.(?<decimals>\d*))?$"
_FATES = ("used", "no_time", "without_storetime", "empty_text", "other_view")


def _patients(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.with_columns(pl.col("subject_id").cast(pl.Int64, strict=False))


def _object_pass(
    source: Source,
    rows: pl.LazyFrame,
    fate: pl.Expr,
    windows: pl.DataFrame,
    everyone: pl.Series,
    kind: str,
    target: Path,
) -> dict[str, Any]:
    """Write the rows that became known at a moment that a stay owns.

    Raises:
        ValueError: no row belongs to a patient of the cohort's tables.
    """
    rows = owned(rows, windows, everyone).with_columns(
        hours=hours_since(taken(), pl.col("intime")),
        fate=pl.when(pl.col("known").is_null())
        .then(pl.lit("no_time"))
        .when(pl.col("stay_id").is_not_null())
        .then(fate),
    )
    used = pl.col("fate") == "used"
    counts = [
        *fate_sums(_FATES),
        (used & pl.col("contested")).sum().alias("contested"),
        pl.len().alias("rows"),
    ]
    kept = rows.filter(used).select(*COLUMNS[kind])
    queries = [kept.sink_parquet(target, lazy=True), rows.select(counts)]
    found = collected(queries, source)[1].row(0, named=True)
    if found["rows"] == 0:
        raise ValueError(
            f"{source.root}: none of its patients ({source.label}) is a patient of "
            "icu/icustays; give the root that belongs to the same release"
        )
    fates = {name: found[name] for name in _FATES}
    return {"fates": fates, "contested": found["contested"]}
