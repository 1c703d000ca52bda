"""The simulated data leave room for networks: what the committed Table 3 must show."""

import json
from pathlib import Path
from typing import Any

import pytest

from repro import params as parameters
from repro import paths

ROOT = Path(__file__).parents[2]


def ridge_minus_moe(dataset: str) -> dict[str, Any]:
    """MAE of ridge regression minus that of the unweighted MoE, with its interval."""
    table = json.loads((ROOT / paths.table_metrics("btw_table3")).read_text())
    found = table[f"{dataset}__simulated"]["ridge"]["mae_vs_moe"]
    assert isinstance(found, dict)
    return found


def test_the_committed_numbers_are_of_the_default_preset() -> None:
    assert parameters.load(ROOT / paths.PARAMS).preset == "default"


def test_the_moe_beats_ridge_on_the_larger_set() -> None:
    found = ridge_minus_moe("mosei")
    assert found["lower"] > 0, found


def test_the_moe_is_not_behind_ridge_on_the_size_of_mosi() -> None:
    found = ridge_minus_moe("mosi")
    assert found["upper"] > 0, found
    assert found["mean"] == pytest.approx(0, abs=0.1)
