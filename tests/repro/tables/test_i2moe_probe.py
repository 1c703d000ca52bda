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


def test_an_expert_that_moves_nowhere_has_no_share(study: SimpleNamespace) -> None:
    study.write_runs(study.params)

    def still(table: pd.DataFrame) -> pd.DataFrame:
        moved = table["distance"].where(table["expert"] != "redundancy", 0.0)
        return table.assign(distance=moved)

    change_table("interactions/planted_hidden/i2moe", still, "probe")
    table = probe(study.params)
    block = table[table["dataset"] == "planted_hidden"]
    own = set(block.loc[block["row"] == "i2moe_redundancy", "metric"])
    assert "random_moves" in own and "probe_share" not in own
    survival = block[block["metric"] == "survival"]["mean"].item()
    assert survival == pytest.approx(0.5, abs=0.05)  # of the others


def test_the_table_is_written_with_its_controls(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    write_table("i2moe_probe", TABLES["probe"], study.params)
    text = paths.plot("i2moe_probe", "md").read_text()
    assert "survives in its rows ↑" in text
    assert "the positive control" in text
    assert "I2MoE, untrained, unique m1" in text
