"""The report of an ingest: who was left out, what was dropped, and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from repro.data.mimiciv.assembling import Tally, unit_disagreements
from repro.data.mimiciv.cohort import (
    MODALITIES,
    Eligible,
    attrition_step,
    class_counts,
)
from repro.data.mimiciv.layout import Source, version
from repro.data.mimiciv.objects import TABLES
from repro.data.mimiciv.parts import Parts
from repro.data.mimiciv.settings import Settings
from repro.data.mimiciv.variables import DICTIONARIES, Variable

Counts = dict[str, Any]  # of a closed `Book`
# Rows of nobody in the cohort and of other items are counted in `rows` alone.
_OF_OTHERS = ("other_item", "other_stay", "other_patient", "outside_windows")
_OF_OBJECTS = ("no_time", "without_storetime", "empty_text", "other_view")


@dataclass(frozen=True)
class Run:
    """One ingest: its rules, where it writes, what it reads."""

    settings: Settings
    folder: Path
    found: dict[str, Source]
    variables: tuple[Variable, ...]
    parts: Parts


def reported(
    run: Run,
    cohort: Eligible,
    stays: pl.DataFrame,
    tally: Tally,
    counts: Mapping[str, Counts],
) -> dict[str, Any]:
    """The report; `counts` has those of every table that was read.

    `rows` has each row of a table once, under what became of it. `dropped` are those
    of the wanted items and of patients of the cohort that were left out.
    """
    names = [variable.name for variable in run.variables]
    cells = {table: c["unreadable"] for table, c in counts.items() if c["unreadable"]}
    replaced = {table: c["replaced"] for table, c in counts.items() if c["replaced"]}
    items = counts[DICTIONARIES["icu/chartevents"]]["fates"]["used"]
    return {
        "preset": run.settings.variables,
        "time_policy": run.settings.time_policy,
        "simulated": run.settings.simulated,
        "version": version(run.found, items),
        "attrition": [*cohort.attrition, *_with_modalities(stays)],
        "classes": class_counts(stays),
        "counts": {name: tally.used[i] for i, name in enumerate(names)},
        "rows": {t: {"read": c["read"]} | c["fates"] for t, c in counts.items()},
        "dropped": {
            table: _dropped(table, counts[table]["fates"])
            for table in (*DICTIONARIES, *TABLES.values())
            if table in counts
        },
        "unreadable": cells,
        "replaced_characters": replaced,
        "without_storetime": _without_storetime(run, counts),
        "problems": cohort.problems | _problems(run, tally, counts),
        "warnings": [*_unmet(tally, names), *_untimed(run, counts)],
        "sources": {
            name: {"file": source.label, "bytes": source.path.stat().st_size}
            for name, source in sorted(run.found.items())
        },
    }


def _dropped(table: str, fates: Mapping[str, int]) -> dict[str, int]:
    always = dict.fromkeys(_OF_OBJECTS if table in TABLES.values() else (), 0)
    left_out = {n: k for n, k in fates.items() if n not in ("used", *_OF_OTHERS)}
    return always | left_out


def _without_storetime(run: Run, counts: Mapping[str, Counts]) -> dict[str, int]:
    """Rows used that say not when they were stored; `strict` took their charttime."""
    if run.settings.time_policy != "strict":
        return {}
    return {
        table: counts[table]["noted"]["without_storetime"] for table in DICTIONARIES
    }


def _untimed(run: Run, counts: Mapping[str, Counts]) -> Iterator[str]:
    for table, count in _without_storetime(run, counts).items():
        if count and count == counts[table]["fates"]["used"]:
            yield f"no row of {table} has a storetime; strict took charttime for all"


def _unmet(tally: Tally, names: list[str]) -> Iterator[str]:
    for i, name in enumerate(names):
        if not tally.used[i]:
            told = "has no row in the window; check its itemids in variables.csv"
            yield f"{name} {told}"


def _with_modalities(stays: pl.DataFrame) -> list[dict[str, Any]]:
    rules = {f"with {name}": pl.col(f"has_{name}") for name in MODALITIES[1:]}
    rules["with every modality"] = pl.all_horizontal(f"has_{m}" for m in MODALITIES)
    return [
        attrition_step(f"of these, {name}", stays.filter(rule))
        for name, rule in rules.items()
    ]


def _problems(run: Run, tally: Tally, counts: Mapping[str, Counts]) -> dict[str, Any]:
    names = [variable.name for variable in run.variables]
    noted = {table: c["noted"] for table, c in counts.items()}
    contested = {t: n["contested"] for t, n in noted.items() if "contested" in n}
    outside = {names[i]: n for i, n in sorted(tally.out_of_range.items())}
    kept = noted["hosp/labevents"]["kept_without_admission"]
    return {
        "duplicate_rows": dict(sorted(tally.duplicates.items())),
        "out_of_range": outside,
        "unit_disagreements": unit_disagreements(tally.units, run.variables),
        "contested_moments": contested,
        "labs_without_admission_kept": kept,
    }
