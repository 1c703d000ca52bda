"""Small fabricated runs: the folder of every recipe of params, by the typed report."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from repro import paths
from repro.files import read_table, write_json, write_table
from repro.params import Params
from repro.params.cells import (
    CONTROLS,
    STACKED,
    UNIMODAL,
    WEIGHTINGS,
    Recipe,
    recipes,
)
from repro.report import Data, Method, Report, Setup, read_report
from repro.results.folds import pooled_report
from tests.repro.made_cohort import write_cohort
from tests.repro.made_data import (
    MADE,
    SEEDS,
    divided,
    parts_of,
    predicted,
    reliability_of,
    samples,
    trajectory,
    truth_of,
    weights,
)
from tests.repro.made_experts import planted_truth, write_experts, write_mixtures
from tests.repro.made_timing import write_timing

SIZES = {"expert_hidden": 64, "layers": 1, "router": "per_modality", "gate": "laplace"}
EXPERTS = ("moe", "fusemoe")  # fusions of the sizes above
BASELINES = {
    "regression": ("mean", "ridge"),
    "classification": ("majority", "stratified", "logistic", "haim"),
    "multilabel": ("majority", "constant", "logistic"),
}
ATTAINABLE = ("attainable", "attainable_known")
TEXT_OF_STAYS = {"text_encoder": "tfidf", "text_weights": "none"}


def write_study(params: Params, **changes: Any) -> None:
    """Every run of params, its baselines and ceilings.

    Fields of `changes` are those of a report, of its `setup`, of its `data` and the
    `sizes` of the experts; `ingested` and `prepared` are of the clinical source.
    """
    ingested, prepared = changes.pop("ingested", {}), changes.pop("prepared", {})
    names = dict.fromkeys(r.dataset for r in params.recipes.values())
    cohorts = [name for name in names if name in params.datasets.stays]
    if cohorts:
        known = {"version": "2.2-like", "preset": "corrected", "time_policy": "strict"}
        write_json(paths.ingested() / "report.json", known | ingested)
    for name in cohorts:
        write_cohort(params, name, {**changes.get("data", {}), **prepared})
    for name in names:
        write_baselines(params, f"baselines/{name}", **changes)
        write_ceilings(params, name, **changes)
    for name in params.cells.get("deberta", {}):
        write_baselines(params, f"baselines_deberta/{name}", **changes)
    for name in names:
        if params.plants_interactions(name):
            write_table(paths.simulated_truth(name), planted_truth(params, name))
    if "mosi" in names:
        write_table(paths.simulated_truth("mosi"), parts_of("mosi"))
        methods = ("ridge", *WEIGHTINGS, *CONTROLS)
        write_baselines(params, "convex/mosi", methods=methods, **changes)
    for address in params.recipes:
        write_run(params, address, **changes)


def methods_of(
    params: Params, recipe: Recipe, modalities: list[str]
) -> dict[str, bool]:
    """Methods of a run, and whether it trained them or retells those that it uses."""
    found = {name: True for name in modalities if UNIMODAL in recipe.trains}
    if STACKED in recipe.trains:
        found[STACKED] = True
    given = [recipe.fusion, *(f for u in recipe.uses for f in params.recipe(u).fusions)]
    if recipe.needs_evidence and recipe.fusion in given:
        found[recipe.fusion] = recipe.fusion in recipe.trains
    found |= dict.fromkeys(recipe.fusions, True)
    return found | dict.fromkeys([*recipe.weightings, *recipe.controls], True)


def trainer(params: Params, address: str, method: str) -> str:
    """Address of the run that trained what a run holds."""
    recipe = params.recipe(address)
    if method in recipe.trains or method not in fusions_of(params, recipe):
        return address
    return next((u for u in recipe.uses if method in params.recipe(u).trains), address)


def fusions_of(params: Params, recipe: Recipe) -> Mapping[str, object]:
    """Fusions that the data set of a recipe has."""
    return params.models(recipe.dataset).fusions


def data_of(params: Params, dataset: str, changes: Mapping[str, Any]) -> Data:
    """The data of a report."""
    made, facts = MADE[dataset], params.dataset(dataset)
    told = {
        "source": "mmsa",
        "simulated": True,
        "task": facts.task,
        "classes": len(facts.classes),
        "sizes": made.sizes,
        "dims": made.dims,
        "modalities": made.modalities,
    }
    return Data(**told | dict(changes))


def setup_of(params: Params, recipe: Recipe, changes: Mapping[str, Any]) -> Setup:
    """The setup of a report."""
    encoder = params.encoder_of(recipe)
    told: dict[str, Any] = {
        "preset": params.preset,
        "seeds": list(SEEDS),
        "experts": params.experts,
        "top_k": params.top_k,
        "text_encoder": encoder,
        "text_weights": "random",
        "finetune": False,
        "tokens": {},
        "training": {"epochs": 12, "batch": 64},
        "weighting": {"scale": "mean_one"},
    }
    if recipe.dataset in params.datasets.stays:
        told |= TEXT_OF_STAYS
    return Setup(**told | dict(changes))


def report_of(params: Params, address: str, **changes: Any) -> Report:
    """The report of a run."""
    recipe = params.recipe(address)
    data = data_of(params, recipe.dataset, changes.pop("data", {}))
    if recipe.noise:
        names = [f"noise_{k}" for k in range(recipe.noise)]
        data = data.model_copy(update={"modalities": [*data.modalities, *names]})
    if recipe.without:
        kept = [name for name in data.modalities if name not in recipe.without]
        data = data.model_copy(update={"modalities": kept})
    sizes = changes.pop("sizes", SIZES)
    fusions = fusions_of(params, recipe)
    methods = {
        name: Method(
            fusion=_fusion(name, recipe, fusions),
            trained=trained,
            settings=sizes if _fusion(name, recipe, fusions) in EXPERTS else {},
            epochs=[2, 3, 4] if trained else [],
            trends=[0.01, 0.0, 0.02] if trained else [],
        )
        for name, trained in methods_of(params, recipe, data.modalities).items()
    }
    asked = recipe.interaction
    told: dict[str, Any] = {
        "interaction": None if asked is None else asked.model_dump(),
        "address": address,
        "dataset": recipe.dataset,
        "methods": methods,
        "data": data,
        "setup": setup_of(params, recipe, changes.pop("setup", {})),
        "fusion": recipe.fusion,
        "uses": recipe.uses,
        "protocol": recipe.protocol or params.protocol,
        "switches": recipe.switches,
        "site": params.site_of(recipe),
        "scale": params.scale_of(recipe),
        "alpha": params.alpha_of(recipe) if recipe.weightings else None,
        "missing": recipe.missing or "mask",
        "count_absent": recipe.count_absent,
        **{name: getattr(recipe, name) for name in ("without", "noise", "exchanged")},
    }
    return Report(**told | changes)


def _fusion(method: str, recipe: Recipe, fusions: Mapping[str, object]) -> str:
    if method == STACKED:
        return ""
    return method if method in fusions else recipe.fusion


def write_run(params: Params, address: str, **changes: Any) -> None:
    """One run: report, predictions, weights, trajectory and timing."""
    report = report_of(params, address, **changes)
    origins = {name: trainer(params, address, name) for name in report.methods}
    write_folds(params, report, origins)
    has_experts = params.recipe(address).interaction is not None
    if has_experts and params.plants_interactions(report.dataset):
        alone = {*report.data.modalities, STACKED}
        methods = [name for name in report.methods if name not in alone]
        write_experts(params, address, report.data.modalities, methods)
    elif has_experts:
        write_mixtures(address, report)
    write_timing(address, [name for name in report.methods if name != STACKED])


def write_baselines(
    params: Params, address: str, methods: Sequence[str] = (), **changes: Any
) -> None:
    """The predictors without a network of a data set."""
    dataset = address.partition("/")[2]
    data = data_of(params, dataset, changes.get("data", {}))
    told = {name: Method() for name in methods or BASELINES[data.task]}
    report = Report(address=address, dataset=dataset, methods=told, data=data)
    write_folds(params, report, dict.fromkeys(told, address))


def write_folds(params: Params, report: Report, origins: Mapping[str, str]) -> None:
    """Write a run, or every fold of it and the pooled report."""
    folds = params.folds(report.dataset)
    parts = divided(samples(report.dataset, report.data.sizes), folds)
    reports = []
    for k, base in enumerate(parts):
        address = paths.part(report.address, k) if folds else report.address
        own = report.model_copy(update={"address": address})
        write_tables(own, base, origins)
        reports.append(own)
        own.write()
    if folds:
        pooled_report(report.address, reports).write()


def write_tables(
    report: Report, base: pd.DataFrame, origins: Mapping[str, str]
) -> None:
    """Predictions of every method; weights and trajectory of the weighted ones."""
    folder, data = paths.run(report.address), report.data
    several = data.task == "multilabel"
    tables = {
        name: predicted(base, data.classes, name, origins[name], has_several=several)
        for name in report.methods
    }
    weighted = [name for name in (*WEIGHTINGS, *CONTROLS) if name in tables]
    if tables:
        whole = pd.concat(list(tables.values()), ignore_index=True)
        write_table(folder / "predictions.parquet", whole)
    names, where = data.modalities, report.address
    if weighted:
        write_table(folder / "weights.parquet", weights(base, names, weighted, where))
        write_table(folder / "trajectory.parquet", trajectory(names, weighted))
    if where.startswith("base/"):
        first = weights(base, names, ["instance"], where).drop(columns="method")
        write_table(folder / "initial.parquet", first)


def write_ceilings(params: Params, dataset: str, **changes: Any) -> None:
    """What a data set allows at best; of real data no more than a report."""
    address = f"ceilings/{dataset}"
    data = data_of(params, dataset, changes.get("data", {}))
    methods = {name: Method() for name in ATTAINABLE if data.simulated}
    report = Report(address=address, dataset=dataset, methods=methods, data=data)
    write_folds(params, report, dict.fromkeys(methods, address))
    folds = params.folds(dataset)
    for k in range(max(folds, 1)) if data.simulated else ():
        folder = paths.run(paths.part(address, k) if folds else address)
        write_table(folder / "truth.parquet", truth_of(dataset))
        write_table(folder / "reliability.parquet", reliability_of(dataset))


def change_report(address: str, **changes: Any) -> None:
    """Overwrite fields of a report; those of `setup`, `data` and `methods` by name."""
    report = read_report(address)
    for block in ("setup", "data"):
        if block in changes:
            known = getattr(report, block)
            changes[block] = known.model_copy(update=changes[block])
    if "methods" in changes:
        changed = {
            name: report.methods[name].model_copy(update=update)
            for name, update in changes["methods"].items()
        }
        changes["methods"] = report.methods | changed
    report.model_copy(update=changes).write()


def change_table(address: str, change: Any, name: str = "predictions") -> None:
    """Overwrite a table of a run with what `change` makes of it."""
    path = paths.run(address) / f"{name}.parquet"
    write_table(path, change(read_table(path)))


def only(params: Params, names: Iterable[str]) -> Params:
    """Params with the cells of some data sets."""
    cells = {
        group: {k: c for k, c in members.items() if c.dataset in set(names)}
        for group, members in params.cells.items()
    }
    return params.model_copy(update={"cells": cells, "recipes": recipes(cells)})
