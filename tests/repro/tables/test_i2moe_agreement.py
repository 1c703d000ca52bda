"""Shares of Table 3 of real patients: all four, or none where one is small."""

from types import SimpleNamespace

import pandas as pd

from repro.results.mixtures import mixture_of, shares_of_outcomes
from repro.results.runs import trained_run
from repro.tables.i2moe_agreement import FEW, table3

SHARES = ["agree_right", "agree_wrong", "disagree_right", "disagree_wrong"]


def shares(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """The shares of a data set."""
    is_share = table["metric"].isin(SHARES) & table["mean"].notna()
    return table[(table["dataset"] == dataset) & is_share]


def test_a_small_share_of_real_patients_hides_all_four(study: SimpleNamespace) -> None:
    study.write_runs(study.params, data={"simulated": False})
    table = table3(study.params)
    run = trained_run(study.params, "experts/mortality/i2moe")
    told = set(shares(table, "mortality")["row"])
    small = 0
    for fusion in run.methods:
        parts = shares_of_outcomes(mixture_of(run, fusion), "classification")
        fewest = min((part > 0).sum(axis=1).min() for part in parts.values())
        assert (f"{fusion}_i2moe" in told) == (fewest >= 10)
        small += fewest < 10
    assert small
    own = table[table["dataset"] == "mortality"]
    assert own["notes"].str.contains(FEW, regex=False).all()
    other = table[table["dataset"] == "enrico"]
    assert set(other["metric"]) >= set(SHARES)
    assert not other["notes"].str.contains(FEW, regex=False).any()
