"""What is known of patients at an index visit: laboratory values, codes, summaries."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from repro.data.mimiciv.assembling import write_events
from repro.data.mimiciv.books import Book, check_sum
from repro.data.mimiciv.cells import MOMENT, WHOLE, Cell, given, read
from repro.data.mimiciv.cohort import windows
from repro.data.mimiciv.dictionaries import item_labels
from repro.data.mimiciv.layout import CORE, Source
from repro.data.mimiciv.measuring import laboratory_pass
from repro.data.mimiciv.objects import SEEN
from repro.data.mimiciv.reading import available, frames
from repro.data.mimiciv.settings import Settings
from repro.data.mimiciv.variables import Variable, check_items, item_table

LABS, ITEMS = "hosp/labevents", "hosp/d_labitems"
CODES, NOTES = "hosp/diagnoses_icd", "note/discharge"
COLUMNS: dict[str, tuple[str, ...]] = {
    LABS: CORE[LABS],
    ITEMS: CORE[ITEMS],
    CODES: ("subject_id", "hadm_id", "icd_code", "icd_version"),
    NOTES: ("note_id", "subject_id", "hadm_id", "charttime", "storetime", "text"),
}
VERSIONS = (9, 10)
PREFIX = 3  # characters of a code: its category
LAST = 5  # summaries of a patient that are kept
_KEYS = {"subject_id": Cell(WHOLE), "hadm_id": Cell(WHOLE)}
NoteTime = Literal["earlier", "index"]


@dataclass(frozen=True)
class Known:
    """One kind of what is known, by patient, and the counts of its raw tables."""

    rows: pl.DataFrame
    counts: dict[str, Any]


def lab_values(
    found: dict[str, Source],
    variables: tuple[Variable, ...],
    visits: pl.DataFrame,
    settings: Settings,
    folder: Path,
) -> Known:
    """Last and mean value of each variable over the visits, in its unit.

    A row belongs to the visit in which it became known, as in the ingest of stays;
    `folder` keeps the passes. Shape: subject_id, variable (its number), last, mean.

    Raises:
        ValueError: an item is in no row of its dictionary, or a cell that decides
            cannot be read.
    """
    labels, counts = item_labels(found[ITEMS])
    check_items(variables, {LABS: labels})
    narrow, events = folder / "labevents.parquet", folder / "events.parquet"
    owners = windows(
        visits.select(
            "subject_id",
            stay_id="hadm_id",
            intime="admittime",
            outtime="dischtime",
            end="dischtime",
        )
    )
    items = item_table(variables, LABS)
    made = laboratory_pass(found[LABS], items, owners, settings, narrow)
    tally = write_events(events, {LABS: narrow}, variables, visits["hadm_id"].to_list())
    becoming = {
        "averaged": sum(tally.used.values()),
        "out_of_range": sum(tally.out_of_range.values()),
        "duplicate_rows": sum(tally.duplicates.values()),
    }
    check_sum(f"rows used of {LABS}", made["fates"].get("used", 0), becoming)
    rows = _last_and_mean(pl.read_parquet(events), visits)
    return Known(rows, {LABS: made | {"becoming": becoming}, ITEMS: counts})


def _last_and_mean(events: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    """One row per patient and variable; of two visits the later discharge is later."""
    place = visits.select("subject_id", "hadm_id").with_row_index("place")
    joined = events.join(place, left_on="stay_id", right_on="hadm_id")
    keys = ["subject_id", "variable"]
    return (
        joined.sort(*keys, "place", "hours", "value")
        .group_by(keys, maintain_order=True)
        .agg(last=pl.col("value").last(), mean=pl.col("value").mean())
    )


def codes(source: Source, visits: pl.DataFrame, *, icd9_only: bool) -> Known:
    """Categories of the diagnoses of the visits: the version and three characters.

    Those of the index visit are written after its discharge, for billing. Shape:
    subject_id, code, each pair once, such as `9_428` and `10_I50`.

    Raises:
        ValueError: a number cannot be read.
    """
    book = Book(source)
    cells = _KEYS | {"icd_version": Cell(WHOLE)}
    code = given("icd_code").str.to_uppercase().str.replace_all(r"[^0-9A-Z]", "")
    is_other = pl.lit(icd9_only) & (pl.col("icd_version") != VERSIONS[0])
    fate = (
        pl.when(pl.col("icd_version").is_null())
        .then(pl.lit("no_version"))
        .when(~pl.col("icd_version").is_in(VERSIONS))
        .then(pl.lit("other_version"))
        .when(is_other)
        .then(pl.lit("not_icd9"))
        .when((pl.col("code").str.len_chars() < PREFIX).fill_null(True))
        .then(pl.lit("no_code"))
        .otherwise(pl.lit("used"))
    )
    rows = _of_visits(book, COLUMNS[CODES], cells, {"code": code}, visits, fate)
    category = pl.col("code").str.slice(0, PREFIX)
    name = pl.format("{}_{}", "icd_version", category)
    found = rows.select("subject_id", code=name).unique().sort("subject_id", "code")
    return Known(found, {CODES: book.closed()})


def summaries(
    source: Source, visits: pl.DataFrame, settings: Settings, time: NoteTime
) -> Known:
    """The last discharge summaries of each patient, as one text in their order.

    `earlier`: those of visits before the index one that were known at its discharge;
    that of the index visit says where the patient went, and is never looked at.
    `index`: it is taken, too. Shape: subject_id, text.

    Departure: the paper does not say which summaries it takes.

    Raises:
        ValueError: a number or time cannot be read, or a summary stands in several
            rows that differ.
    """
    book, is_earlier = Book(source), time == "earlier"
    is_strict = settings.time_policy == "strict"
    cells = _KEYS | {
        "charttime": Cell(MOMENT),
        "storetime": Cell(MOMENT, stops=is_strict),
    }
    made = {"note_id": given("note_id"), "known": available(settings.time_policy)}
    fate = (
        pl.when(pl.col("is_index") & is_earlier)
        .then(pl.lit("index_visit"))
        .when(pl.col("note_id").is_null())
        .then(pl.lit("no_id"))
        .when(given("text").is_null() | ~pl.col("text").str.contains(SEEN))
        .then(pl.lit("empty_text"))
        .when(pl.col("known").is_null())
        .then(pl.lit("no_time"))
        .when((pl.col("known") > pl.col("discharged")) & is_earlier)
        .then(pl.lit("known_later"))
        .otherwise(pl.lit("used"))
    )
    rows = _of_visits(book, COLUMNS[NOTES], cells, made, visits, fate)
    kept = _last(rows, book)
    texts = kept.group_by("subject_id", maintain_order=True).agg(
        text=pl.col("text").str.join("\n\n")
    )
    return Known(texts, {NOTES: book.closed()})


def _last(rows: pl.DataFrame, book: Book) -> pl.DataFrame:
    """Every summary once, and of a patient the last few; the others are counted."""
    columns = ["subject_id", "place", "charttime", "note_id", "text"]
    once = rows.select(columns).unique().sort(columns)
    unlike = once.filter(pl.col("note_id").is_duplicated())["note_id"]
    if len(unlike):
        raise ValueError(
            f"{book.source.path}: note_id {unlike[0]} stands in several rows that "
            "differ; use the file as it was released"
        )
    kept = once.group_by("subject_id", maintain_order=True).tail(LAST)
    left = {
        "repeated": rows.height - once.height,
        "before_last": once.height - kept.height,
    }
    for name, count in left.items():
        book.fates[name] += count
        book.fates["used"] -= count
    return kept


def _of_visits(
    book: Book,
    columns: tuple[str, ...],
    cells: dict[str, Cell],
    made: dict[str, pl.Expr],
    visits: pl.DataFrame,
    fate: pl.Expr,
) -> pl.DataFrame:
    """The rows used of a table whose rows name a patient and one of its visits."""
    discharged = pl.col("dischtime").filter("is_index").first().over("subject_id")
    placed = visits.with_row_index("place").select(
        *_KEYS, "place", "is_index", discharged=discharged
    )
    of_visit = (
        pl.when(pl.col("subject_id").is_null())
        .then(pl.lit("no_patient"))
        .when(pl.col("hadm_id").is_null())
        .then(pl.lit("no_admission"))
        .when(pl.col("place").is_null())
        .then(pl.lit("other_visit"))
        .otherwise(fate)
    )

    def used(frame: pl.DataFrame) -> pl.DataFrame:
        rows = read(frame, cells, book).with_columns(**made)
        rows = rows.join(placed, list(_KEYS), "left", maintain_order="left")
        rows = rows.with_columns(fate=of_visit)
        book.add(rows)
        return rows.filter(pl.col("fate") == "used")

    parts = list(map(used, frames(book, columns)))
    empty = dict.fromkeys((*columns, "row"), pl.String)
    return pl.concat(parts) if parts else used(pl.DataFrame(schema=empty))
