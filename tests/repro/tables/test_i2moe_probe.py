"""The table of probes from made runs."""

from types import SimpleNamespace

import pandas as pd
import pytest

from repro import paths
from repro.tables.i2moe import TABLES, probe
from repro.tables.writing import write_table
from tests.repro.made_runs import change_table


def test_every_probed_run_and_expert_has_a_row(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    table = probe(study.params)
    cells = study.params.cells["interactions"]
    probed = {
        name: [
            row
            for row, own in cell.rows.items()
            if own.get("interaction", {}).get("probe")
        ]
        for name, cell in cells.items()
    }
    for name, rows in probed.items():
        block = table[table["dataset"] == name]
        assert set(rows) <= set(block["row"])
        assert {f"{row}_synergy" for row in rows} <= set(block["row"])
    wide = table[table["dataset"] == "planted_uniform"].pivot(
        index="row", columns="metric", values="mean"
    )
    own = wide.loc["i2moe_unique_m1"]
    assert own["probe_share"] == pytest.approx(0.5, abs=0.05)
    assert own["probe_own"] == pytest.approx(0.5, abs=0.1)
    assert own["probe_leaning"] == pytest.approx(0.5, abs=0.05)
    assert own["dropout_moves"] == pytest.approx(0.1, abs=0.02)
    assert "probe_own" not in wide.loc["i2moe_synergy"].dropna()
    tested = set(table.loc[table["row"] == "i2moe", "metric"])
    assert {"survival_vs_untrained", "removal_vs_no_interaction"} <= tested
    assert {"leaning_vs_untrained", "leaning_vs_no_interaction"} <= tested
    for metric, shown in (("survival", "probe_share"), ("leaning", "probe_leaning")):
        of_unique = wide.loc[["i2moe_unique_m1", "i2moe_unique_m2"], shown]
        assert wide.loc["i2moe", metric] == pytest.approx(of_unique.mean())


def test_an_expert_that_moves_nowhere_has_no_share(study: SimpleNamespace) -> None:
    study.write_runs(study.params)

    def still(table: pd.DataFrame) -> pd.DataFrame:
        moved = table["distance"].where(table["expert"] != "unique_m1", 0.0)
        return table.assign(distance=moved)

    change_table("interactions/planted_hidden/i2moe", still, "probe")
    table = probe(study.params)
    block = table[table["dataset"] == "planted_hidden"]
    own = set(block.loc[block["row"] == "i2moe_unique_m1", "metric"])
    assert "random_moves" in own and "probe_share" not in own
    survival = block[block["metric"] == "survival"]["mean"].item()
    assert survival == pytest.approx(0.5, abs=0.05)  # of the other


def test_experts_that_are_not_of_one_modality_do_not_count(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)

    def scaled(table: pd.DataFrame) -> pd.DataFrame:
        is_other = table["expert"].isin(["redundancy", "synergy"])
        chosen = is_other & (table["mask"] == "shuffled")
        return table.assign(distance=table["distance"].mask(chosen, 0.0))

    change_table("interactions/planted_uniform/i2moe", scaled, "probe")
    table = probe(study.params)
    own = table[table["dataset"] == "planted_uniform"].set_index(["row", "metric"])
    assert own.loc[("i2moe_redundancy", "probe_share"), "mean"] == 0.0
    survival = own.loc[("i2moe", "survival"), "mean"]
    assert survival == pytest.approx(0.5, abs=0.05)


def test_a_uniqueness_expert_that_hears_its_own_alone_leans_whole(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)

    def own_alone(table: pd.DataFrame) -> pd.DataFrame:
        is_own = table["expert"] == "unique_" + table["modality"].astype(str)
        chosen = (table["mask"] == "shuffled") & ~is_own
        return table.assign(distance=table["distance"].mask(chosen, 0.0))

    change_table("interactions/planted_uniform/i2moe", own_alone, "probe")
    table = probe(study.params)
    own = table[table["dataset"] == "planted_uniform"].set_index(["row", "metric"])
    assert own.loc[("i2moe", "leaning"), "mean"] == 1.0
    against = own.loc[("i2moe", "leaning_vs_untrained")]
    assert against["lower"] > 0.4 and against["p_holm"] < 0.05


def test_runs_of_other_seeds_are_not_set_against_each_other(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)

    def later(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(seed=table["seed"] + 7)

    for name in ("probe", "experts", "predictions"):
        change_table("interactions/planted_uniform/i2moe", later, name)
    with pytest.raises(ValueError, match="has seeds"):
        probe(study.params)


def test_the_control_is_told_where_it_is(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    table = probe(study.params).set_index("dataset")["notes"]
    assert "positive control of survival" in table["planted_uniform"].iloc[0]
    assert "untrained" not in str(table["planted_hidden"].iloc[0])


def test_the_table_is_written_with_its_controls(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    write_table("i2moe_probe", TABLES["probe"], study.params)
    text = paths.plot("i2moe_probe", "md").read_text()
    assert "survives in its rows" in text and "in its rows ↑" not in text
    assert "the positive control of survival" in text
    assert "I2MoE, untrained, unique m1" in text
