"""The simulated data leave room for networks: what the committed Table 3 must show."""

import json
from pathlib import Path
from typing import Any

import pytest

from repro import params as parameters
from repro import paths

ROOT = Path(__file__).parents[2]


def committed(table: str, block: str, row: str, metric: str) -> dict[str, Any]:
    """Numbers of a difference, as the committed metrics have them."""
    found = json.loads((ROOT / paths.table_metrics(table)).read_text())
    numbers = found[f"{block}__simulated"][row][metric]
    assert isinstance(numbers, dict)
    return numbers


def ridge_minus_moe(dataset: str) -> dict[str, Any]:
    """MAE of ridge regression minus that of the unweighted MoE, with its interval."""
    return committed("btw_table3", dataset, "ridge", "mae_vs_moe")


def test_the_committed_numbers_are_of_the_default_preset() -> None:
    assert parameters.load(ROOT / paths.PARAMS).preset == "default"
    assert "- preset default," in (ROOT / paths.plot("btw_table3", "md")).read_text()


@pytest.mark.parametrize("network", ["early_fusion", "late_fusion", "low_rank", "mult"])
def test_networks_beat_ridge_on_the_larger_set(network: str) -> None:
    own = committed("btw_table3", "mosei", network, "mae")
    ridge = committed("btw_table3", "mosei", "ridge", "mae")
    error = own["sd"] / own["n"] ** 0.5
    assert ridge["mean"] - own["mean"] > 3 * error, (ridge, own)


def test_the_moe_beats_ridge_on_the_larger_set() -> None:
    found = ridge_minus_moe("mosei")
    assert found["lower"] > 0, found


def test_the_moe_is_not_behind_ridge_on_the_size_of_mosi() -> None:
    found = ridge_minus_moe("mosi")
    assert found["upper"] > 0, found
    assert found["mean"] == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    ("table", "block", "row", "metric"),
    [
        ("btw_table3", "mosi", "oracle", "mae_vs_moe"),
        ("btw_table3", "mosei", "oracle", "mae_vs_moe"),
        ("btw_table3", "mosi", "posterior", "mae_vs_moe"),
        ("btw_sites", "mosi", "moe_embedding_oracle", "mae_vs_unweighted"),
        ("btw_sites", "mosi", "moe_contribution_oracle", "mae_vs_unweighted"),
        ("btw_fusions", "mosi", "moe_oracle", "mae_vs_unweighted"),
        ("btw_convex", "mosi", "oracle", "mae_vs_ridge"),
        (
            "btw_draws",
            "visible_1",
            "moe_visible_1_embedding_oracle",
            "mae_vs_unweighted",
        ),
    ],
)
def test_planted_reliability_helps(
    table: str, block: str, row: str, metric: str
) -> None:
    found = committed(table, block, row, metric)
    assert found["upper"] < 0 and found["p_holm"] < 0.05, found


@pytest.mark.parametrize("count", [1, 3, 5])
def test_planted_reliability_helps_among_added_noise(count: int) -> None:
    found = committed("btw_noise", "mosi", f"noise_{count}", "oracle_gain")
    assert found["lower"] > 0 and found["p_holm"] < 0.05, found
