"""The tables of I2MoE from runs: explanations, what they are set against, controls."""

from types import SimpleNamespace

import pytest

from repro import paths
from repro.files import read_table, write_table
from repro.tables.i2moe import TABLES, interpretation_truth
from repro.tables.i2moe_fusions import fusions
from repro.tables.writing import write_table as write_rows

REFERENCES = ("uniform", "no_interaction", "disagreement")


def test_every_explanation_is_set_against_chance_and_rules(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)
    table = interpretation_truth(study.params)
    cells = study.params.cells["interactions"]
    assert [*cells, "planted_mixes"] == list(dict.fromkeys(table["dataset"]))
    block = table[table["dataset"] == "planted_uniform"]
    runs = [name for name in cells["planted_uniform"].rows if name != "plain"]
    rules = ("disagreement", "uniform", "oracle_mechanism")
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


def test_experts_are_set_against_their_own_fusion(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    table = fusions(study.params)
    assert list(dict.fromkeys(table["dataset"])) == ["mosi", "enrico", "mortality"]
    tested = table[table["metric"].str.endswith("_vs_without_experts")]
    rows = study.params.cells["experts"]["enrico"].rows
    fused = {f"{name}_i2moe" for name in study.params.cells["experts"]["enrico"].trains}
    assert set(tested[tested["dataset"] == "enrico"]["row"]) == fused
    shown = table[table["dataset"] == "enrico"]
    assert {"majority", "logistic", "unimodal", *rows["plain"]["trains"][1:]} <= set(
        shown["row"]
    )
    assert not shown["metric"].str.startswith(("recall", "quadratic")).any()
    means = shown[shown["metric"] == "accuracy"].set_index("row")["mean"]
    difference = tested.set_index(["dataset", "row", "metric"])["mean"]
    gap = means["switchgate_i2moe"] - means["switchgate"]
    key = ("enrico", "switchgate_i2moe", "accuracy_vs_without_experts")
    assert difference[key] == pytest.approx(gap)
