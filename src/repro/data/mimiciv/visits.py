"""Index visits: the last that a patient survived, and who died within a year."""

from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from repro.data.mimiciv.books import Book
from repro.data.mimiciv.cells import DAY, FLAG, MOMENT, WHOLE, Cell, read
from repro.data.mimiciv.layout import Source
from repro.data.mimiciv.marking import MARK
from repro.data.mimiciv.reading import whole

PATIENTS, ADMISSIONS = "hosp/patients", "hosp/admissions"
MARKED = "admission_type"  # begins with MARK in every visit that the simulator writes
COLUMNS: dict[str, tuple[str, ...]] = {
    PATIENTS: ("subject_id", "anchor_age", "anchor_year", "dod"),
    ADMISSIONS: (
        "subject_id",
        "hadm_id",
        "admittime",
        "dischtime",
        "deathtime",
        "hospital_expire_flag",
        MARKED,
    ),
}
DAYS = 365  # after the day of the discharge; the last one belongs to the year
ADULT = 18  # years
FEWEST_VISITS = 2  # survived
APART = 1  # days between two dates of one death that are no disagreement
DIFFER = "days_of_death_differ"  # among what is noted of patients
_PATIENT = {
    "subject_id": Cell(WHOLE),
    "anchor_age": Cell(WHOLE),
    "anchor_year": Cell(WHOLE),
    "dod": Cell(DAY),
}
_VISIT = {
    "subject_id": Cell(WHOLE),
    "hadm_id": Cell(WHOLE),
    "admittime": Cell(MOMENT),
    "dischtime": Cell(MOMENT),
    "deathtime": Cell(MOMENT),
    "hospital_expire_flag": Cell(FLAG),
}


@dataclass(frozen=True)
class Visits:
    """Every row of the two tables with its fate, and the books that wait for it.

    `patients` also has y and the hadm_id of the index visit; `is_made_up` says whether
    the simulator wrote every visit.
    """

    patients: pl.DataFrame
    admissions: pl.DataFrame
    books: tuple[Book, Book]
    is_made_up: bool

    @property
    def labelled(self) -> pl.DataFrame:
        """The patients used, by number: subject_id and y."""
        used = self.patients.filter(pl.col("fate") == "used")
        return used.select("subject_id", "y").sort("subject_id")

    @property
    def used(self) -> pl.DataFrame:
        """The visits of these patients, by patient and discharge, and the index one."""
        rows = _placed(self).filter(pl.col("fate").is_in(("earlier", "index")))
        return rows.sort("subject_id", *_ORDER).select(
            "subject_id",
            "hadm_id",
            "admittime",
            "dischtime",
            is_index=pl.col("fate") == "index",
        )


_ORDER = ("dischtime", "admittime", "hadm_id")


def index_visits(patients: Source, admissions: Source) -> Visits:
    """The last visit that each adult of two or more survived, with its label.

    A visit in which the patient died is no index visit and does not count as one of
    the two: who had one visit alone and died in the next would be in the data because
    of that death. The label is whether the patient died within 365 days after the day
    of the discharge, by the earliest of dod, every deathtime and the discharge from a
    fatal visit.

    Source: I2MoE, appendix E.2.
    Departure: its 9,003 patients cannot be derived from what it says.

    Raises:
        ValueError: a cell that decides this cannot be read, or a patient or a visit
            stands in several rows that differ.
    """
    books = Book(patients), Book(admissions)
    people = read(whole(books[0], COLUMNS[PATIENTS]), _PATIENT, books[0])
    visits = read(whole(books[1], COLUMNS[ADMISSIONS]), _VISIT, books[1])
    _refuse_unlike(people, "subject_id", books[0])
    _refuse_unlike(visits, "hadm_id", books[1])
    made_up = visits[MARKED].str.starts_with(MARK).fill_null(False)
    visits = visits.with_columns(fate=_visit_fate(people["subject_id"]))
    return Visits(
        _labelled(people, visits),
        visits,
        books,
        visits.height > 0 and bool(made_up.all()),
    )


def without(visits: Visits, silent: pl.Series) -> Visits:
    """The visits without those patients of whom nothing else is known."""
    is_silent = pl.col("subject_id").is_in(silent.implode()) & (
        pl.col("fate") == "used"
    )
    fate = pl.when(is_silent).then(pl.lit("nothing_known")).otherwise("fate")
    return replace(visits, patients=visits.patients.with_columns(fate=fate))


def closed(visits: Visits) -> dict[str, dict[str, Any]]:
    """The counts of both tables, once every row has its fate."""
    for book, rows in zip(
        visits.books, (visits.patients, _placed(visits)), strict=True
    ):
        book.add(rows)
    used = visits.patients.filter(pl.col("fate") == "used")
    differ = int((used["apart"] > APART).sum())
    if differ:
        visits.books[0].note(**{DIFFER: differ})
    return {book.source.name: book.closed() for book in visits.books}


def _placed(visits: Visits) -> pl.DataFrame:
    """The rows of admissions: index, earlier, or why neither."""
    used = visits.patients.filter(pl.col("fate") == "used").select(
        "subject_id", "index"
    )
    joined = visits.admissions.join(used, "subject_id", "left", maintain_order="left")
    fate = (
        pl.when(pl.col("fate") != "survived")
        .then("fate")
        .when(pl.col("index").is_null())
        .then(pl.lit("patient_left_out"))
        .when(pl.col("hadm_id") == pl.col("index"))
        .then(pl.lit("index"))
        .otherwise(pl.lit("earlier"))
    )
    return joined.with_columns(fate=fate)


def _visit_fate(known: pl.Series) -> pl.Expr:
    """Why a visit is left out: the first rule that it does not pass, or `survived`."""
    died = (pl.col("hospital_expire_flag") == 1).fill_null(False)
    died = died | (pl.col("deathtime") <= pl.col("dischtime")).fill_null(False)
    lasts = pl.col("dischtime") - pl.col("admittime")
    return (
        pl.when(pl.col("subject_id").is_null() | pl.col("hadm_id").is_null())
        .then(pl.lit("no_id"))
        .when(~pl.col("subject_id").is_in(known.drop_nulls().implode()))
        .then(pl.lit("other_patient"))
        .when(~pl.col("hadm_id").is_first_distinct())
        .then(pl.lit("repeated"))
        .when(lasts.is_null())
        .then(pl.lit("no_times"))
        .when(lasts < pl.duration())
        .then(pl.lit("ends_before_start"))
        .when(died)
        .then(pl.lit("died_in_visit"))
        .otherwise(pl.lit("survived"))
    )


def _labelled(people: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    """The patients with fate, y and index."""
    last = (
        visits.filter(pl.col("fate") == "survived")
        .sort(*_ORDER)
        .group_by("subject_id")
        .agg(
            pl.len().alias("survived"),
            pl.col("hadm_id").last().alias("index"),
            pl.col("admittime").last().dt.year().alias("year"),
            pl.col("dischtime").last().dt.date().alias("discharged"),
        )
    )
    joined = people.join(last, "subject_id", "left", maintain_order="left")
    joined = joined.join(_deaths(visits), "subject_id", "left", maintain_order="left")
    dod = pl.col("dod").dt.date()
    died, at_last = pl.min_horizontal(dod, "first"), pl.max_horizontal(dod, "last")
    joined = joined.with_columns(
        days=(died - pl.col("discharged")).dt.total_days(),
        apart=(at_last - died).dt.total_days(),
        age=pl.col("anchor_age") + pl.col("year") - pl.col("anchor_year"),
    )
    return joined.with_columns(
        fate=_patient_fate(), y=(pl.col("days") <= DAYS).fill_null(False).cast(pl.Int64)
    )


def _deaths(visits: pl.DataFrame) -> pl.DataFrame:
    """First and last day on which visits say that a patient died, and if one does."""
    is_fatal = pl.col("fate") == "died_in_visit"
    days = visits.select(
        "subject_id",
        told=pl.col("deathtime").dt.date(),
        left=pl.when(is_fatal).then(pl.col("dischtime").dt.date()),
        died=is_fatal | (pl.col("hospital_expire_flag") == 1).fill_null(False),
    )
    return days.group_by("subject_id").agg(
        first=pl.min_horizontal(pl.col("told").min(), pl.col("left").min()),
        last=pl.max_horizontal(pl.col("told").max(), pl.col("left").max()),
        died=pl.col("died").any(),
    )


def _patient_fate() -> pl.Expr:
    """Why a patient is left out: the first rule not passed, or `used`."""
    return (
        pl.when(pl.col("subject_id").is_null())
        .then(pl.lit("no_id"))
        .when(~pl.col("subject_id").is_first_distinct())
        .then(pl.lit("repeated"))
        .when(pl.col("survived").is_null())
        .then(pl.lit("no_visit_survived"))
        .when(pl.col("survived") < FEWEST_VISITS)
        .then(pl.lit("one_visit"))
        .when(pl.col("age").is_null())
        .then(pl.lit("no_age"))
        .when(pl.col("age") < ADULT)
        .then(pl.lit("no_adult"))
        .when(pl.col("died").fill_null(False) & pl.col("days").is_null())
        .then(pl.lit("no_day_of_death"))
        .when(pl.col("days") < 0)
        .then(pl.lit("died_before_discharge"))
        .otherwise(pl.lit("used"))
    )


def _refuse_unlike(frame: pl.DataFrame, key: str, book: Book) -> None:
    """Stop where rows of one patient or visit differ: which is right is not known."""
    once = frame.drop("row").unique().filter(pl.col(key).is_not_null())
    unlike = once.filter(pl.col(key).is_duplicated())[key].sort()
    if len(unlike):
        raise ValueError(
            f"{book.source.path}: {key} {unlike[0]} stands in several rows that "
            "differ; use the file as it was released"
        )
