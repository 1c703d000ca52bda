"""Tables 3 to 6 and the settings of I2MoE from fabricated runs."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from repro import paths
from repro.files import read_json, read_table, write_json
from repro.params import Params
from repro.params.cells import recipes
from repro.results.published import contents
from repro.tables.i2moe_ablations import ABLATIONS, table4, table5
from repro.tables.i2moe_agreement import table3
from repro.tables.i2moe_cost import count_at_printed_sizes, table6
from repro.tables.i2moe_settings import hyperparameters, settings
from tests.repro.made_runs import change_report, change_table
from tests.repro.made_timing import write_history
from tests.repro.tables.test_i2moe_fusions import without

SHARES = ("disagree_right", "disagree_wrong", "agree_right", "agree_wrong")


def ours(rows: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Our numbers of a block by row and metric."""
    own = rows[(rows["dataset"] == dataset) & rows["mean"].notna()]
    return own.set_index(["row", "metric"])


def test_every_part_is_set_against_the_full_model(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = table4(study.params)
    found = ours(rows, "mosi")
    for row in ABLATIONS:
        for metric in ("mae", "accuracy"):
            gap = (
                found.loc[(row, metric), "mean"] - found.loc[("i2moe", metric), "mean"]
            )
            tested = found.loc[(row, f"{metric}_vs_i2moe")]
            assert tested["mean"] == pytest.approx(gap, abs=1e-9)
            assert tested["p_holm"] >= tested["p"]
    assert {"majority", "ridge", "unimodal", "concat_transformer"} <= {
        row for row, _ in found.index
    }


def test_with_two_modalities_less_forward_is_the_full_model(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)
    rows = table4(study.params)
    found = ours(rows, "enrico")
    alike, full = found.loc["less_forward"], found.loc["i2moe"]
    assert alike["mean"].equals(full["mean"])
    assert alike["remark"].eq("identical by construction").all()
    assert not alike.index.str.contains("_vs_").any()
    beside = rows[rows["dataset"] == "enrico"].set_index(["row", "metric"])
    lost = beside.loc[("less_forward", "accuracy_vs_i2moe")]
    assert lost["published_mean"] == -1.3 and np.isnan(lost["mean"])
    note = rows.loc[rows["dataset"] == "enrico", "notes"].iloc[0]
    assert "identical by construction: Less-Forward" in note
    other = rows.loc[rows["dataset"] == "mosi", "notes"].iloc[0]
    assert "identical by construction" not in other  # three modalities


def test_parts_at_other_sizes_are_refused(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    other = {"concat_transformer": {"settings": {"layers": 7}}}
    change_report("experts/enrico/no_interaction", methods=other)
    with pytest.raises(ValueError, match=r"settings of concat_transformer"):
        table4(study.params)


def test_masks_are_set_against_noise(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = table5(study.params)
    found = ours(rows, "enrico")
    for row, printed in (("i2moe", 48.22), ("mask_mean", 50.0), ("mask_zero", 48.63)):
        assert found.loc[(row, "accuracy"), "published_mean"] == printed
    assert np.isfinite(found.loc[("mask_zero", "accuracy_vs_i2moe"), "p"])
    lacking = rows[rows["dataset"] == "MOSI"]  # its cell asks for no other mask
    assert lacking["mean"].isna().all()
    assert "is not asked of the cell experts/mosi" in lacking["notes"].iloc[0]


def test_the_shares_of_agreement_sum_to_all_rows(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    rows = table3(study.params)
    found = ours(rows, "enrico")
    assert "our reading of the paper" in rows["notes"].iloc[0]
    row = "concat_transformer_i2moe"
    shares = found.loc[row]
    assert shares.loc[list(SHARES), "mean"].sum() == pytest.approx(100)
    assert shares.loc["disagree_right", "published_mean"] == 46.85
    assert (shares["lower"] <= shares["mean"])[list(SHARES)].all()
    assert {"majority", "unimodal", "logistic"} <= {row for row, _ in found.index}


def test_experts_that_agree_turn_the_shares(study: SimpleNamespace) -> None:
    study.write_runs(study.params)

    def alike(rows: pd.DataFrame) -> pd.DataFrame:
        names = [c for c in rows if c.startswith("logit_")]
        first = rows.groupby(["method", "seed", "id"])[names].transform("first")
        return rows.assign(**{name: first[name] for name in names})

    change_table("experts/enrico/i2moe", alike, "experts")
    shares = ours(table3(study.params), "enrico").loc["switchgate_i2moe"]
    assert shares.loc["disagree_right", "mean"] == 0
    assert shares.loc[["agree_right", "agree_wrong"], "mean"].sum() == pytest.approx(
        100
    )


def test_seconds_are_of_one_seed_and_epoch(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    path = paths.timing("experts/enrico")
    told = read_json(path)
    address = "experts/enrico/i2moe"
    told["seconds"][address]["concat_transformer"] = 72.0
    told["test_seconds"][address]["concat_transformer"] = 0.6
    write_json(path, told)
    change_report(address, methods={"concat_transformer": {"parameters": 47572}})
    write_history(address, ["concat_transformer"], epochs=5)
    found = ours(table6(study.params), "enrico").loc["concat_transformer_i2moe"]
    # A training that stops early: 12 epochs are configured, 5 of them were run.
    assert found.loc["epoch_s", "mean"] == pytest.approx(72 / 3 / 5)
    assert found.loc["inference_s", "mean"] == pytest.approx(0.2)
    assert found.loc["parameters", "mean"] == 47572
    assert found.loc["epoch_s", "published_mean"] == 6.17
    assert np.isnan(found.loc["epoch_s", "published_sd"])  # a variance is printed
    shown = "MulT train, an epoch (s) 0.02, MulT inference (s) 0.00"
    assert shown in found["notes"].iloc[0]
    write_history(address, ["switchgate"])
    with pytest.raises(ValueError, match=r"history\.parquet: no epochs of concat_tr"):
        table6(study.params)
    del told["test_seconds"][address]
    write_json(path, told)
    with pytest.raises(ValueError, match=r"timing/experts/enrico\.json: no seconds"):
        table6(study.params)


def test_formulas_give_the_ten_printed_counts(study: SimpleNamespace) -> None:
    told = contents("i2moe")
    for name, about in told["datasets"].items():
        for method in ("MulT", "I2MoE-MulT"):
            printed = told["table6"][method][name]["parameters"]
            assert count_at_printed_sizes(about["key"], method) == printed
    with pytest.raises(ValueError, match="none has the key 'mosy'"):
        count_at_printed_sizes("mosy", "MulT")
    study.write_runs(study.params)
    found = ours(table6(study.params), "mosi")
    row = found.loc[("concat_transformer_i2moe_printed_sizes", "parameters")]
    assert row["mean"] == row["published_mean"] == 673935


def test_settings_are_those_in_force(study: SimpleNamespace) -> None:
    found = settings(study.params, "mosi", "concat_transformer")
    training = study.params.models("mosi").training
    assert found is not None and found["interaction_loss_weight"] == 0.005
    assert found["num_layers_pred"] == 1  # one linear head
    assert settings(study.params, "mosi", "switchgate") is None  # MOSI trains no such
    assert found["train_epochs"] == training.epochs
    own = settings(study.params, "enrico", "switchgate")
    assert own is not None and own["train_epochs"] == 3 * training.epochs
    rows = hyperparameters(without(study.params, "adni")).rows
    strength = rows[rows["setting"] == "interaction loss weight"].set_index("fusion")
    assert strength.loc["I2MoE-MulT", "MOSI"] == "0.005"
    assert strength.loc["I2MoE-InterpretCC", "MOSI"] == "0.001 (here 0.005)"
    assert strength.loc["I2MoE-MoE++", "MOSI"] == "0.001 (no cell)"
    heads = rows[rows["setting"] == "num layers pred"].set_index("fusion")
    assert heads.loc["I2MoE-MulT", "ENRICO"] == "2 (here 1)"
    assert heads.loc["I2MoE-SwitchGate", "ENRICO"] == "1"
    assert strength.loc["I2MoE-MulT", "ADNI"] == "0.5 (no cell)"
    assert len(rows) == 3 * 14 + 11  # InterpretCC has fewer


def test_data_of_another_cell_appear_by_its_key_alone(study: SimpleNamespace) -> None:
    """The cell of ENRICO under the key of another data set: no code names it."""
    params = moved(without(study.params, "adni"), "enrico", "adni")
    study.write_runs(params)
    rows = table4(params)
    own = rows[rows["dataset"] == "enrico"]
    assert own.loc[own["row"] == "no_interaction", "mean"].notna().any()
    printed = own.set_index(["row", "metric"])["published_mean"]
    assert printed[("no_interaction", "accuracy")] == 58.73  # of ADNI
    assert "ENRICO" in set(rows["dataset"]) and "ADNI" not in set(rows["dataset"])


def moved(params: Params, key: str, other: str) -> Params:
    """Params with a cell of experts under another key."""
    own = {other if k == key else k: c for k, c in params.cells["experts"].items()}
    cells = {**params.cells, "experts": own}
    return params.model_copy(update={"cells": cells, "recipes": recipes(cells)})


def test_predictions_and_experts_are_of_the_same_rows(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    experts = read_table(paths.run("experts/mosi/i2moe") / "experts.parquet")
    told = read_table(paths.run("experts/mosi/i2moe") / "predictions.parquet")
    tested = told.loc[told["split"] == "test", "id"]
    assert set(experts["id"]) == set(tested)
