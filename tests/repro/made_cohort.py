"""A prepared cohort of made-up stays."""

from collections.abc import Mapping
from typing import Any

from repro import paths
from repro.files import write_json, write_table
from repro.params import Params
from tests.repro.made_data import MADE, divided, samples


def write_cohort(params: Params, cohort: str, changes: Mapping[str, Any]) -> None:
    """The prepared folder of a cohort or of each of its folds."""
    steps = [("all ICU stays", 400, 150), ("los >= 2 days", 240, 120)]
    names = ("step", "stays", "patients")
    meta = {
        "source": "simulated",
        "simulated": True,
        "modalities": MADE[cohort].modalities,
        "evaluation": params.clinical.evaluation,
        "attrition": [dict(zip(names, step, strict=True)) for step in steps],
        "notes": [],
        "warnings": [],
    }
    meta |= {k: v for k, v in changes.items() if k in meta}
    parts = divided(samples(cohort), params.folds(cohort))
    for part, base in zip(params.parts(cohort), parts, strict=True):
        write_table(paths.prepared(part) / "samples.parquet", base)
        write_json(paths.prepared(part) / "meta.json", meta)
