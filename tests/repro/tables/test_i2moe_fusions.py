"""Tables 1 and 2 of I2MoE from fabricated runs: rows, differences, printed numbers."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from repro import paths
from repro.files import read_json, read_table
from repro.params import Params
from repro.params.cells import recipes
from repro.results.published import printed
from repro.tables.i2moe import TABLES
from repro.tables.i2moe_cells import FUSIONS
from repro.tables.i2moe_fusions import table1, table2
from repro.tables.writing import write_table
from tests.repro.made_runs import change_report, change_table

AGAINST = "_vs_without_experts"


def without(params: Params, key: str) -> Params:
    """Params that have no cell of this data set in the group of experts."""
    own = {name: cell for name, cell in params.cells["experts"].items() if name != key}
    cells = {**params.cells, "experts": own}
    return params.model_copy(update={"cells": cells, "recipes": recipes(cells)})


def accuracy_of(address: str, method: str) -> float:
    """Test accuracy of a classification, mean over seeds, from the file itself."""
    rows = read_table(paths.run(address) / "predictions.parquet")
    rows = rows[(rows["method"] == method) & (rows["split"] == "test")]
    names = [c for c in rows if c.startswith("p_")]
    right = rows[names].to_numpy().argmax(1) == rows["y"]
    return float(100 * right.groupby(rows["seed"]).mean().mean())


def test_every_fusion_has_a_row_and_experts_are_set_against_their_own(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)
    rows = table1(study.params)
    for dataset in ("mosi", "enrico"):
        own = rows[(rows["dataset"] == dataset) & rows["mean"].notna()]
        assert set(FUSIONS) <= set(own["row"])
        tested = own[own["metric"].str.endswith(AGAINST)]
        assert set(tested["row"]) == {"concat_transformer_i2moe"}
    plain = accuracy_of("experts/enrico/plain", "concat_transformer")
    experts = accuracy_of("experts/enrico/i2moe", "concat_transformer")
    found = rows[rows["dataset"] == "enrico"].set_index(["row", "metric"])["mean"]
    assert found[("concat_transformer_i2moe", "accuracy")] == pytest.approx(experts)
    key = ("concat_transformer_i2moe", f"accuracy{AGAINST}")
    assert found[key] == pytest.approx(experts - plain)


def test_fusions_that_another_cell_trained_are_not_trained_twice(
    study: SimpleNamespace,
) -> None:
    recipe = study.params.recipe("experts/mosi/plain")
    trained = {f for used in recipe.uses for f in study.params.recipe(used).fusions}
    assert not trained & set(recipe.trains)
    assert set(FUSIONS) <= trained | set(recipe.trains)


def test_accuracy_never_stands_without_the_majority(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    for make in (table1, table2):
        rows = make(study.params)
        rows = rows[rows["mean"].notna()]
        for dataset, own in rows.groupby("dataset"):
            several = study.params.dataset(dataset).task == "multilabel"
            control = "constant" if several else "majority"
            assert {control, "unimodal"} <= set(own["row"]), dataset
            assert {"ridge", "logistic"} & set(own["row"]), dataset
            of_control = set(own.loc[own["row"] == control, "metric"])
            assert ("micro_f1" if several else "accuracy") in of_control


def test_a_regression_is_scored_by_the_sign_that_the_paper_reads(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)
    rows = table1(study.params)
    found = rows[rows["dataset"] == "mosi"].set_index(["row", "metric"])["mean"]
    table = read_table(paths.run("experts/mosi/i2moe") / "predictions.parquet")
    own = table[(table["method"] == "concat_transformer") & (table["split"] == "test")]
    right = (own["prediction"] > 0) == (own["y"] > 0)
    expected = 100 * right.groupby(own["seed"]).mean().mean()
    assert found[("concat_transformer_i2moe", "accuracy")] == pytest.approx(expected)
    base = read_table(paths.run("baselines/mosi") / "predictions.parquet")
    base = base[base["method"] == "mean"]
    sign = (base.loc[base["split"] == "train", "y"] > 0).mean() > 0.5
    test = base.loc[base["split"] == "test", "y"] > 0
    assert found[("majority", "accuracy")] == pytest.approx(100 * (test == sign).mean())


def test_data_without_a_cell_are_shown_and_say_so(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    told = printed("i2moe")
    for name, make in (("table1", table1), ("table2", table2)):
        rows = make(study.params)
        alone = rows[rows["source"] == "printed alone"]
        here = set(study.params.cells["experts"])
        wanted = told[(told["table"] == name) & ~told["dataset"].isin(here)]
        assert len(alone) == len(wanted) and alone["mean"].isna().all()
        assert alone["notes"].str.contains("there is no cell experts/").all()


def test_a_cell_more_or_less_moves_its_data_and_nothing_else(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)
    write_table("i2moe_table1", TABLES["table1"], without(study.params, "enrico"))
    before = pd.read_csv(paths.plot("i2moe_table1", "csv"))
    assert set(before.loc[before["dataset"] == "ENRICO", "source"]) == {"printed alone"}
    write_table("i2moe_table1", TABLES["table1"], study.params)
    after = pd.read_csv(paths.plot("i2moe_table1", "csv"))
    assert "ENRICO" not in set(after["dataset"])  # its printed block is gone
    assert after.loc[after["dataset"] == "enrico", "mean"].notna().any()
    tree = read_json(paths.table_metrics("i2moe_table1"))
    cells = study.params.cells["experts"]
    assert set(tree) == {f"{name}__simulated" for name in cells}
    text = paths.plot("i2moe_table1", "md").read_text()
    assert "## ENRICO, simulated data" in text and "printed alone" not in text


def test_what_the_cell_does_not_ask_for_is_named(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = table2(study.params)
    own = rows[rows["dataset"] == "mosi"]
    assert "does not ask for it: I2MoE-SwitchGate, I2MoE-MoE++" in own["notes"].iloc[0]
    alone = own[own["mean"].isna()].set_index(["row", "metric"])["published_mean"]
    assert alone[("switchgate_i2moe", "accuracy")] == 73.86
    assert alone[("switchgate_i2moe", f"accuracy{AGAINST}")] == 1.51


def test_printed_numbers_stand_beside_ours(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = table2(study.params)
    found = rows[rows["dataset"] == "enrico"].set_index(["row", "metric"])
    assert found.loc[("switchgate_i2moe", "accuracy"), "published_mean"] == 49.09
    beside = found.loc[("switchgate_i2moe", f"accuracy{AGAINST}")]
    assert beside["published_mean"] == 5.14 and np.isfinite(beside["mean"])
    assert found["verdict"].eq("").all()  # simulated


def test_only_real_data_get_a_verdict(study: SimpleNamespace) -> None:
    real = {"data": {"simulated": False, "source": "mult"}}
    study.write_runs(study.params, **real)
    rows = table2(study.params)
    own = rows[(rows["row"] == "interpretcc_i2moe") & (rows["dataset"] == "mosi")]
    own = own[own["published_mean"].notna()]
    scored = own[~own["metric"].str.contains("_vs_")]
    assert set(scored["verdict"]) == {"not comparable"}
    assert scored["condition"].str.startswith("split sizes 24/12/30, paper 1284").all()
    tested = own[own["metric"].str.contains("_vs_")]
    assert (tested["verdict"] == "").all() and not tested.empty


@pytest.mark.parametrize("simulated", [True, False])
def test_real_data_in_another_preset_are_a_block_of_their_own(
    study: SimpleNamespace, simulated: bool
) -> None:
    data = {"simulated": simulated, "source": "mult"}
    study.write_runs(study.params, data=data, setup={"preset": "paper"})
    rows = table2(study.params)
    blocks = set(rows[rows["dataset"] == "mosi"]["block"])
    assert blocks == {"mosi__simulated" if simulated else "mosi__mult__preset_paper"}


def test_runs_of_other_settings_are_refused(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    change_report("experts/enrico/i2moe", setup={"top_k": 7})
    with pytest.raises(ValueError, match=r"setup\.top_k: 2 and 7"):
        table1(study.params)


def test_better_experts_turn_the_difference(study: SimpleNamespace) -> None:
    study.write_runs(study.params)

    def knowing(rows: pd.DataFrame) -> pd.DataFrame:
        names = [c for c in rows if c.startswith("p_")]
        true = np.eye(len(names))[rows["y"].astype(int)]
        return rows.assign(**dict(zip(names, true.T, strict=True)))

    change_table("experts/enrico/i2moe", knowing)
    rows = table1(study.params)
    found = rows[rows["dataset"] == "enrico"].set_index(["row", "metric"])
    tested = found.loc[("concat_transformer_i2moe", f"accuracy{AGAINST}")]
    assert tested["mean"] > 0 and tested["p_holm"] < 0.05
