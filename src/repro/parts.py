"""Runs of a cross-validated data set: one folder per part, read as one."""

from typing import Any

from repro import paths
from repro.files import read_json


def pooled_report(dataset: str, folder: str, parts: int) -> dict[str, Any]:
    """The report of a cross-validated run: that of its first part, sizes summed.

    A split's size is that of all parts together; every instance is tested once.
    """
    reports = [
        read_json(paths.run(paths.part(dataset, k), folder) / "report.json")
        for k in range(parts)
    ]
    whole = reports[0] | {"dataset": dataset, "folds": parts}
    whole["data"]["sizes"] = {
        split: sum(report["data"]["sizes"][split] for report in reports)
        for split in whole["data"]["sizes"]
    }
    notes = [note for report in reports for note in report["data"]["notes"]]
    whole["data"]["notes"] = list(dict.fromkeys(notes))
    for method, told in whole["methods"].items():
        if "epochs" in told:
            own = [report["methods"][method]["epochs"] for report in reports]
            told["epochs"] = [epoch for epochs in own for epoch in epochs]
    return whole


def parts_of(dataset: str, report: dict[str, Any]) -> list[str]:
    """The data set itself, or every fold of a cross-validated run."""
    folds = report.get("folds", 0)
    return [paths.part(dataset, k) for k in range(folds)] if folds else [dataset]
