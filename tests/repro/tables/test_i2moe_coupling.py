"""Weights inside experts: a made run that undoes them, and one that does not."""

from dataclasses import replace
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from repro.tables.i2moe_coupling import WEIGHT_NOTES, answer, coupling
from repro.tables.rows import Entry
from tests.repro.made_runs import change_table

INSIDE, OUTSIDE = "coupling/mosi/i2moe", "sites/mosi/concat_transformer_contribution"
PLAIN, EXPERTS = "fusions/mosi", "experts/mosi/i2moe"
FUSION = "concat_transformer"
BETWEEN = "inside_bi_level_minus_outside_bi_level"


def errs_by(method: str, error: float, spread: float = 0.05) -> Any:
    """Predictions of a method at a given distance of the label, on one side."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        own = table["method"] == method
        noise = np.random.default_rng(0).normal(0, spread, int(own.sum()))
        told = table.loc[own, "y"] + error + noise
        return table.assign(prediction=table["prediction"].where(~own, told))

    return change


def made(study: SimpleNamespace, outside: float, inside: float) -> pd.DataFrame:
    """The table where weights change the error by so much without and with experts."""
    study.write_runs(study.params)
    for address, method, error in (
        (PLAIN, FUSION, 1.0),
        (EXPERTS, FUSION, 1.0),
        (OUTSIDE, "bi_level", 1.0 + outside),
        (INSIDE, "bi_level", 1.0 + inside),
    ):
        change_table(address, errs_by(method, error))
    return coupling(study.params)


@pytest.mark.parametrize(
    ("outside", "inside", "told"),
    [
        (0.4, 0.0, "undone"),
        (0.4, 0.4, "not undone"),
        (0.4, 0.2, "undone in part"),
        (0.0, 0.0, "no change seen"),
        (0.0, 0.4, "seen inside alone"),
        (0.2, 0.6, "more inside"),
    ],
)
def test_what_experts_do_to_weights_is_told(
    study: SimpleNamespace, outside: float, inside: float, told: str
) -> None:
    table = made(study, outside, inside)
    row = table[table["row"] == BETWEEN].set_index("metric")
    assert row.loc["mae_vs_outside", "remark"] == told
    gap = row.loc["mae_vs_outside", "mean"]
    assert gap == pytest.approx(inside - outside, abs=0.02)
    own = table[table["metric"] == "mae_vs_unweighted"].set_index("row")["mean"]
    change = own["i2moe_bi_level"] - own[f"{FUSION}_bi_level"]
    assert gap == pytest.approx(change)


def test_one_holm_family_holds_all_differences(study: SimpleNamespace) -> None:
    table = made(study, 0.4, 0.0)
    own = table[table["dataset"] == "mosi"]
    tested = own[own["p"].notna()]
    assert len(tested) == 9  # three methods without, with, and between
    least = tested.loc[tested["p"].idxmin()]
    assert least["p_holm"] == pytest.approx(min(1, 9 * least["p"]), abs=1e-12)


def test_every_answer_is_told_below_the_table() -> None:
    told = " ".join(WEIGHT_NOTES)
    made = [
        Entry("a", "a", "m", mean=m, p_holm=p) for m in (1.0, -1.0) for p in (0.01, 1.0)
    ]
    made = [replace(entry, lower=-4.0, upper=4.0) for entry in made]
    made += [replace(made[1], lower=-0.1, upper=0.1), Entry("a", "a", "m", mean=1.0)]
    answers = {answer(*three) for three in product(made, repeat=3)}
    assert len(answers) == 10
    assert all(word in told for word in answers), answers


def test_rows_of_other_seeds_are_refused(study: SimpleNamespace) -> None:
    study.write_runs(study.params)

    def later(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(seed=table["seed"] + 7)

    change_table(INSIDE, later)
    with pytest.raises(ValueError, match="has seeds"):
        coupling(study.params)


def test_both_explanations_stand_beside_the_truth(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    table = coupling(study.params)
    two = table[table["dataset"] == "two_explanations"]
    wide = two.pivot(index="row", columns="metric", values="mean")
    assert wide.loc["oracle_largest", "largest"] == 1.0
    assert {"bi_level", "i2moe", "uniform", "shuffled", "i2moe_bi_level"} <= set(
        wide.index
    )
    assert {"text_reliability", "video_largest", "audio_likeness"} <= set(wide.columns)
    differences = set(two.loc[two["row"] == "bi_level", "metric"])
    assert {"reliable_vs_uniform", "largest_vs_i2moe"} <= differences
    assert two.loc[two["metric"] == "reliable", "lower"].notna().all()
    labels = two[two["row"].isin(["oracle", "oracle_largest"])]
    assert not labels["metric"].str.contains("_vs_").any()  # 1 by construction
    for row, asked in (("posterior", "reliable"), ("posterior_largest", "largest")):
        known = two[two["row"] == row].set_index("metric")
        assert 0.5 < known.loc[asked, "mean"] <= 1.0
        tested = {name for name in known.index if "_vs_" in name}
        assert tested == {f"{asked}_vs_uniform", f"{asked}_vs_i2moe"}


def test_one_seed_is_not_answered() -> None:
    entry = Entry("a", "a", "mae_vs_unweighted", mean=0.1)
    assert answer(entry, entry, entry) == "not tested"
    seen = replace(entry, p_holm=0.001)
    unseen = replace(seen, p_holm=0.4)
    assert answer(seen, unseen, unseen) == "undecided"
    wide = replace(unseen, lower=-0.15, upper=0.05)
    assert answer(seen, seen, wide) == "no undoing seen"
    narrow = replace(unseen, lower=-0.09, upper=0.05)
    assert answer(seen, seen, narrow) == "not undone"
    assert answer(seen, seen, unseen) == "no undoing seen"  # no interval, no claim
    assert answer(seen, replace(seen, mean=-0.1), replace(seen, mean=-0.2)) == (
        "turned round"
    )
