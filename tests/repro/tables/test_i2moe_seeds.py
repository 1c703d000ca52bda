"""Weights of experts side by side over seeds: the same rows, or none."""

from types import SimpleNamespace

import pandas as pd
import pytest

from repro.results.runs import trained_run
from repro.tables.i2moe_seeds import expert_weights
from tests.repro.made_runs import change_table

ADDRESS = "interactions/planted_uniform/i2moe"


def test_seeds_that_hold_other_rows_are_refused(study: SimpleNamespace) -> None:
    """As many rows, of other ids."""
    study.write_runs(study.params)
    run = trained_run(study.params, ADDRESS)
    whole = expert_weights(run)
    table = run.read("experts")
    assert len(whole) == table["seed"].nunique() > 1
    own = table[(table["seed"] == 1) & (table["split"] == "test")]
    known = own.pivot(index="id", columns="expert", values="weight").to_numpy()
    assert whole[1].tolist() == known.tolist()

    def renamed(table: pd.DataFrame) -> pd.DataFrame:
        chosen = (table["seed"] == 1) & (table["id"] == own["id"].iloc[0])
        return table.assign(id=table["id"].mask(chosen, "another"))

    change_table(ADDRESS, renamed, "experts")
    with pytest.raises(ValueError, match="seeds hold different rows"):
        expert_weights(trained_run(study.params, ADDRESS))
