"""The whole ingest: raw tables in, one folder of Parquet files out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from repro import files
from repro.data.mimiciv import objects
from repro.data.mimiciv.assembling import Tally, unit_disagreements, write_events
from repro.data.mimiciv.cohort import (
    MODALITIES,
    Eligible,
    attrition_step,
    class_counts,
    eligible,
    refuse_empty,
    windows,
)
from repro.data.mimiciv.layout import Source, sources, version
from repro.data.mimiciv.measuring import chart_pass, laboratory_pass
from repro.data.mimiciv.parts import Parts, opened, part, removed
from repro.data.mimiciv.reading import csv_frame
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


@dataclass(frozen=True)
class _Run:
    settings: Settings
    folder: Path
    found: dict[str, Source]
    variables: tuple[Variable, ...]
    parts: Parts


def ingest(settings: Settings, folder: Path) -> dict[str, Any]:
    """Write the stays, events, notes, images and ECGs of the cohort; the report.

    Passes that a killed run finished are kept in `folder/parts` and used again; they
    are removed at the end. Nothing stamped after the window enters any file.

    Raises:
        ValueError: raw files are missing, cut short or of another release, an item
            id is unknown, or a rule left no stay.
    """
    found = sources(settings)
    variables = load(settings.variables)
    labels = {table: _labels(found[name]) for table, name in DICTIONARIES.items()}
    check_items(variables, labels)
    parts = opened(folder / "parts", settings, found.values())
    run = _Run(settings, folder, found, variables, parts)
    cohort = eligible(found["icu/icustays"], found["hosp/admissions"], settings)
    tally, passes = _write_events(run, cohort.stays)
    stays = cohort.stays.filter(pl.col("stay_id").is_in(sorted(tally.stays)))
    cohort.attrition.append(attrition_step("time-series row in window", stays))
    refuse_empty(cohort.attrition, found["icu/chartevents"])
    stays, duplicates = _write_objects(run, cohort, stays, passes)
    _write_frame(folder / "stays.parquet", stays.select(STAYS))
    files.write_json(folder / "variables.json", _described(variables))
    report = _report(run, cohort, stays, tally, passes)
    report["version"] = version(found, len(labels["icu/chartevents"]))
    report["problems"]["duplicate_rows"] |= duplicates
    files.write_json(folder / "report.json", report)
    removed(parts)
    return report


def _labels(source: Source) -> dict[int, str]:
    frame = csv_frame(source, ("itemid", "label"))
    frame = frame.with_columns(pl.col("itemid").cast(pl.Int64, strict=False))
    return dict(frame.drop_nulls("itemid").iter_rows())


def _write_events(
    run: _Run, stays: pl.DataFrame
) -> tuple[Tally, dict[str, dict[str, Any]]]:
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
    events = run.folder / "events.parquet"
    tally = write_events(events, narrow, run.variables, stays["stay_id"].to_list())
    return tally, {table: counts for table, (_, counts) in made.items()}


def _write_objects(
    run: _Run,
    cohort: Eligible,
    stays: pl.DataFrame,
    passes: dict[str, dict[str, Any]],
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Write notes, images, ECGs and measurements; the stays with presence columns."""
    owners = windows(stays)
    presence, duplicates = {"has_timeseries": pl.lit(True)}, {}
    for kind, make in _OBJECT_PASSES.items():
        columns = objects.COLUMNS[kind]
        frame, table = pl.DataFrame(schema=columns), objects.TABLES[kind]
        if table in run.found:
            given = (run.found[table], owners, cohort.everyone, run.settings)
            path, passes[table] = part(run.parts, kind, partial(make, *given))
            read = pl.read_parquet(path)
            frame = read.unique()
            duplicates[table] = read.height - frame.height
        frame = frame.select(*columns).sort(list(columns))
        _write_frame(run.folder / f"{kind}.parquet", frame)
        has = pl.col("stay_id").is_in(frame["stay_id"].to_list())
        presence[f"has_{_MODALITY.get(kind, kind)}"] = has
        if kind == "ecg":
            _write_measurements(run, frame["study_id"])
    return stays.with_columns(**presence), duplicates


def _write_measurements(run: _Run, studies: pl.Series) -> None:
    frame = pl.DataFrame(schema=objects.COLUMNS["measurements"])
    if "machine_measurements" in run.found:
        frame = objects.measurements(run.found["machine_measurements"], studies)
    _write_frame(run.folder / "measurements.parquet", frame)


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


def _report(
    run: _Run,
    cohort: Eligible,
    stays: pl.DataFrame,
    tally: Tally,
    passes: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    names = [variable.name for variable in run.variables]
    dropped = {
        table: {fate: n for fate, n in counts["fates"].items() if fate != "used"}
        for table, counts in passes.items()
    }
    return {
        "preset": run.settings.variables,
        "time_policy": run.settings.time_policy,
        "simulated": run.settings.simulated,
        "attrition": [*cohort.attrition, *_with_modalities(stays)],
        "classes": class_counts(stays),
        "counts": {name: tally.used[i] for i, name in enumerate(names)},
        "dropped": dropped,
        "problems": cohort.problems | _problems(run, tally, passes),
        "warnings": [
            f"{name} has no row in the window; check its itemids in variables.csv"
            for i, name in enumerate(names)
            if not tally.used[i]
        ],
        "sources": {
            name: {"file": source.label, "bytes": source.path.stat().st_size}
            for name, source in sorted(run.found.items())
        },
    }


def _with_modalities(stays: pl.DataFrame) -> list[dict[str, Any]]:
    rules = {f"with {name}": pl.col(f"has_{name}") for name in MODALITIES[1:]}
    rules["with every modality"] = pl.all_horizontal(f"has_{m}" for m in MODALITIES)
    return [
        attrition_step(f"of these, {name}", stays.filter(rule))
        for name, rule in rules.items()
    ]


def _problems(
    run: _Run, tally: Tally, passes: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    names = [variable.name for variable in run.variables]
    contested = {t: c["contested"] for t, c in passes.items() if "contested" in c}
    outside = {names[i]: n for i, n in sorted(tally.out_of_range.items())}
    return {
        "duplicate_rows": dict(sorted(tally.duplicates.items())),
        "out_of_range": outside,
        "unit_disagreements": unit_disagreements(tally.units, run.variables),
        "contested_moments": contested,
        "labs_without_admission_kept": passes["hosp/labevents"][
            "kept_without_admission"
        ],
    }
