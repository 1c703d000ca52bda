"""The scores of every seed: whose they are, what is beside them, what is left out."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from repro import paths
from repro.files import read_table
from repro.params import Params
from repro.stages import seeds as stage
from repro.stages.graph import stages
from repro.tables.seeds import TYPES, addresses, seeds
from tests.repro.conftest import ROOT
from tests.repro.made_runs import change_report, change_table, only, write_study
from tests.repro.written import rows_of


def of(found: pd.DataFrame, run: str, method: str, metric: str) -> pd.DataFrame:
    """Rows of one method of one run in one metric, one for each seed."""
    chosen = (found["run"] == run) & (found["method"] == method)
    return found[chosen & (found["metric"] == metric)]


def test_scores_by_hand(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    change_report("btw/mosi", methods={"bi_level": {"parameters": 4321}})
    rows = of(seeds(study.params), "btw/mosi", "bi_level", "mae")
    found = read_table(paths.run("btw/mosi") / "predictions.parquet")
    found = found[found["method"] == "bi_level"]
    error = (found["prediction"] - found["y"]).abs()
    means = error.groupby([found["split"], found["seed"]]).mean()
    assert rows["test"].tolist() == pytest.approx(means["test"].tolist())
    assert rows["valid"].tolist() == pytest.approx(means["valid"].tolist())
    assert rows["epoch"].tolist() == [2, 3, 4]
    assert rows["parameters"].tolist() == [4321] * 3
    assert rows["name"].tolist() == ["BTW"] * 3 and set(rows["alpha"]) == {0.5}


def test_what_has_no_network_has_neither_epoch_nor_parameters(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)
    rows = of(seeds(study.params), "baselines/mosi", "ridge", "mae")
    assert len(rows) == 1 and rows["valid"].notna().all()
    assert rows[["epoch", "parameters", "alpha"]].isna().all(axis=None)


def test_every_method_stands_in_the_run_that_trained_it(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)
    found = seeds(study.params)
    keys = ["run", "method", "seed", "metric"]
    assert not found.duplicated(keys).any()
    assert of(found, "btw/mosi", "moe", "mae").empty  # of base/mosi
    assert not of(found, "base/mosi", "moe", "mae").empty
    trained = {(a, m) for a, r in study.params.recipes.items() for m in r.weightings}
    told = set(zip(found["run"], found["method"], strict=True))
    assert {t for t in trained if not t[0].startswith("attribution/more")} <= told


@pytest.mark.parametrize("table", ["table3", "table4", "table5", "table7"])
def test_means_of_the_seeds_are_those_of_the_table(
    study: SimpleNamespace, table: str
) -> None:
    study.write_runs(study.params)
    found = seeds(study.params)
    about = found.groupby(["dataset", "run", "name", "metric"])["test"]
    known = {
        (dataset, name, metric, round(mean, 9))
        for (dataset, _, name, metric), mean in about.mean().items()
    }
    rows = rows_of(table, study.params)
    rows = rows[rows["mean"].notna() & ~rows["metric"].str.contains("_vs_")]
    rows = rows[~rows["name"].str.contains("zero")]  # a variant has a name of its own
    assert len(rows) > 50
    for row in rows.to_dict("records"):
        key = row["dataset"], row["name"], row["metric"], round(row["mean"], 9)
        assert key in known, key


def test_the_modality_best_on_valid_is_named(study: SimpleNamespace) -> None:
    study.write_runs(study.params)

    def right_on_valid(table: pd.DataFrame) -> pd.DataFrame:
        rows = (table["method"] == "video") & (table["split"] == "valid")
        return table.assign(prediction=table["prediction"].where(~rows, table["y"]))

    change_table("base/mosi", right_on_valid)
    found = seeds(only(study.params, ["mosi"]))
    named = of(found, "base/mosi", "video", "mae")
    assert (
        set(named["name"]) == {"best unimodal (video)"} and (named["valid"] == 0).all()
    )
    assert set(of(found, "base/mosi", "text", "mae")["name"]) == {"text"}


def test_undefined_scores_have_no_row(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    found = seeds(study.params)
    assert of(found, "baselines/mosi", "mean", "corr").empty
    assert of(found, "ceilings/mosi", "attainable", "corr").empty
    assert np.isfinite(found["test"]).all()


def test_few_patients_have_no_row(clinical: Params) -> None:
    assert set(seeds(clinical)["dataset"]) == {"icu_complete", "icu_all"}
    write_study(clinical, data={"source": "mimiciv", "simulated": False})
    assert seeds(clinical).empty
    shown = clinical.clinical.model_copy(update={"small_cells": "show"})
    found = seeds(clinical.model_copy(update={"clinical": shown}))
    assert set(found["source"]) == {"mimiciv"}


def test_folds_have_no_epoch_and_no_metric_of_one_model(clinical: Params) -> None:
    crossed = clinical.clinical.model_copy(update={"evaluation": "grouped_cv"})
    params = clinical.model_copy(update={"clinical": crossed})
    write_study(params)
    found = seeds(params)
    assert found[["valid", "epoch"]].isna().all(axis=None) and len(found) > 100
    assert "auroc" not in set(found["metric"]) and "macro_f1" in set(found["metric"])


def test_the_stage_depends_on_every_run_and_writes_the_same_bytes(
    study: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = stages(ROOT)
    (own,) = [one for one in every if one.name == "seeds"]
    made = [out for one in every for out in one.cached if out.startswith("runs/")]
    runs = [f"runs/{address}/" for address in addresses(study.params)]
    needed = {out for out in made if any(r.startswith(f"{out}/") for r in runs)}
    assert {dep for dep in own.deps if dep.startswith("runs/")} == needed
    study.write_runs(study.params)
    monkeypatch.setattr(stage.params, "load", lambda: study.params)
    stage.main()
    first = paths.SEEDS.read_bytes()
    assert list(read_table(paths.SEEDS)) == list(TYPES)
    stage.main()
    assert paths.SEEDS.read_bytes() == first
