"""Stays of each class and split of a cohort, beside the printed ones."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from repro.params import Params
from repro.records import SPLITS
from repro.results import small_cells
from repro.results.small_cells import TOTAL, Cell
from repro.results.verdict import Conditions, Verdict, compared
from repro.tables.blocks import preset_note
from repro.tables.cohorts import (
    CohortFiles,
    cohort_facts,
    evaluation_notes,
    is_empty,
    read_cohort,
)
from repro.tables.rows import Block, Entry, frame, joined_notes

PART = "of these, "  # before a step that only counts


@dataclass(frozen=True)
class Protected:
    """What is not told of real patients: cells, and differences to these totals."""

    hidden: frozenset[Cell] = frozenset()
    totals: Sequence[Mapping[str, Any]] = ()


def attrition_note(
    steps: Sequence[Mapping[str, Any]],
    totals: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Stays left after each step; those counted "of these" are no step.

    `totals` are stays and patients of the cohorts, where patients are protected: a
    step is then left out that differs by so few from one of them, or from another
    step, that they are not shown.

    >>> step = {"step": "of these, with text", "stays": 5, "patients": 4}
    >>> attrition_note([{"step": "all", "stays": 9, "patients": 8}, step])
    'stays (patients) left after each step: all 9 (8); of the last: with text 5 (4)'
    """
    taken = [step for step in steps if not step["step"].startswith(PART)]
    parts = [step for step in steps if step["step"].startswith(PART)]
    if totals:
        apart = list(_far_apart([*taken[::-1], *parts], totals))
        taken = [step for step in taken if step in apart]
        parts = [step for step in parts if step in apart]
    told = ", ".join(_told(step) for step in taken)
    left = f"stays (patients) left after each step: {told}" if taken else ""
    if not parts:
        return left
    return f"{left}; of the last: {', '.join(_told(step) for step in parts)}"


def _told(step: Mapping[str, Any]) -> str:
    return f"{step['step'].removeprefix(PART)} {step['stays']} ({step['patients']})"


def _is_near(step: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether the difference of two counts tells of few, or both of a hidden one."""
    gaps = [abs(other[name] - step[name]) for name in ("stays", "patients")]
    least = 0 if other.get("hidden", False) else 1
    return any(least <= gap < small_cells.FEWEST for gap in gaps)


def _far_apart(
    steps: Sequence[Mapping[str, Any]], totals: Sequence[Mapping[str, Any]]
) -> Iterator[Mapping[str, Any]]:
    """The steps whose patients are enough, as are those of every difference."""
    shown = list(totals)
    for step in steps:
        few = any(_is_near(step, other) for other in shown)
        if step["patients"] >= small_cells.FEWEST and not few:
            shown.append(step)
            yield step


def stays_by_class(
    params: Params,
    name: str,
    printed: Mapping[str, int],
    asked: Conditions,
    protected: Protected | None = None,
) -> pd.DataFrame:
    """Stays of each class of a cohort, in all and by split, but for hidden cells.

    `printed` has the stays of a class by its number, and of all under `TOTAL`.
    """
    cohort = read_cohort(params, name)
    facts, meta = cohort_facts(params, cohort), cohort.meta
    protected = protected or Protected()
    block = Block(
        dataset=name,
        source="simulated" if cohort.simulated else str(meta["source"]),
        protocol="",
        simulated=cohort.simulated,
        modalities=", ".join(meta["modalities"]),
        notes=joined_notes(
            preset_note(params.preset),
            attrition_note(meta["attrition"], protected.totals),
            f"split {params.clinical.split}, time policy {facts['time policy']}, "
            f"variables {facts['variables']}, tables {facts['release']}",
            *evaluation_notes(params, cohort),
            *meta["notes"],
            *meta["warnings"],
        ),
    )
    failing = asked.failing(facts)
    return frame(block, list(_entries(cohort, printed, failing, protected.hidden)))


def protected_of(params: Params, names: Sequence[str]) -> Protected:
    """What the table of these cohorts does not tell; nothing of simulated patients."""
    every = [read_cohort(params, n) for n in names if not is_empty(params, n)]
    kept = {
        c.name: c
        for c in every
        if small_cells.protects(params, c.name, simulated=c.simulated)
    }
    if not kept:
        return Protected()
    classes = max(len(cohort.classes) for cohort in kept.values())
    placed = {name: cohort.placed for name, cohort in kept.items()}
    hidden = small_cells.hidden_cells(placed, classes)
    totals = [
        {
            "stays": len(samples),
            "patients": samples["group"].nunique(),
            "hidden": (name, TOTAL, small_cells.ALL) in hidden,
        }
        for name, samples in placed.items()
    ]
    return Protected(hidden, totals)


def _entries(
    cohort: CohortFiles,
    printed: Mapping[str, int],
    failing: str | None,
    hidden: Collection[Cell],
) -> Iterator[Entry]:
    samples = cohort.samples
    for k, name in [*enumerate(cohort.classes), (None, TOTAL)]:
        row = TOTAL if k is None else f"class_{k}"
        chosen = samples if k is None else samples[samples["y"] == k]
        if (cohort.name, row, small_cells.ALL) in hidden:
            if row in printed:
                yield _unsaid(Entry(row, name, "stays"), printed[row])
        else:
            entry = Entry(row, name, "stays", mean=float(len(chosen)))
            if row in printed:
                count = len(chosen)
                entry = _beside(entry, count, printed[row], cohort.simulated, failing)
            yield entry
            yield Entry(row, name, "share", mean=100 * len(chosen) / len(samples))
        if cohort.is_cross_validated:
            continue
        for split in SPLITS:
            if (cohort.name, row, split) not in hidden:
                count = (chosen["split"] == split).sum()
                yield Entry(row, name, f"stays_{split}", mean=float(count))


def _unsaid(entry: Entry, printed: int) -> Entry:
    """A number of stays that is not told beside the printed one."""
    return replace(
        entry,
        published_mean=float(printed),
        verdict="not comparable",
        condition=small_cells.NOTE,
    )


def _beside(
    entry: Entry, count: int, printed: int, simulated: bool, failing: str | None
) -> Entry:
    """A number of stays beside the printed one; it has no spread."""
    entry = replace(entry, published_mean=float(printed))
    if simulated:
        return entry
    found = compared(float(count - printed))
    if failing is not None:
        found = Verdict("not comparable", failing)
    return replace(
        entry,
        difference=float(count - printed),
        verdict=found.word,
        condition=found.condition,
    )
