"""Clinical figures from fabricated runs: hand numbers, minimum counts, folds."""

import numpy as np
import pandas as pd
import pytest

from repro import params as parameters
from repro import paths
from repro.figures.btw import FIGURES, runs_of
from repro.figures.canvas import styled, write_figure
from repro.figures.classes import class_bars, class_changes, shown
from repro.figures.trajectories import trajectories
from repro.files import read_table, write_table
from repro.params import Params
from repro.tables.stays_by_class import protected_of
from tests.repro.conftest import COHORTS, ROOT
from tests.repro.made_data import samples
from tests.repro.made_runs import change_table, only, write_study

FOLDS = 3
RUNS = [f"btw/{name}" for name in COHORTS]
FIGURE5 = [paths.plot("btw_figure5", kind) for kind in ("csv", "svg", "pdf")]


def write_classes(method: str, chosen: np.ndarray) -> None:
    """Make a method of icu_complete choose these classes on test, in every seed."""
    path = paths.run("btw/icu_complete") / "predictions.parquet"
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
    write_classes("fusemoe", before)
    write_classes("instance", after)
    series = class_changes(clinical, RUNS)
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
    write_classes("fusemoe", before)
    for method in ("instance", "bi_level"):
        write_classes(method, truth)
    complete = only(clinical, ["icu_complete"])
    with styled():
        series, figure = FIGURES["figure5"](complete)
        write_figure("btw_figure5", series, figure)
    written = pd.read_csv(FIGURE5[0])
    assert written["count"].min() >= 10
    corrected = written[written["set"] == "corrected"]
    assert corrected["count"].tolist() == ([10.0, 10.0] if is_shown else [])
    labels = [text.get_text() for text in figure.axes[0].texts]
    # Four classes of three bars: all, corrected and newly wrong.
    assert len(labels) == 12 and ("10" in labels) is is_shown
    # Nothing is newly wrong, and the last class has eight stays.
    assert labels.count("<10") == (8 if is_shown else 9)
    assert not {"9", "8"} & set(labels)


def test_of_real_patients_nothing_tells_a_small_count(clinical: Params) -> None:
    write_study(clinical, data={"source": "mimiciv", "simulated": False})
    rows = class_changes(clinical, RUNS)
    series = shown(rows)
    hidden = protected_of(clinical, ["icu_complete", "icu_all"]).hidden
    for (dataset, k), _ in rows.groupby(["dataset", "class"]):
        part = series[(series["dataset"] == dataset) & (series["class"] == k)]
        is_hidden = (dataset, f"class_{k}", "test") in hidden
        assert ("all" in set(part["set"])) != is_hidden, (dataset, k)
        assert part["share"].isna().all() == is_hidden or part.empty
        for method, bars in part.groupby("method"):
            counts = bars.set_index("set")["count"]
            if "all" in counts and len(counts) > 1:
                assert 2 * counts["all"] - counts.sum() >= 10, (dataset, k, method)
    assert series["count"].min() >= 10
    figure = class_bars(rows, clinical, "Title")
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert "·" in texts and "<10" not in texts


def test_a_count_is_the_mean_over_seeds(clinical: Params) -> None:
    base = samples("icu_complete")
    truth = base.loc[base["split"] == "test", "y"].to_numpy(np.int64)
    before = truth.copy()
    before[np.flatnonzero(truth == 1)[:30]] = 0
    write_classes("fusemoe", before)
    write_classes("instance", truth)
    path = paths.run("btw/icu_complete") / "predictions.parquet"
    table = read_table(path)
    rows = (table["method"] == "instance") & (table["split"] == "test")
    rows &= table["seed"] == 0
    table.loc[rows, [f"p_{k}" for k in range(4)]] = np.eye(4)[before]
    write_table(path, table)
    series = shown(class_changes(clinical, RUNS))
    chosen = series[(series["set"] == "corrected") & (series["class"] == 1)]
    assert chosen["count"].iloc[0] == pytest.approx((0 + 30 + 30) / 3)


def test_simulated_is_said_and_real_is_not(clinical: Params) -> None:
    titles = {}
    for is_simulated in (True, False):
        if not is_simulated:
            write_study(clinical, data={"simulated": False})
        figure = class_bars(class_changes(clinical, RUNS), clinical, "Title")
        titles[is_simulated] = [axis.get_title() for axis in figure.axes]
    assert len(titles[True]) == 4
    assert all("ICU stays" in title for title in titles[True] + titles[False])
    assert all("simulated" in title for title in titles[True])
    assert not any("simulated" in title for title in titles[False])


def test_without_cohorts_the_figure_says_so() -> None:
    params = only(parameters.load(ROOT / paths.PARAMS), ["mosi"])
    assert runs_of(params, "btw", *COHORTS) == []
    _, figure = FIGURES["figure5"](params)
    (text,) = figure.axes[0].texts
    assert "there are no runs of a classification" in text.get_text()


def test_files_are_the_same_bytes_twice(clinical: Params) -> None:
    contents = []
    for _ in range(2):
        with styled():
            series, figure = FIGURES["figure5"](clinical)
            write_figure("btw_figure5", series, figure)
        contents.append([path.read_bytes() for path in FIGURE5])
    assert contents[0] == contents[1]


def test_other_samples_are_refused(clinical: Params) -> None:

    def shortened(table: pd.DataFrame) -> pd.DataFrame:
        last = table["id"] == table["id"].iloc[-1]
        return table[~last | (table["method"] != "fusemoe")]

    change_table("btw/icu_complete", shortened)
    with pytest.raises(ValueError, match="hold different samples"):
        class_changes(clinical, RUNS)


def test_trajectories_put_cohorts_first_and_average_folds(clinical: Params) -> None:
    source = clinical.clinical.model_copy(update={"evaluation": "grouped_cv"})
    folded = clinical.model_copy(update={"clinical": source})
    write_study(folded)
    fold = paths.part("btw/icu_all", 1)
    change_table(fold, lambda t: t.assign(mean=t["mean"] + 0.6), "trajectory")
    series = trajectories(folded, RUNS)
    assert list(dict.fromkeys(series["dataset"])) == list(COHORTS)
    assert set(series["method"]) == {"instance", "bi_level"}
    row = series[(series["dataset"] == "icu_all") & (series["method"] == "bi_level")]
    row = row[(row["modality"] == "ecg") & (row["epoch"] == 4)]
    assert row["mean"].item() == pytest.approx(1.01 + 0.05 * 2 * 4 + 0.6 / FOLDS)
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
