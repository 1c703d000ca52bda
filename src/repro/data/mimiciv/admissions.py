"""Stays with the end of their admission, from the two raw tables that hold them."""

import polars as pl

from repro.data.mimiciv.books import Book
from repro.data.mimiciv.cells import FLAG, MOMENT, NUMBER, WHOLE, Cell, read
from repro.data.mimiciv.layout import CORE
from repro.data.mimiciv.reading import whole

_STAY = {
    "subject_id": Cell(WHOLE),
    "hadm_id": Cell(WHOLE),
    "stay_id": Cell(WHOLE),
    "intime": Cell(MOMENT),
    "outtime": Cell(MOMENT),
    "los": Cell(NUMBER),
}
_ADMISSION = {
    "hadm_id": Cell(WHOLE),
    "deathtime": Cell(MOMENT),
    "hospital_expire_flag": Cell(FLAG),
}


def read_stays(icustays: Book, admissions: Book) -> pl.DataFrame:
    """Every stay with deathtime, hospital_expire_flag and has_admission.

    Raises:
        ValueError: a cell cannot be read, a stay has no patient or number, stands in
            several rows, or an admission stands twice with different ends.
    """
    stays = read(whole(icustays, CORE["icu/icustays"]), _STAY, icustays)
    for column in ("subject_id", "stay_id"):
        _refuse(
            icustays,
            stays.filter(pl.col(column).is_null()),
            column,
            "is no whole number",
        )
    twice = stays.filter(pl.col("stay_id").is_duplicated())
    _refuse(icustays, twice, "stay_id", "stands in several rows")
    ends = _admissions(admissions, stays["hadm_id"])
    columns = ("hadm_id", "deathtime", "hospital_expire_flag", "has_admission")
    joined = stays.join(
        ends.select(columns), on="hadm_id", how="left", maintain_order="left"
    )
    return joined.with_columns(pl.col("has_admission").fill_null(False)).drop("row")


def _admissions(book: Book, wanted: pl.Series) -> pl.DataFrame:
    """One row for each admission of a stay."""
    rows = read(whole(book, CORE["hosp/admissions"]), _ADMISSION, book)
    fate = (
        pl.when(pl.col("hadm_id").is_null())
        .then(pl.lit("no_admission"))
        .when(~pl.col("hadm_id").is_in(wanted.drop_nulls().implode()))
        .then(pl.lit("other_admission"))
        .when(~pl.col("hadm_id").is_first_distinct())
        .then(pl.lit("repeated"))
        .otherwise(pl.lit("used"))
    )
    rows = rows.with_columns(fate=fate, has_admission=pl.lit(True))
    book.add(rows)
    ends = rows.select("hadm_id", "deathtime", "hospital_expire_flag").unique()
    unlike = ends["hadm_id"].filter(ends["hadm_id"].is_duplicated()).implode()
    is_unlike = (pl.col("fate") == "repeated") & pl.col("hadm_id").is_in(unlike)
    told = "stands in several rows that differ"
    _refuse(book, rows.filter(is_unlike), "hadm_id", told)
    return rows.filter(pl.col("fate") == "used")


def _refuse(book: Book, rows: pl.DataFrame, column: str, told: str) -> None:
    if rows.height:
        row, value = rows.select("row", column).row(0)
        raise ValueError(
            f"{book.source.path}: row {row}: {column} {value} {told}; use the file as "
            "it was released"
        )
