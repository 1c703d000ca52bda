"""Stays of a cohort by class, and what is known about a cohort."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from repro import paths
from repro.files import read_json, read_table
from repro.params import Params
from repro.results import small_cells
from repro.results.verdict import Facts

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
    def simulated(self) -> bool:
        """Whether nobody real is in it, by what the raw tables say of themselves."""
        return bool(self.meta["simulated"])

    @property
    def placed(self) -> pd.DataFrame:
        """The samples with their split, or without one where it differs by fold."""
        if self.is_cross_validated:
            return self.samples.drop(columns="split")
        return self.samples

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


def is_empty(params: Params, cohort: str) -> bool:
    """Whether the data have no stay of a cohort: then there is nothing to read."""
    folder = paths.prepared(params.parts(cohort)[0])
    return "empty" in read_json(folder / "meta.json")


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
        "stays": str(len(cohort.samples)),
        "split": "stay" if rules.split == "published" else rules.split,
    }


def evaluation_notes(params: Params, cohort: CohortFiles) -> list[str]:
    """That cross-validated numbers are too few for claims; classes never tested.

    Of real patients it is not said which class nobody is in.
    """
    samples = cohort.samples
    notes = []
    if small_cells.protects(params, cohort.name, simulated=cohort.simulated):
        notes.append(small_cells.NOTE)
        if samples["group"].nunique() < small_cells.FEWEST:
            return notes
    if cohort.is_cross_validated:
        patients = samples["group"].nunique()
        notes.append(
            f"grouped cross-validation over {len(samples)} stays of {patients} "
            "patients: too few for claims"
        )
    else:
        samples = samples[samples["split"] == "test"]
    if small_cells.NOTE in notes:
        return notes
    for k, name in enumerate(cohort.classes):
        if not (samples["y"] == k).any():
            notes.append(
                f"no test stay of {name}: without recall, its F1 counts as 0; AUROC is "
                "the mean over the other classes"
            )
    return notes


def score_notes(params: Params, cohort: CohortFiles) -> list[str]:
    """Notes of a table of scores: of the evaluation, and of metrics left out."""
    notes = evaluation_notes(params, cohort)
    if cohort.is_cross_validated:
        notes.append(ONE_MODEL_NOTE)
    return notes
