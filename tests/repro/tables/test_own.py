"""Tables of data sets that no paper knows, of either task, from one rule."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from repro import params as parameters
from repro import paths
from repro.files import read_json, read_table
from repro.params import Params
from repro.params.cells import Cell, recipes
from repro.params.datasets import FileSet
from repro.params.interactions import Interaction
from repro.tables.naming import table
from repro.tables.own import own_table
from repro.tables.writing import write_table
from tests.repro.conftest import ROOT, few_resamples
from tests.repro.made_runs import change_report, write_study

FACTS: dict[str, dict[str, Any]] = {
    "gestures": {
        "title": "Gestures of a laboratory",
        "task": "classification",
        "classes": ["wave", "point", "rest"],
        "groups": "performers",
        "tokens": "query",
    },
    "rain": {
        "title": "Hourly rain",
        "task": "regression",
        "groups": "stations",
        "tokens": "last_state",
    },
}
CELLS = {
    "signs": {"dataset": "gestures", "fusion": "late_fusion"},
    "storms": {"dataset": "rain", "fusion": "moe"},
}


def own_params() -> Params:
    """Params with two data sets of a user and the cells that train on them."""
    loaded = few_resamples(parameters.load(ROOT / paths.PARAMS))
    files = {
        name: FileSet(source="table", path=f"data/raw/{name}", **facts)
        for name, facts in FACTS.items()
    }
    known = loaded.datasets
    datasets = known.model_copy(update={"files": {**known.files, **files}})
    own = {
        key: Cell(trains=["unimodal", cell["fusion"], "instance", "bi_level"], **cell)
        for key, cell in CELLS.items()
    }
    cells = {"own": own}
    update = {"datasets": datasets, "cells": cells, "recipes": recipes(cells)}
    return loaded.model_copy(update=update)


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """These params, in a folder with the runs of their cells."""
    monkeypatch.chdir(tmp_path)
    found = own_params()
    write_study(found, data={"source": "table", "simulated": False})
    return found


def test_interaction_experts_are_said(params: Params) -> None:
    said = "stands for its interaction experts (I2MoE)"
    plain = own_table(params, "own/storms")
    assert not plain["notes"].str.contains(said, regex=False).any()
    recipe = params.recipes["own/storms"]
    experts = recipe.model_copy(update={"interaction": Interaction()})
    recipes = {**params.recipes, "own/storms": experts}
    told = own_table(params.model_copy(update={"recipes": recipes}), "own/storms")
    assert told["notes"].str.contains(said, regex=False).all()


def test_rows_and_metrics_follow_the_task(params: Params) -> None:
    signs, storms = (own_table(params, f"own/{key}") for key in CELLS)
    weighted = ["instance", "bi_level"]
    assert list(dict.fromkeys(signs["row"])) == [
        *("majority", "stratified", "logistic", "haim", "unimodal", "late_fusion"),
        *weighted,
    ]
    assert list(dict.fromkeys(storms["row"])) == [
        *("mean", "ridge", "unimodal", "moe"),
        *weighted,
    ]
    assert {"macro_f1", "recall_2", "macro_f1_vs_late_fusion"} <= set(signs["metric"])
    assert "recall_3" not in set(signs["metric"])
    assert {"mae", "acc7", "mae_vs_moe"} <= set(storms["metric"])
    for rows in (signs, storms):
        assert rows["published_mean"].isna().all() and (rows["verdict"] == "").all()
        alphas = rows.loc[rows["alpha"].notna(), "row"]
        assert set(alphas) == set(weighted)


def test_controls_stand_below_the_weightings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = own_params()
    trains = ["unimodal", "moe", "instance", "shuffled", "uniform", "ones"]
    cell = found.cells["own"]["storms"].model_copy(update={"trains": trains})
    cells = {"own": {"storms": cell}}
    update = {"cells": cells, "recipes": recipes(cells)}
    own = found.model_copy(update=update)
    write_study(own, data={"source": "table", "simulated": False})
    rows = list(dict.fromkeys(own_table(own, "own/storms")["row"]))
    assert rows[-4:] == ["instance", "uniform", "shuffled", "ones"]


def test_numbers_by_hand(params: Params) -> None:
    rows = own_table(params, "own/signs").set_index(["row", "metric"])
    found = read_table(paths.run("own/signs") / "predictions.parquet")
    found = found[found["split"] == "test"]
    scores = {
        method: np.mean(
            [
                100 * f1_score(p["y"], _chosen(p), average="macro")
                for _, p in part.groupby("seed")
            ]
        )
        for method, part in found.groupby("method")
    }
    entry = rows.loc[("bi_level", "macro_f1")]
    assert entry["mean"] == pytest.approx(scores["bi_level"])
    assert entry["lower"] < entry["mean"] < entry["upper"]
    gap = rows.loc[("bi_level", "macro_f1_vs_late_fusion"), "mean"]
    assert gap == pytest.approx(scores["bi_level"] - scores["late_fusion"])


def _chosen(rows: pd.DataFrame) -> np.ndarray:
    return rows[["p_0", "p_1", "p_2"]].to_numpy().argmax(axis=1)


def test_titles_groups_and_classes_are_those_of_the_data_set(params: Params) -> None:
    for key in CELLS:
        write_table(f"own_{key}", table(params, f"own_{key}"), params)
    signs, storms = (Path(f"plots/own/{key}.md").read_text() for key in CELLS)
    assert signs.startswith("# Gestures of a laboratory. Every method\n")
    title = "(pose, sound, depth; 3 seeds; 160 test samples of 40 performers; "
    assert f"Gestures of a laboratory, table files {title}" in signs
    assert "test groups (performers)" in signs and "| recall, rest ↑" in signs
    assert "macro-F1 minus late fusion [interval] seed SE, Holm p" in signs
    assert "\\* = differs from late fusion" in signs
    assert "30 test samples of 10 stations" in storms
    assert "MAE minus MoE [interval] seed SE, Holm p" in storms
    for text in (signs, storms, Path("plots/own/signs.tex").read_text()):
        assert "rinted" not in text and "videos" not in text and "stays" not in text
    tree = read_json(Path("metrics/own_storms.json"))
    assert set(tree) == {"rain__table"} and "p_holm" in str(tree)


def test_a_method_left_out_is_a_note(params: Params) -> None:
    change_report("own/storms", left_out={"mmim": "MMIM needs text"})
    rows = own_table(params, "own/storms")
    assert "no MMIM: MMIM needs text" in rows["notes"].iloc[0]


def test_unknown_cells_and_missing_runs_are_named(params: Params) -> None:
    with pytest.raises(ValueError, match="did you mean 'storms'"):
        table(params, "own_storm")
    (paths.run("baselines/rain") / "report.json").unlink()
    with pytest.raises(ValueError, match=r"runs/baselines/rain/report\.json"):
        own_table(params, "own/storms")
