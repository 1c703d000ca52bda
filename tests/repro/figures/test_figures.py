"""Figures from fabricated runs: hand numbers, marks, and the same bytes twice."""

from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from repro import paths
from repro.figures.btw import FIGURES
from repro.figures.canvas import styled, write_figure
from repro.figures.changes import (
    changes,
    densities,
    density,
    density_curves,
    error_changes,
)
from repro.figures.checks import noise_series, truth_bars, truth_series
from repro.figures.trajectories import trajectories, trajectory_columns
from repro.files import read_table, write_table
from repro.metrics.classification import auroc
from repro.results.small_cells import FEWEST
from repro.tables.btw import SENTIMENT
from repro.tables.btw_checks import noise
from tests.repro.made_runs import change_table
from tests.repro.small_study import with_file_sets

RUNS = [f"btw/{name}" for name in SENTIMENT]


def set_predictions(method: str, values: dict[int, tuple[float, float]]) -> None:
    """Give test row k of mosi the true score and prediction of `values[k]`."""
    path = paths.run("btw/mosi") / "predictions.parquet"
    table = read_table(path)
    for seed in table["seed"].unique():
        chosen = (table["split"] == "test") & (table["seed"] == seed)
        chosen &= table["method"] == method
        rows = table.index[chosen]
        for k, (y, prediction) in values.items():
            table.loc[rows[k], ["y", "prediction"]] = y, prediction
    write_table(path, table)


def test_positive_change_means_improved(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    set_predictions("moe", {0: (1.0, 2.0), 1: (1.0, 1.2), 2: (-2.0, -1.0)})
    set_predictions("bi_level", {0: (1.0, 1.1), 1: (1.0, 1.9), 2: (-2.0, -1.0)})
    rows = changes(study.params, RUNS, ("bi_level",))
    rows = rows[(rows["dataset"] == "mosi") & (rows["seed"] == 1)].set_index("id")
    found = read_table(paths.run("base/mosi") / "predictions.parquet")
    found = found[found["method"] == "moe"]
    ids = found[(found["split"] == "test") & (found["seed"] == 1)]["id"].tolist()
    assert rows.loc[ids[0], "change"] == pytest.approx(0.9)
    assert rows.loc[ids[1], "change"] == pytest.approx(-0.7)
    assert rows.loc[ids[2], "change"] == 0.0
    assert rows.loc[ids[0], "corrected"] and not rows.loc[ids[0], "newly_wrong"]
    assert rows.loc[ids[1], "newly_wrong"] and not rows.loc[ids[1], "corrected"]
    assert not rows.loc[ids[2], ["corrected", "newly_wrong"]].any()
    means = error_changes(study.params, changes(study.params, RUNS, ("bi_level",)))
    assert "id" not in means  # a tracked file tells nobody's id
    means = means[means["dataset"] == "mosi"]
    better = means[np.isclose(means["change"], 0.9)]
    worse = means[np.isclose(means["change"], -0.7)]
    assert len(better) == len(worse) == 1
    assert worse["mistake"].all() and not better["mistake"].any()


def test_density_integrates_to_one_and_degenerate_sets_have_none() -> None:
    values = np.random.default_rng(0).normal(0, 0.5, 400)
    assert np.trapezoid(density(values), dx=6 / 80) == pytest.approx(1, abs=0.01)
    for few in ([], [0.2], [0.2, 0.2]):
        assert np.isnan(density(np.array(few, dtype=np.float64))).all()


def test_sets_without_members_are_told_by_n(study: SimpleNamespace) -> None:
    study.write_runs(study.params)

    def unchanged(table: pd.DataFrame) -> pd.DataFrame:
        moe = table.loc[table["method"] == "moe", "prediction"].to_numpy()
        table.loc[table["method"] == "instance", "prediction"] = moe
        return table

    change_table("btw/mosi", unchanged)
    series = densities(study.params, changes(study.params, RUNS, ("instance",)))
    series = series[series["dataset"] == "mosi"]
    n = series.groupby("set")["n"].first()
    assert n.to_dict() == {"all": 90, "corrected": 0, "newly wrong": 0}
    assert series.loc[series["set"] != "all", "density"].isna().all()
    drawn, figure = FIGURES["figure4"](study.params)
    labels = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert "corrected (n = 0, no density)" in labels
    assert "score" in drawn


def test_nobodys_label_stands_in_a_tracked_series(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    real = with_file_sets(study.params, source="mmsa", path="data/raw/mine.pkl")
    rows = changes(real, RUNS, ("instance",))
    binned = error_changes(real, rows)
    assert set(binned["y"].dropna()) <= set(range(-3, 4))
    classes = np.round(rows["y"].clip(-3, 3))
    assert binned["y"].notna().any()
    for row in binned.dropna().itertuples():
        is_here = (classes == row.y) & (rows["dataset"] == row.dataset)
        assert rows[is_here]["id"].nunique() >= FEWEST
    every = error_changes(study.params, rows)
    assert len(every) == rows.groupby(["dataset", "id"]).ngroups > 5 * len(binned)
    few = rows.groupby("dataset").head(FEWEST - 1).assign(corrected=True)
    (nobody,) = error_changes(real, few[few["dataset"] == "mosi"])["y"]
    assert np.isnan(nobody)
    hidden = densities(real, few)
    assert hidden["density"].isna().all() and hidden["n"].isna().all()
    assert densities(study.params, few)["density"].notna().any()
    with styled():
        shown = density_curves(densities(real, few), real, "Few")
    (told, *_) = shown.axes[0].get_legend().get_texts()
    assert told.get_text() == "all (fewer than 10 instances)"
    series, figure = FIGURES["figure6"](real)
    assert list(series.columns) == list(every.columns)
    assert "means of 10 instances or more" in figure.axes[0].get_xlabel()
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    counts = [int(label.partition("(means = ")[2].rstrip(")")) for label in labels]
    shown = series[series["dataset"] == series["dataset"].iloc[0]]["y"]
    assert sum(counts) == shown.notna().sum()


def test_trajectories_average_over_seeds(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    series = trajectories(study.params, RUNS)
    video = series[(series["modality"] == "video") & (series["epoch"] == 4)]
    assert video["mean"].to_numpy() == pytest.approx(np.full(4, 1.2 + 0.01))
    wide = trajectory_columns(series)
    assert wide["epoch"].tolist() == [0, 1, 2, 3, 4]
    assert wide["mosi_bi_level_video"].iloc[4] == pytest.approx(1.21)
    assert wide["mosei_instance_text_lower"].iloc[0] == pytest.approx(0.8)


def test_auroc_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(0)
    positive = random.random(200) > 0.4
    score = np.round(random.normal(size=200) + positive, 1)
    assert auroc(score, positive) == pytest.approx(roc_auc_score(positive, score))
    assert np.isnan(auroc(score, np.ones(200, dtype=bool)))


def test_weights_that_follow_the_truth_have_auroc_one(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    path = paths.run("btw/mosi") / "weights.parquet"
    truth = read_table(paths.run("ceilings/mosi") / "truth.parquet")
    table = read_table(path).merge(truth, on="id")
    table["w_audio"] = np.where(table["reliable_audio"], 1.5, 0.5)
    table.loc[table["id"] == table["id"].iloc[-1], "w_audio"] = 0.0  # absent
    columns = ["split", "id", "method", "seed", "w_text", "w_audio", "w_video"]
    write_table(path, table[columns])
    series = truth_series(study.params, RUNS)
    series = series.set_index(["dataset", "method", "modality"])
    found = series.loc[("mosi", "bi_level", "audio")]
    assert (found["reliable"], found["unreliable"], found["auroc"]) == (1.5, 0.5, 1.0)
    assert found["n_reliable"] + found["n_unreliable"] == 29
    limits = found[["predictions", "features", "posterior"]]
    assert limits.to_list() == [0.55, 0.7, 0.9]


def test_without_simulated_data_the_truth_figure_speaks(
    study: SimpleNamespace,
) -> None:
    real = with_file_sets(study.params, source="mmsa")
    study.write_runs(real, data={"source": "mmsa", "simulated": False})
    series = truth_series(real, RUNS)
    assert series.empty
    (text,) = truth_bars(series, real, "Title").axes[0].texts
    assert "no data set of this run is simulated" in text.get_text()


def test_noise_series_has_one_row_per_number(study: SimpleNamespace) -> None:
    study.write_runs(study.params)
    series = noise_series(noise(study.params))
    assert series["count"].tolist() == [0, 1, 3, 5]
    assert series["uniform_noise_share"].tolist()[1:] == [1 / 4, 3 / 6, 5 / 8]
    assert series["bi_level_mae"].notna().all()


def test_figure4_of_one_seed_without_densities_is_laid_out(
    study: SimpleNamespace,
) -> None:
    """A warning of the layout, which is an error here, would drop the panels."""
    study.write_runs(study.params)
    for address in RUNS:
        source = read_table(paths.run(address) / "predictions.parquet")
        source = source[(source["seed"] == 0) & (source["method"] == "moe")]
        methods = ("moe", "instance", "bi_level")
        whole = pd.concat([source.assign(method=method) for method in methods])
        write_table(paths.run(address) / "predictions.parquet", whole)
    with styled():
        series, figure = FIGURES["figure4"](study.params)
        write_figure("btw_figure4", series, figure)
    assert all(axis.get_position().height > 0.1 for axis in figure.axes)


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_files_are_the_same_bytes_twice_and_say_simulated(
    study: SimpleNamespace, name: str
) -> None:
    study.write_runs(study.params)
    kinds = [paths.plot(f"btw_{name}", kind) for kind in ("csv", "svg", "pdf")]
    contents = []
    for _ in range(2):
        with styled():
            series, figure = FIGURES[name](study.params)
            write_figure(f"btw_{name}", series, figure)
        contents.append([path.read_bytes() for path in kinds])
        for path in kinds:
            path.unlink()
    assert contents[0] == contents[1]
    csv, svg, pdf = contents[0]
    assert b"simulated" in svg and b"<dc:date>" not in svg
    assert b"CreationDate" not in pdf
    assert csv.count(b"\n") > 2


def test_real_data_are_not_called_simulated(study: SimpleNamespace) -> None:
    study.write_runs(study.params, data={"source": "mmsa", "simulated": False})
    for name in ("figure1", "figure3", "figure4", "figure6", "noise_stress"):
        _, figure = FIGURES[name](study.params)
        titles = [axis.get_title() for axis in figure.axes]
        assert any("MOSI" in title for title in titles)
        assert not any("simulated" in title for title in titles)


def test_the_user_settings_are_left_alone() -> None:
    before = mpl.rcParams["font.size"]
    with styled():
        assert mpl.rcParams["svg.hashsalt"] == "btw"
    assert mpl.rcParams["font.size"] == before
