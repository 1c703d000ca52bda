"""Clinical figures from fabricated runs: hand numbers, minimum counts, folds."""

import numpy as np
import pandas as pd
import pytest

from repro import paths
from repro.figures.canvas import styled, write_figure
from repro.figures.classes import class_changes, figure5, shown
from repro.figures.named import FIGURES
from repro.figures.trajectories import trajectories
from repro.files import read_table, write_table
from repro.params import Params
from tests.repro.clinical_runs import FOLDS, samples, write_clinical_runs

TEST_ROWS = 160


def write_classes(folder: str, method: str, chosen: np.ndarray) -> None:
    """Make a method of icu_complete choose these classes on test, in every seed."""
    path = paths.run("icu_complete", folder) / "predictions.parquet"
    table = read_table(path)
    for seed in table["seed"].unique():
        rows = (table["method"] == method) & (table["split"] == "test")
        rows &= table["seed"] == seed
        table.loc[rows, [f"p_{k}" for k in range(4)]] = np.eye(4)[chosen]
    write_table(path, table)


def test_counts_by_hand(clinical: Params) -> None:
    base = samples("icu_complete")
    truth = base.loc[base["split"] == "test", "y"].to_numpy(np.int64)
    wrong = (truth + 1) % 4
    first, second = np.flatnonzero(truth == 1)[:20], np.flatnonzero(truth == 0)[:12]
    before, after = truth.copy(), truth.copy()
    before[first] = wrong[first]  # 20 stays of class 1 become right
    after[second] = wrong[second]  # 12 stays of class 0 become wrong
    write_classes("fusemoe", "fusemoe", before)
    write_classes("btw", "instance", after)
    series = class_changes(clinical)
    series = series[
        (series["dataset"] == "icu_complete") & (series["method"] == "instance")
    ].set_index(["set", "class"])
    ones = int((truth == 1).sum())
    assert series.loc[("corrected", 1), "count"] == 20
    assert series.loc[("corrected", 1), "share"] == pytest.approx(100 * 20 / ones)
    assert series.loc[("newly wrong", 0), "count"] == 12
    assert series.loc[("all", 1), ["count", "share"]].tolist() == [ones, 100]
    assert np.isnan(series.loc[("corrected", 0), "count"])
    assert np.isnan(series.loc[("newly wrong", 1), "share"])


@pytest.mark.parametrize(("changed", "is_shown"), [(9, False), (10, True)])
def test_counts_below_ten_are_shown_nowhere(
    clinical: Params, changed: int, is_shown: bool
) -> None:
    base = samples("icu_complete")
    truth = base.loc[base["split"] == "test", "y"].to_numpy(np.int64)
    before = truth.copy()
    before[np.flatnonzero(truth == 2)[:changed]] = 0
    write_classes("fusemoe", "fusemoe", before)
    for method in ("instance", "bi_level"):
        write_classes("btw", method, truth)
    complete = clinical.model_copy(
        update={"cohorts": {"icu_complete": clinical.cohorts["icu_complete"]}}
    )
    with styled():
        series, figure = FIGURES["figure5"](complete)
        write_figure("figure5", series, figure)
    written = pd.read_csv(paths.plot("figure5", "csv"))
    assert written["count"].min() >= 10
    corrected = written[written["set"] == "corrected"]
    assert corrected["count"].tolist() == ([10.0, 10.0] if is_shown else [])
    labels = [text.get_text() for text in figure.axes[0].texts]
    # Four classes of three bars: all, corrected and newly wrong.
    assert len(labels) == 12 and ("10" in labels) is is_shown
    # Nothing is newly wrong, and the last class has eight stays.
    assert labels.count("<10") == (8 if is_shown else 9)
    assert not {"9", "8"} & set(labels)


def test_a_count_is_the_mean_over_seeds(clinical: Params) -> None:
    base = samples("icu_complete")
    truth = base.loc[base["split"] == "test", "y"].to_numpy(np.int64)
    before = truth.copy()
    before[np.flatnonzero(truth == 1)[:30]] = 0
    write_classes("fusemoe", "fusemoe", before)
    write_classes("btw", "instance", truth)
    path = paths.run("icu_complete", "btw") / "predictions.parquet"
    table = read_table(path)
    rows = (table["method"] == "instance") & (table["split"] == "test")
    rows &= table["seed"] == 0
    table.loc[rows, [f"p_{k}" for k in range(4)]] = np.eye(4)[before]
    write_table(path, table)
    series = shown(class_changes(clinical))
    chosen = series[(series["set"] == "corrected") & (series["class"] == 1)]
    assert chosen["count"].iloc[0] == pytest.approx((0 + 30 + 30) / 3)


def test_simulated_is_said_and_real_is_not(clinical: Params) -> None:
    titles = {}
    for is_simulated in (True, False):
        if not is_simulated:
            write_clinical_runs(clinical, data={"simulated": False})
        figure = figure5(class_changes(clinical))
        titles[is_simulated] = [axis.get_title() for axis in figure.axes]
    assert len(titles[True]) == 4
    assert all("ICU stays" in title for title in titles[True] + titles[False])
    assert all("simulated" in title for title in titles[True])
    assert not any("simulated" in title for title in titles[False])


def test_without_cohorts_the_figure_says_so() -> None:
    columns = ["dataset", "count", "set"]
    (text,) = figure5(pd.DataFrame(columns=columns)).axes[0].texts
    assert "there are none" in text.get_text()


def test_files_are_the_same_bytes_twice(clinical: Params) -> None:
    contents = []
    for _ in range(2):
        with styled():
            series, figure = FIGURES["figure5"](clinical)
            write_figure("figure5", series, figure)
        kinds = [paths.plot("figure5", kind) for kind in ("csv", "svg", "pdf")]
        contents.append([path.read_bytes() for path in kinds])
    assert contents[0] == contents[1]


def test_other_samples_are_refused(clinical: Params) -> None:
    path = paths.run("icu_complete", "fusemoe") / "predictions.parquet"
    table = read_table(path)
    write_table(path, table[table["id"] != table["id"].iloc[-1]])
    with pytest.raises(ValueError, match="hold different samples"):
        class_changes(clinical)


def test_trajectories_put_cohorts_first_and_average_folds(clinical: Params) -> None:
    source = clinical.clinical.model_copy(update={"evaluation": "grouped_cv"})
    folded = clinical.model_copy(update={"clinical": source})
    write_clinical_runs(folded)
    path = paths.run(paths.part("icu_all", 1), "btw") / "trajectory.parquet"
    table = read_table(path)
    write_table(path, table.assign(mean=table["mean"] + 0.6))
    series = trajectories(folded)
    assert list(dict.fromkeys(series["dataset"])) == list(clinical.cohorts)
    assert set(series["method"]) == {"instance", "bi_level"}
    row = series[(series["dataset"] == "icu_all") & (series["method"] == "bi_level")]
    row = row[(row["modality"] == "ecg") & (row["epoch"] == 4)]
    assert row["mean"].item() == pytest.approx(1 + 0.05 * 3 * 4 + 0.6 / FOLDS)
    assert row["n"].item() == 3


def test_modalities_keep_their_color_in_every_panel(clinical: Params) -> None:
    _, figure = FIGURES["figure3"](clinical)
    colors: dict[str, set[str]] = {}
    for axis in figure.axes:
        for line in axis.get_lines()[1:]:
            colors.setdefault(str(line.get_label()), set()).add(str(line.get_color()))
    assert set(colors) == {"timeseries", "text", "cxr", "ecg"}
    assert all(len(found) == 1 for found in colors.values())
    assert len(set.union(*colors.values())) == 4
