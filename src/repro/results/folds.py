"""Runs of a cross-validated data set: one folder per part, read as one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from repro import paths
from repro.files import read_json

# What a fold tells of its own fit; the pooled report has the mean over folds.
OF_A_FOLD = ("error", "weight_shift", "valid_macro_f1")


def pooled_report(dataset: str, folder: str, parts: int) -> dict[str, Any]:
    """The report of a cross-validated run; each part keeps its own in its folder.

    Settings are those of every part. Of sizes and classes it has those of test: every
    instance is tested once, but trains several models. A method has the epochs of all
    parts, the fields in which they agree and, under `mean_over_folds`, those of
    `OF_A_FOLD`.
    """
    reports = [
        read_json(paths.run(paths.part(dataset, k), folder) / "report.json")
        for k in range(parts)
    ]
    told = [report["methods"] for report in reports]
    return reports[0] | {
        "dataset": dataset,
        "folds": parts,
        "methods": {name: _pooled_method([t[name] for t in told]) for name in told[0]},
        "data": _pooled_data([report["data"] for report in reports]),
    }


def parts_of(dataset: str, report: dict[str, Any]) -> list[str]:
    """The data set itself, or every fold of a cross-validated run."""
    folds = report.get("folds", 0)
    return [paths.part(dataset, k) for k in range(folds)] if folds else [dataset]


def _pooled_data(data: Sequence[dict[str, Any]]) -> dict[str, Any]:
    sizes = {"test": sum(part["sizes"]["test"] for part in data)}
    whole = _alike(data) | {
        "sizes": sizes,
        "dims": _alike([part["dims"] for part in data]),
        "notes": _distinct(note for part in data for note in part["notes"]),
        "warnings": _distinct(text for part in data for text in part["warnings"]),
    }
    if isinstance(data[0]["classes"], Mapping):  # stays by split and class
        counts = [part["classes"]["test"] for part in data]
        whole["classes"] = {"test": [sum(of) for of in zip(*counts, strict=True)]}
    return whole


def _pooled_method(told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    whole = {k: v for k, v in _alike(told).items() if k not in OF_A_FOLD}
    if "epochs" in told[0]:
        whole["epochs"] = [epoch for part in told for epoch in part["epochs"]]
    means = {k: _mean([part[k] for part in told]) for k in OF_A_FOLD if k in told[0]}
    return whole | ({"mean_over_folds": means} if means else {})


def _alike(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The fields of the first part that every part has with the same value.

    >>> _alike([{"a": 1, "b": 2}, {"a": 1, "b": 3}])
    {'a': 1}
    """
    first = parts[0].items()
    return {k: v for k, v in first if all(k in p and p[k] == v for p in parts)}


def _mean(values: Sequence[Any]) -> Any:
    """Mean of numbers, of each field of mappings, of each element of lists.

    >>> _mean([{"valid": [1.0, 2.0]}, {"valid": [3.0, 2.0]}])
    {'valid': [2.0, 2.0]}
    """
    if isinstance(values[0], Mapping):
        return {key: _mean([value[key] for value in values]) for key in values[0]}
    if isinstance(values[0], list):
        return [_mean(own) for own in zip(*values, strict=True)]
    return sum(values) / len(values)


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
