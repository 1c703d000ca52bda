"""Every trained method seed by seed: what tables take means of."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from repro.params import Params
from repro.params.cells import WEIGHTINGS
from repro.results.runs import Run, best_modality, read_run, trained_run
from repro.results.small_cells import protects
from repro.tables.blocks import protocol_of, source_of
from repro.tables.btw_sites import DATASET as CONVEX
from repro.tables.first_rows import ATTAINABLE, BEST_IN
from repro.tables.stays_by_class import protected_of

# Columns of metrics/seeds.parquet in their order, with their types.
TYPES = {
    "run": "str",
    "dataset": "str",
    "source": "str",
    "protocol": "str",
    "simulated": "bool",
    "method": "str",
    "name": "str",
    "alpha": "float64",
    "seed": "int64",
    "metric": "str",
    "test": "float64",
    "valid": "float64",
    "epoch": "Int64",
    "parameters": "Int64",
}
ON_REQUEST = ("own/", "attribution/more")


def addresses(params: Params) -> list[str]:
    """Every run that `dvc repro` makes, those without a network first."""
    base, other = params.cells.get("base", {}), params.cells.get("deberta", {})
    found = [f"{g}/{name}" for name in base for g in ("baselines", "ceilings")]
    found += [f"baselines_deberta/{name}" for name in other]
    found += [f"convex/{CONVEX}"] if CONVEX in base else []
    return found + [a for a in params.recipes if not a.startswith(ON_REQUEST)]


def seeds(params: Params) -> pd.DataFrame:
    """Test and validation metrics of each seed of each method, in the run that made it.

    Units: those of the metric. `epoch` is the kept one, `parameters` count those of one
    seed; both are empty without a network, and of a cross-validated run so are `epoch`
    and `valid`, which then are several. Of real patients whose small cells are left out
    there is no row where a class of a split is: counts would follow from the scores.
    """
    hidden = protected_of(params, list(params.datasets.stays)).hidden
    few = {cohort for cohort, _, _ in hidden}
    rows: list[Mapping[str, Any]] = []
    for address in addresses(params):
        is_recipe = address in params.recipes
        run = trained_run(params, address) if is_recipe else read_run(address)
        is_told = not protects(params, run.dataset, simulated=run.simulated)
        if is_told or run.dataset not in few:
            rows += _rows(params, run)
    return pd.DataFrame(rows, columns=list(TYPES)).astype(TYPES)


def _rows(params: Params, run: Run) -> Iterator[dict[str, Any]]:
    about = {
        "run": run.report.address,
        "dataset": run.dataset,
        "source": source_of(run),
        "protocol": protocol_of(run),
        "simulated": run.simulated,
    }
    names = {**params.names, **_best_unimodal(params, run)}
    for method, told in run.report.methods.items():
        if run.report.setup is not None and not told.trained:
            continue  # the run that it uses has it
        alpha = run.report.alpha if method in WEIGHTINGS else None
        own = {"method": method, "name": names.get(method, method), "alpha": alpha}
        for row in _of_method(run, method):
            yield about | own | row


def _best_unimodal(params: Params, run: Run) -> dict[str, str]:
    """The name that tables give the modality which is best on valid."""
    if not set(run.report.data.modalities) & set(run.report.methods):
        return {}
    best = best_modality(run)
    return {best: f"{params.names['unimodal']} ({best})"}


def _of_method(run: Run, method: str) -> Iterator[dict[str, Any]]:
    told, is_crossed = run.report.methods[method], run.report.folds > 0
    found = _metrics(run, method, "test")
    valid = found if is_crossed else _metrics(run, method, "valid")
    shown = [
        metric
        for metric in found[0]
        if _is_shown(run, method, metric) and all(metric in one for one in found)
    ]
    for k, seed in enumerate(run.predictions(method).seeds):
        about = {
            "seed": int(seed),
            "epoch": None if is_crossed or not told.epochs else told.epochs[k],
            "parameters": told.parameters or None,
        }
        for metric in shown:
            score = None if is_crossed else valid[k].get(metric)
            yield about | {"metric": metric, "test": found[k][metric], "valid": score}


def _metrics(run: Run, method: str, split: str) -> list[dict[str, float]]:
    """Metrics of each seed on one split."""
    found = run.predictions(method, split)
    return [run.score.compute(p, found.y) for p in found.prediction]


def _is_shown(run: Run, method: str, metric: str) -> bool:
    """Whether tables show a metric of a method.

    Folds have no metric of one model, and ceilings only those they are best in.
    """
    known = run.score.metric(metric)
    of_one_model = known is not None and known.of_one_model
    if run.report.folds > 0 and of_one_model:
        return False
    return method not in ATTAINABLE or metric in BEST_IN
