"""Stays of a cohort by class, and what is known about a cohort."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from repro import paths
from repro.files import read_json, read_table
from repro.params import Params
from repro.records import SPLITS
from repro.results.verdict import Conditions, Facts, Verdict, compared
from repro.tables.blocks import preset_note
from repro.tables.rows import Block, Entry, frame, joined_notes

TOTAL = "total"
PART = "of these, "  # before a step that only counts
ONE_MODEL_NOTE = (
    "AUROC and calibration error are left out: each fold has a model of its own, whose "
    "probabilities do not compare with those of another"
)


@dataclass(frozen=True)
class CohortFiles:
    """A prepared cohort: its samples, its meta, and the report of the ingestion.

    Of a cross-validated cohort the samples are those of the first fold, which holds
    every stay; its splits are not those of the others.
    """

    name: str
    classes: Sequence[str]
    samples: pd.DataFrame
    meta: dict[str, Any]
    ingested: dict[str, Any]

    @property
    def is_cross_validated(self) -> bool:
        """Whether every stay is tested once, in one of several folds."""
        return str(self.meta["evaluation"]) == "grouped_cv"

    @property
    def counts(self) -> tuple[int, ...]:
        """Stays of each class, all splits together."""
        found = self.samples["y"].astype(int).value_counts()
        return tuple(int(found.get(k, 0)) for k in range(len(self.classes)))


def read_cohort(params: Params, cohort: str) -> CohortFiles:
    """Read what is known about a cohort from its prepared and the ingested folder."""
    folder = paths.prepared(params.parts(cohort)[0])
    return CohortFiles(
        name=cohort,
        classes=params.dataset(cohort).classes,
        samples=read_table(folder / "samples.parquet"),
        meta=read_json(folder / "meta.json"),
        ingested=read_json(paths.ingested() / "report.json"),
    )


def cohort_facts(params: Params, cohort: CohortFiles) -> Facts:
    """What decides whether the stays can be those of a paper, in words."""
    rules = params.clinical
    return {
        "source": str(cohort.meta["source"]),
        "release": str(cohort.ingested["version"]),
        "time policy": str(cohort.ingested["time_policy"]),
        "variables": str(cohort.ingested["preset"]),
        "deaths": rules.deaths,
        "labs without admission": rules.labs_without_admission,
        "min los days": str(rules.min_los_days),
        "X-ray views": ", ".join(rules.views) or "all",
        "evaluation": str(cohort.meta["evaluation"]),
        "stays by class": "/".join(str(count) for count in cohort.counts),
        "stays": str(sum(cohort.counts)),
        "split": "stay" if rules.split == "published" else rules.split,
    }


def evaluation_notes(cohort: CohortFiles) -> list[str]:
    """That cross-validated numbers are too few for claims; classes never tested."""
    samples = cohort.samples
    notes = []
    if cohort.is_cross_validated:
        patients = samples["group"].nunique()
        notes.append(
            f"grouped cross-validation over {len(samples)} stays of {patients} "
            "patients: too few for claims"
        )
    else:
        samples = samples[samples["split"] == "test"]
    for k, name in enumerate(cohort.classes):
        if not (samples["y"] == k).any():
            notes.append(
                f"no test stay of {name}: without recall and AUROC, its F1 counts as 0"
            )
    return notes


def score_notes(cohort: CohortFiles) -> list[str]:
    """Notes of a table of scores: of the evaluation, and of metrics left out."""
    notes = evaluation_notes(cohort)
    if cohort.is_cross_validated:
        notes.append(ONE_MODEL_NOTE)
    return notes


def attrition_note(steps: Sequence[Mapping[str, Any]]) -> str:
    """Stays left after each step; those counted "of these" are no step.

    >>> step = {"step": "of these, with text", "stays": 5, "patients": 4}
    >>> attrition_note([{"step": "all", "stays": 9, "patients": 8}, step])
    'stays (patients) left after each step: all 9 (8); of the last: with text 5 (4)'
    """
    told: dict[bool, list[str]] = {False: [], True: []}
    for step in steps:
        name = step["step"].removeprefix(PART)
        shown = f"{name} {step['stays']} ({step['patients']})"
        told[name != step["step"]].append(shown)
    left = f"stays (patients) left after each step: {', '.join(told[False])}"
    return f"{left}; of the last: {', '.join(told[True])}" if told[True] else left


def stays_by_class(
    params: Params, name: str, printed: Mapping[str, int], asked: Conditions
) -> pd.DataFrame:
    """Stays of each class of a cohort, in all and by split.

    `printed` has the stays of a class by its number, and of all under `TOTAL`.
    """
    cohort = read_cohort(params, name)
    facts, meta = cohort_facts(params, cohort), cohort.meta
    simulated = bool(meta["simulated"])
    block = Block(
        dataset=name,
        source="simulated" if simulated else str(meta["source"]),
        protocol="",
        simulated=simulated,
        modalities=", ".join(meta["modalities"]),
        notes=joined_notes(
            preset_note(params.preset),
            attrition_note(meta["attrition"]),
            f"split {params.clinical.split}, time policy {facts['time policy']}, "
            f"variables {facts['variables']}, tables {facts['release']}",
            *evaluation_notes(cohort),
            *meta["notes"],
            *meta["warnings"],
        ),
    )
    failing = asked.failing(facts)
    return frame(block, list(_entries(cohort, printed, failing)))


def _entries(
    cohort: CohortFiles, printed: Mapping[str, int], failing: str | None
) -> Iterator[Entry]:
    samples = cohort.samples
    for k, name in [*enumerate(cohort.classes), (None, TOTAL)]:
        row = TOTAL if k is None else f"class_{k}"
        chosen = samples if k is None else samples[samples["y"] == k]
        entry = Entry(row, name, "stays", mean=float(len(chosen)))
        if row in printed:
            simulated = bool(cohort.meta["simulated"])
            entry = _beside(entry, len(chosen), printed[row], simulated, failing)
        yield entry
        yield Entry(row, name, "share", mean=100 * len(chosen) / len(samples))
        if cohort.is_cross_validated:
            continue
        for split in SPLITS:
            count = (chosen["split"] == split).sum()
            yield Entry(row, name, f"stays_{split}", mean=float(count))


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
