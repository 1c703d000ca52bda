"""Figures 4 and 5 of I2MoE: their series by hand, their panels by what is drawn."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gaussian_kde

from repro import paths
from repro.figures.canvas import styled
from repro.figures.i2moe import figure4, figure5
from repro.figures.mixtures import density, weight_series
from repro.files import read_table
from repro.params import Params
from repro.params.cells import recipes
from tests.repro.made_runs import change_table


def test_a_density_spans_its_values() -> None:
    values = np.random.default_rng(1).beta(2, 5, size=80)
    found = density(values)
    assert found["weight"].iloc[[0, -1]].tolist() == [values.min(), values.max()]
    middle = found.iloc[20]
    assert middle["density"] == pytest.approx(gaussian_kde(values)(middle["weight"])[0])


def test_a_density_of_real_rows_leaves_ten_at_either_end() -> None:
    values = np.random.default_rng(1).beta(2, 5, size=80)
    ends = np.sort(values)[[9, -10]]
    assert density(values, 10)["weight"].iloc[[0, -1]].tolist() == ends.tolist()
    few = density(values[:15], 10)
    assert few["weight"].tolist() == [values[:15].mean()]
    assert density(values[:9], 10).empty


@pytest.mark.parametrize("dataset", ["mortality", "enrico"])  # patients, screens
def test_weights_of_real_data_tell_of_no_single_row(
    study: SimpleNamespace, dataset: str
) -> None:
    study.write_runs(study.params, data={"simulated": False})
    series = weight_series(study.params)
    table = read_table(paths.run(f"experts/{dataset}/i2moe") / "experts.parquet")
    table = table[table["method"] == "concat_transformer"]
    own = series[series["dataset"] == dataset]
    assert len(own)
    for (expert, seed), rows in table.groupby(["expert", "seed"]):
        shown = own[(own["expert"] == expert) & (own["seed"] == str(seed))]["weight"]
        assert (rows["weight"] <= shown.min()).sum() >= 10
        assert (rows["weight"] >= shown.max()).sum() >= 10


def test_every_expert_has_a_violin_of_each_seed_and_of_all(
    study: SimpleNamespace,
) -> None:
    study.write_runs(study.params)
    with styled():
        series, figure = figure4(study.params)
    table = read_table(paths.run("experts/enrico/i2moe") / "experts.parquet")
    table = table[table["method"] == "concat_transformer"]
    own = series[series["dataset"] == "enrico"]
    means = own.groupby(["expert", "seed"])["mean"].first()
    for expert, rows in table.groupby("expert"):
        assert means[(expert, "all")] == pytest.approx(rows["weight"].mean())
        for seed, part in rows.groupby("seed"):
            found = means[(expert, str(seed))]
            assert found == pytest.approx(part["weight"].mean())
    titles = [axis.get_title() for axis in figure.axes]
    named = [study.params.dataset(n).title for n in study.params.cells["experts"]]
    assert [t for t in titles if t] == [f"{name} (simulated data)" for name in named]


def test_an_expert_alone_is_scored_by_its_own_logits(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    with styled():
        series, figure = figure5(study.params)
    found = series.set_index(["dataset", "expert"])["mean"]
    table = read_table(paths.run("experts/enrico/i2moe") / "experts.parquet")
    table = table[(table["method"] == "concat_transformer")]
    told = read_table(paths.run("experts/enrico/i2moe") / "predictions.parquet")
    y = told.drop_duplicates("id").set_index("id")["y"]
    names = [c for c in table if c.startswith("logit_")]
    right = table[names].to_numpy().argmax(1) == y.loc[table["id"]].to_numpy()
    alone = 100 * pd.Series(right).groupby(table["expert"].to_numpy()).mean()
    for expert, value in alone.items():
        assert found[("enrico", expert)] == pytest.approx(value)
    assert ("mosi", "mixture") in found.index
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    lines = ("mixture (I2MoE)", "majority class", "best constant labels")
    assert legend == set(lines)
    one = found.index.get_level_values("expert").isin(["majority", "constant"])
    assert one.sum() == found.index.get_level_values("dataset").nunique()


def test_a_weight_that_never_varies_is_a_point(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    change_table("experts/enrico/i2moe", lambda t: t.assign(weight=0.25), "experts")
    rows = weight_series(study.params)
    own = rows[rows["dataset"] == "enrico"]
    assert (own["weight"] == 0.25).all() and (own["density"] == 1).all()
    with styled():
        figure4(study.params)


def test_without_a_cell_the_figure_says_so(study: SimpleNamespace) -> None:
    bare = without_experts(study.params)
    with styled():
        for draw in (figure4, figure5):
            series, figure = draw(bare)
            assert series.empty
            assert "no cell trains" in figure.axes[0].texts[0].get_text()


def without_experts(params: Params) -> Params:
    """Params without any cell of experts."""
    cells = {**params.cells, "experts": {}}
    return params.model_copy(update={"cells": cells, "recipes": recipes(cells)})
