"""Table 2 (stays by length of stay), and what is known about a cohort."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from repro import paths
from repro.files import read_json, read_table
from repro.params import Params
from repro.records import SPLITS
from repro.results.clinical_verdict import COMPLETE, CohortFacts, count_verdict
from repro.results.published import contents
from repro.results.titles import CLASSES
from repro.tables.rows import Block, Entry, frame, joined_notes, preset_note

TOTAL = "total"


@dataclass(frozen=True)
class CohortFiles:
    """A prepared cohort: its samples, its meta, and the report of the ingestion.

    Of a cross-validated cohort the samples are those of the first fold, which holds
    every stay; its splits are not those of the others.
    """

    name: str
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
        return tuple(int(found.get(k, 0)) for k in range(len(CLASSES)))


def read_cohort(params: Params, cohort: str) -> CohortFiles:
    """Read what is known about a cohort from its prepared and the ingested folder."""
    folder = paths.prepared(params.parts(cohort)[0])
    return CohortFiles(
        name=cohort,
        samples=read_table(folder / "samples.parquet"),
        meta=read_json(folder / "meta.json"),
        ingested=read_json(paths.ingested() / "report.json"),
    )


def cohort_facts(params: Params, cohort: CohortFiles) -> CohortFacts:
    """What decides whether the stays can be those of the paper."""
    rules = params.clinical
    return CohortFacts(
        cohort=cohort.name,
        simulated=bool(cohort.meta["simulated"]),
        source=str(cohort.meta["source"]),
        version=str(cohort.ingested["version"]),
        variables=str(cohort.ingested["preset"]),
        time_policy=str(cohort.ingested["time_policy"]),
        deaths=rules.deaths,
        labs_without_admission=rules.labs_without_admission,
        min_los_days=rules.min_los_days,
        views=tuple(rules.views),
        split=rules.split,
        evaluation=str(cohort.meta["evaluation"]),
        counts=cohort.counts,
    )


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
    for k, name in enumerate(CLASSES):
        if not (samples["y"] == k).any():
            notes.append(
                f"no test stay of {name}: without recall and AUROC, its F1 counts as 0"
            )
    return notes


def table2(params: Params) -> pd.DataFrame:
    """Stays of each class of every cohort, in all and by split."""
    return pd.concat([_block_frame(params, name) for name in params.cohorts])


def _block_frame(params: Params, name: str) -> pd.DataFrame:
    cohort = read_cohort(params, name)
    facts = cohort_facts(params, cohort)
    meta = cohort.meta
    block = Block(
        dataset=name,
        source="simulated" if facts.simulated else facts.source,
        protocol="",
        simulated=facts.simulated,
        modalities=", ".join(meta["modalities"]),
        notes=joined_notes(
            preset_note(params.preset),
            _attrition_note(meta["attrition"]),
            f"split {facts.split}, time policy {facts.time_policy}, variables "
            f"{facts.variables}, tables {facts.version}",
            *evaluation_notes(cohort),
            *meta["notes"],
            *meta["warnings"],
        ),
    )
    return frame(block, list(_entries(cohort, facts)))


def _attrition_note(steps: list[dict[str, Any]]) -> str:
    told = [f"{s['step']} {s['stays']} ({s['patients']})" for s in steps]
    return f"stays (patients) left after each step: {', '.join(told)}"


def _entries(cohort: CohortFiles, facts: CohortFacts) -> Iterator[Entry]:
    printed = _printed_counts() if cohort.name == COMPLETE else {}
    samples = cohort.samples
    for k, name in [*enumerate(CLASSES), (None, TOTAL)]:
        row = TOTAL if k is None else f"class_{k}"
        chosen = samples if k is None else samples[samples["y"] == k]
        yield _stays(Entry(row, name, "stays"), len(chosen), facts, printed.get(row))
        yield Entry(row, name, "share", mean=100 * len(chosen) / len(samples))
        if cohort.is_cross_validated:
            continue
        for split in SPLITS:
            count = (chosen["split"] == split).sum()
            yield Entry(row, name, f"stays_{split}", mean=float(count))


def _printed_counts() -> dict[str, int]:
    """Printed stays by row; the file has the classes in order."""
    printed = contents()["table2"]
    counts = list(printed["los_days_count"].values())
    rows = {f"class_{k}": int(count) for k, count in enumerate(counts)}
    return rows | {TOTAL: int(printed["total"])}


def _stays(entry: Entry, count: int, facts: CohortFacts, printed: int | None) -> Entry:
    """A number of stays, beside the printed one where there is one."""
    entry = replace(entry, mean=float(count))
    if printed is None:
        return entry
    entry = replace(entry, published_mean=float(printed))
    found = count_verdict(facts, count, printed)
    if found is None:
        return entry
    return replace(
        entry,
        difference=float(count - printed),
        verdict=found.word,
        condition=found.condition,
    )
