"""Runs of a cross-validated data set: one folder per fold, read as one."""

from collections.abc import Mapping, Sequence
from typing import Any

from repro import paths
from repro.report import Data, Method, Report, read_report

# What a fold tells of its own fit; the pooled report has the mean over folds.
OF_A_FOLD = ("error", "weight_shift", "valid_log_loss")


def pooled_report(address: str, reports: Sequence[Report]) -> Report:
    """The report of a cross-validated run; each fold keeps its own in its folder.

    Settings are those of every fold. Of sizes it has those of test: every
    instance is tested once, but trains several models. A method has the epochs and
    trends of all folds, the fields in which they agree and, under `mean_over_folds`,
    those of `OF_A_FOLD`.
    """
    first = reports[0]
    methods = {
        name: _pooled_method([report.methods[name] for report in reports])
        for name in first.methods
        if all(name in report.methods for report in reports)
    }
    left_out = {n: why for report in reports for n, why in report.left_out.items()}
    told = {
        "address": address,
        "dataset": paths.whole(first.dataset),
        "folds": len(reports),
        "methods": methods,
        "left_out": left_out,
        "data": _pooled_data([report.data for report in reports]),
    }
    return first.model_copy(update=told)


def write_folds(address: str, folds: int) -> None:
    """The report of a cross-validated run, above the folders of its folds."""
    reports = [read_report(paths.part(address, k)) for k in range(folds)]
    pooled_report(address, reports).write()


def parts_of(report: Report) -> list[str]:
    """Address of the run itself, or of every fold of a cross-validated one."""
    address, folds = report.address, report.folds
    return [paths.part(address, k) for k in range(folds)] if folds else [address]


def _pooled_data(told: Sequence[Data]) -> Data:
    """What is known of the data of every fold; a `excluded` they differ in is 0."""
    first = told[0]
    update: dict[str, Any] = {
        "sizes": {"test": sum(data.sizes["test"] for data in told)},
        "dims": _alike([data.dims for data in told]),
        "notes": list(dict.fromkeys(note for data in told for note in data.notes)),
        "warnings": list(dict.fromkeys(w for data in told for w in data.warnings)),
    }
    if len({data.excluded for data in told}) > 1:
        update["excluded"] = 0
    return first.model_copy(update=update)


def _pooled_method(told: Sequence[Method]) -> Method:
    flat = [{**method.settings, **method.model_dump()} for method in told]
    means = {
        key: _mean([one[key] for one in flat]) for key in OF_A_FOLD if flat[0].get(key)
    }
    settings = _alike([method.settings for method in told])
    kept = _alike(
        [method.model_dump(exclude={*OF_A_FOLD, "settings"}) for method in told]
    )
    return Method(
        **kept
        | {
            "settings": {k: v for k, v in settings.items() if k not in OF_A_FOLD},
            "epochs": [epoch for method in told for epoch in method.epochs],
            "trends": [trend for method in told for trend in method.trends],
            "mean_over_folds": means,
        }
    )


def _alike(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
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
