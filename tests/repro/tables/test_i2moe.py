"""The tables of I2MoE from runs: explanations, what they are set against, controls."""

from types import SimpleNamespace

import pytest

from repro import paths
from repro.files import read_table, write_table
from repro.tables.i2moe import TABLES, interpretation_truth
from repro.tables.writing import write_table as write_rows

REFERENCES = ("uniform", "no_interaction", "disagreement")


def test_every_explanation_is_set_against_chance_and_rules(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)
    table = interpretation_truth(study.params)
    cells = study.params.cells["interactions"]
    more = ["planted_three_without_expert", "planted_mixes", "agreement_of_seeds"]
    assert [*cells, *more] == list(dict.fromkeys(table["dataset"]))
    block = table[table["dataset"] == "planted_uniform"]
    runs = [name for name in cells["planted_uniform"].rows if name != "plain"]
    rules = ("disagreement", "uniform", "oracle_mechanism", "released_losses")
    assert set(block["row"]) == {*runs, *rules, "ceiling"}
    told = block[block["metric"] == "told"].set_index("row")["mean"]
    assert told["uniform"] == 0.5
    assert told["oracle_mechanism"] == 1.0
    assert 0.55 < told["i2moe"] < 0.95  # weights that half know
    tested = set(block[block["row"] == "i2moe"]["metric"])
    for metric in ("told", "top_one"):
        assert {f"{metric}_vs_{name}" for name in REFERENCES} <= tested
    hidden = table[table["dataset"] == "planted_hidden"]
    ceilings = hidden[hidden["row"] == "oracle_mechanism"].set_index("metric")["mean"]
    assert ceilings["told"] < 0.8  # nobody can tell what does not show


def test_seeds_are_compared_on_every_data_set_with_experts(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)
    table = interpretation_truth(study.params)
    block = table[table["dataset"] == "agreement_of_seeds"]
    cells = study.params.cells
    own = {
        cell.dataset for g in ("interactions", "experts") for cell in cells[g].values()
    }
    alike = block[block["metric"] == "agreement"].set_index("row")["mean"]
    assert set(alike.index) == own
    assert alike["planted_uniform"] > 0.2  # weights of all seeds half know
    assert abs(alike["mosi"]) < 0.3  # drawn anew in each seed


def test_rows_without_an_expert_are_told_by_who_weighs_most(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)
    table = interpretation_truth(study.params)
    block = table[table["dataset"] == "planted_three_without_expert"]
    wide = block.pivot(index="row", columns="metric", values="mean")
    tops = [name for name in wide if name.endswith("_tops")]
    assert len(tops) == 5
    told = wide[wide.index.str.startswith("i2moe")]
    assert told[tops].sum(axis=1).to_numpy() == pytest.approx(1.0)
    control = wide.loc["oracle_mechanism_in_synergy_m1_m2"]
    assert wide.loc["oracle_mechanism_in_named", "sure"] == 1.0
    assert control["sure"] == 0.0 and control["sure_vs_named"] == -1.0
    assert 50 <= wide.loc["majority_in_named", "accuracy"] < 70
    assert {"majority_in_synergy_m1_m2", "i2moe_in_synergy_m1_m2"} <= set(
        wide["accuracy"].dropna().index
    )
    lost = wide.loc["i2moe_in_synergy_m1_m2"]
    assert lost["sure_vs_named"] < 0 < wide.loc["i2moe_in_named", "sure"]
    assert lost["sure"] > 1 / 5


def test_untrained_experts_are_asked_of_what_the_trained_have_learned(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)
    table = interpretation_truth(study.params)
    block = table[table["dataset"] == "planted_uniform"]
    own = block[block["row"] == "untrained"]
    assert {"told", "told_vs_i2moe"} & set(own["metric"]) == {"told"}
    assert not own["metric"].str.endswith("_rows").any()
    same = block[block["row"] == "released_losses"].set_index("metric")
    full = block[block["row"] == "i2moe"].set_index("metric")
    assert set(same["remark"]) == {"the same by construction"}
    assert same.loc["told", "mean"] == full.loc["told", "mean"]
    assert not same.index.str.contains("_vs_").any()


def test_a_row_that_a_run_lacks_is_named(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    path = paths.run("interactions/planted_uniform/i2moe") / "experts.parquet"
    table = read_table(path)
    write_table(path, table[1:])
    with pytest.raises(ValueError, match=r"experts\.parquet has \d+ of \d+ rows"):
        interpretation_truth(study.params)


def test_the_control_is_told_beside_every_claim(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    name = "i2moe_interpretation_truth"
    write_rows(name, TABLES["interpretation_truth"], study.params)
    text = paths.plot(name, "md").read_text()
    assert "exact posterior" in text
    assert "simulated" in text
