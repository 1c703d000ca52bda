"""Notes, X-ray images and ECGs known in a stay's window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from repro.data.mimiciv.books import Book
from repro.data.mimiciv.cells import (
    CLOCK,
    DAY,
    MOMENT,
    NUMBER,
    WHOLE,
    Cell,
    given,
    read,
)
from repro.data.mimiciv.cohort import timeline
from repro.data.mimiciv.inside import check_inside
from repro.data.mimiciv.layout import CXR, ECG, MEASUREMENTS, NOTES, Source
from repro.data.mimiciv.measuring import of_patients, owned
from repro.data.mimiciv.reading import available, hours_since, taken, whole, write_rows
from repro.data.mimiciv.settings import Settings

SEEN = r"[^\p{Cc}\p{Cf}\s]"  # a character that shows, of a text that is one
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
    cells = {
        "subject_id": Cell(WHOLE),
        "charttime": Cell(MOMENT),
        "storetime": Cell(MOMENT, stops=strict),
    }
    fate = (
        pl.when(pl.col("note_id").is_null())
        .then(pl.lit("no_id"))
        .when(pl.col("storetime").is_null() & strict)
        .then(pl.lit("without_storetime"))
        .when(given("text").is_null() | ~pl.col("text").str.contains(SEEN))
        .then(pl.lit("empty_text"))
        .otherwise(pl.lit("used"))
    )
    columns = {"note_id": given("note_id"), "known": available(settings.time_policy)}
    parts = Reading(NOTES["radiology"], cells, columns, fate)
    return _object_pass(Book(source), parts, windows, everyone, "notes", target)


def image_pass(
    source: Source,
    windows: pl.DataFrame,
    everyone: pl.Series,
    settings: Settings,
    target: Path,
) -> dict[str, Any]:
    """Write the chest X-ray images of the wanted views taken in a window.

    Departure: the study used every view, lateral ones too. Undone by `views: []`.
    """
    cells = {
        "subject_id": Cell(WHOLE),
        "study_id": Cell(WHOLE),
        "StudyDate": Cell(DAY),
        "StudyTime": Cell(CLOCK),
    }
    wanted = pl.col("view").is_in(settings.views) if settings.views else pl.lit(True)
    fate = (
        pl.when(pl.col("path").is_null())
        .then(pl.lit("no_id"))
        .when(wanted)
        .then(pl.lit("used"))
        .otherwise(pl.lit("other_view"))
    )
    columns = {
        "charttime": study_moment(),
        "known": study_moment(),
        "dicom_id": given("dicom_id"),
        "view": given("ViewPosition").str.to_uppercase().fill_null(""),
        "path": _image_path(),
    }
    parts = Reading(CXR["mimic-cxr-2.0.0-metadata"], cells, columns, fate)
    return _object_pass(Book(source), parts, windows, everyone, "cxr", target)


def ecg_pass(
    source: Source,
    windows: pl.DataFrame,
    everyone: pl.Series,
    _settings: Settings,
    target: Path,
) -> dict[str, Any]:
    """Write the ECGs recorded in a window."""
    cells = {
        "subject_id": Cell(WHOLE),
        "study_id": Cell(WHOLE),
        "ecg_time": Cell(MOMENT),
    }
    fate = (
        pl.when(pl.col("study_id").is_null())
        .then(pl.lit("no_id"))
        .when(pl.col("path").is_null())
        .then(pl.lit("no_path"))
        .otherwise(pl.lit("used"))
    )
    moments = dict.fromkeys(("charttime", "known"), pl.col("ecg_time"))
    parts = Reading(ECG["record_list"], cells, moments | {"path": given("path")}, fate)
    return _object_pass(Book(source), parts, windows, everyone, "ecg", target)


def measurements(
    source: Source, studies: pl.Series
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The machine's measurements of some ECG studies, and the counts of the table.

    None where the machine wrote 29999; the first row of a study counts.
    """
    book = Book(source)
    frame = whole(book, ECG["machine_measurements"])
    frame = read(frame, {"study_id": Cell(WHOLE)}, book)
    fate = (
        pl.when(pl.col("study_id").is_null())
        .then(pl.lit("no_id"))
        .when(~pl.col("study_id").is_in(studies.implode()))
        .then(pl.lit("other_study"))
        .when(~pl.col("study_id").is_first_distinct())
        .then(pl.lit("repeated"))
        .otherwise(pl.lit("used"))
    )
    frame = frame.with_columns(fate=fate)
    book.add(frame)
    numbers = dict.fromkeys(MEASUREMENTS, Cell(NUMBER, stops=False))
    rows = read(frame.filter(pl.col("fate") == "used"), numbers, book)
    number = pl.col(MEASUREMENTS)
    rows = rows.with_columns(pl.when(number != NO_MEASUREMENT).then(number))
    return rows.select(*COLUMNS["measurements"]).sort("study_id"), book.closed()


@dataclass(frozen=True)
class Reading:
    """How a table of objects is read: its columns, their cells, what is made of them.

    `fate` is that of a row that became known in a window.
    """

    columns: Sequence[str]
    cells: Mapping[str, Cell]
    made: Mapping[str, pl.Expr]
    fate: pl.Expr


def _image_path() -> pl.Expr:
    patient = "p" + pl.col("subject_id").cast(pl.String)
    return pl.concat_str(
        pl.lit("files/"),
        patient.str.slice(0, 3),
        pl.lit("/"),
        patient,
        pl.lit("/s"),
        pl.col("study_id"),
        pl.lit("/"),
        given("dicom_id"),
        pl.lit(".jpg"),
    )


def study_moment() -> pl.Expr:
    """The moment of StudyDate and StudyTime, once they are read.

    The table stores the time as a number, so leading zeros are lost: 80556.875 is
    08:05:56.875. The decimals are read as text, exact to the microsecond.
    """
    return pl.col("StudyDate") + pl.col("StudyTime")


def _object_pass(
    book: Book,
    how: Reading,
    windows: pl.DataFrame,
    everyone: pl.Series,
    kind: str,
    target: Path,
) -> dict[str, Any]:
    """Write the rows that became known at a moment that a stay owns.

    Raises:
        ValueError: no row belongs to a patient of the cohort's tables, or a path
            leads out of the root.
    """
    moments = timeline(windows, everyone)
    book.note(contested=0)

    def used(frame: pl.DataFrame) -> pl.DataFrame:
        rows = read(frame, how.cells, book).with_columns(**how.made)
        rows = owned(of_patients(rows, moments, book), moments).with_columns(
            hours=hours_since(taken(), pl.col("intime")), fate=_object_fate(how.fate)
        )
        book.add(rows)
        kept = rows.filter(pl.col("fate") == "used")
        book.note(contested=int(kept["contested"].sum()))
        if "path" in kept.columns:
            check_inside(kept, book.source)
        return kept

    source = book.source
    write_rows(book, how.columns, used, target, COLUMNS[kind])
    if not sum(n for fate, n in book.fates.items() if not fate.endswith("_patient")):
        raise ValueError(
            f"{source.root}: none of its patients ({source.label}) is a patient of "
            "icu/icustays; give the root that belongs to the same release"
        )
    return book.closed()


def _object_fate(of_window: pl.Expr) -> pl.Expr:
    return (
        pl.when(pl.col("known").is_null())
        .then(pl.lit("no_time"))
        .when(pl.col("stay_id").is_null())
        .then(pl.lit("outside_windows"))
        .otherwise(of_window)
    )
