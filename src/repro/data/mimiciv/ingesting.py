"""The whole ingest: raw tables in, one folder of Parquet files out."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from repro import files
from repro.data.mimiciv import objects
from repro.data.mimiciv.assembling import Tally, write_events
from repro.data.mimiciv.books import check_sum
from repro.data.mimiciv.cohort import (
    MODALITIES,
    Eligible,
    attrition_step,
    eligible,
    refuse_empty,
    windows,
)
from repro.data.mimiciv.dictionaries import item_labels
from repro.data.mimiciv.layout import sources
from repro.data.mimiciv.measuring import chart_pass, laboratory_pass
from repro.data.mimiciv.origin import is_made_up
from repro.data.mimiciv.parts import opened, part, removed
from repro.data.mimiciv.reporting import Counts, Run, reported
from repro.data.mimiciv.settings import Settings
from repro.data.mimiciv.variables import (
    DICTIONARIES,
    Variable,
    check_items,
    item_table,
    load,
)

STAYS = (
    "stay_id",
    "subject_id",
    "hadm_id",
    "los_days",
    "days",
    "y",
    "died",
    *(f"has_{name}" for name in MODALITIES),
)
_OBJECT_PASSES = {
    "notes": objects.note_pass,
    "cxr": objects.image_pass,
    "ecg": objects.ecg_pass,
}
_MODALITY = {"notes": "text"}


def ingest(settings: Settings, folder: Path) -> dict[str, Any]:
    """Write the stays, events, notes, images and ECGs of the cohort; the report.

    Passes that a killed run finished are kept in `folder/parts` and used again; they
    are removed at the end. Nothing stamped after the window enters any file. Of every
    table the report counts each row that was read once.

    Raises:
        ValueError: raw files are missing, cut short, of another release, or real where
            the settings call them simulated, a cell that
            decides what enters cannot be read, an item id is unknown, a rule left no
            stay, or counts do not add up.
    """
    found = sources(settings)
    made_up = is_made_up(found["icu/icustays"], settings)
    settings = replace(settings, simulated=made_up)
    variables = load(settings.variables)
    items = {table: item_labels(found[name]) for table, name in DICTIONARIES.items()}
    check_items(variables, {table: labels for table, (labels, _) in items.items()})
    parts = opened(folder / "parts", settings, found.values())
    run = Run(settings, folder, found, variables, parts)
    cohort = eligible(found["icu/icustays"], found["hosp/admissions"], settings)
    counts = {DICTIONARIES[table]: closed for table, (_, closed) in items.items()}
    tally = _write_events(run, cohort.stays, counts)
    stays = cohort.stays.filter(pl.col("stay_id").is_in(sorted(tally.stays)))
    cohort.attrition.append(attrition_step("time-series row in window", stays))
    refuse_empty(cohort.attrition, found["icu/chartevents"])
    counts |= _closed(cohort, stays)
    stays, duplicates = _write_objects(run, cohort, stays, counts)
    _write_frame(folder / "stays.parquet", stays.select(STAYS))
    files.write_json(folder / "variables.json", _described(variables))
    report = reported(run, cohort, stays, tally, counts)
    report["problems"]["duplicate_rows"] |= duplicates
    files.write_json(folder / "report.json", report)
    removed(parts)
    return report


def _write_events(run: Run, stays: pl.DataFrame, counts: dict[str, Counts]) -> Tally:
    """Write the events; the counts of their tables are added to `counts`."""
    owners = windows(stays)
    chart, lab = (item_table(run.variables, table) for table in DICTIONARIES)
    source = run.found
    charted = (source["icu/chartevents"], chart, stays, run.settings)
    drawn = (source["hosp/labevents"], lab, owners, run.settings)
    made = {
        "icu/chartevents": part(
            run.parts, "chartevents", partial(chart_pass, *charted)
        ),
        "hosp/labevents": part(
            run.parts, "labevents", partial(laboratory_pass, *drawn)
        ),
    }
    narrow = {table: path for table, (path, _) in made.items()}
    counts |= {table: closed for table, (_, closed) in made.items()}
    events = run.folder / "events.parquet"
    tally = write_events(events, narrow, run.variables, stays["stay_id"].to_list())
    becoming = {
        "averaged": sum(tally.used.values()),
        "out_of_range": sum(tally.out_of_range.values()),
        "duplicate_rows": sum(tally.duplicates.values()),
    }
    used = sum(counts[table]["fates"].get("used", 0) for table in narrow)
    check_sum("rows used of events", used, becoming)
    return tally


def _closed(cohort: Eligible, stays: pl.DataFrame) -> dict[str, Counts]:
    """The counts of stays and admissions, once it is known which stays have events."""
    fates = cohort.books["icu/icustays"].fates
    fates["no_timeseries"] = cohort.stays.height - stays.height
    fates["used"] -= fates["no_timeseries"]
    return {name: book.closed() for name, book in cohort.books.items()}


def _write_objects(
    run: Run, cohort: Eligible, stays: pl.DataFrame, counts: dict[str, Counts]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Write notes, images, ECGs and measurements; the stays with presence columns."""
    owners = windows(stays)
    presence, duplicates = {"has_timeseries": pl.lit(True)}, {}
    for kind, make in _OBJECT_PASSES.items():
        columns = objects.COLUMNS[kind]
        frame, table = pl.DataFrame(schema=columns), objects.TABLES[kind]
        if table in run.found:
            given = (run.found[table], owners, cohort.everyone, run.settings)
            path, counts[table] = part(run.parts, kind, partial(make, *given))
            rows = pl.read_parquet(path)
            frame = rows.unique()
            duplicates[table] = rows.height - frame.height
            becoming = {"written": frame.height, "duplicates": duplicates[table]}
            used = counts[table]["fates"].get("used", 0)
            check_sum(f"rows used of {table}", used, becoming)
        frame = frame.select(*columns).sort(list(columns))
        _write_frame(run.folder / f"{kind}.parquet", frame)
        has = pl.col("stay_id").is_in(frame["stay_id"].to_list())
        presence[f"has_{_MODALITY.get(kind, kind)}"] = has
        if kind == "ecg":
            counts |= _write_measurements(run, frame["study_id"])
    return stays.with_columns(**presence), duplicates


def _write_measurements(run: Run, studies: pl.Series) -> dict[str, Counts]:
    frame, counts = pl.DataFrame(schema=objects.COLUMNS["measurements"]), {}
    table = "machine_measurements"
    if table in run.found:
        frame, counts[table] = objects.measurements(run.found[table], studies)
    _write_frame(run.folder / "measurements.parquet", frame)
    return counts


def _write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write a frame whole or not at all; an empty one keeps its column types."""
    with files.replacing(path) as temporary:
        pq.write_table(frame.to_arrow(), temporary)


def _described(variables: tuple[Variable, ...]) -> dict[str, list[str]]:
    return {
        "names": [variable.name for variable in variables],
        "kinds": [variable.kind for variable in variables],
        "units": [variable.unit for variable in variables],
    }
