"""In which classes of a classification the weights change predictions."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.canvas import panel_title, panels, said_in_words, shared_legend
from repro.figures.changes import COLORS, SETS
from repro.params import Params
from repro.results.runs import refuse_unpaired, trained_run
from repro.results.small_cells import ALL, FEWEST, protects
from repro.tables.stays_by_class import protected_of

METHODS = ("instance", "bi_level")
MINIMUM = 10  # samples below which a count is not shown
BAR = 0.27  # width, in classes


def class_changes(params: Params, runs: Sequence[str]) -> pd.DataFrame:
    """Test samples of each true class: all, put right and newly wrong, over seeds.

    Right and wrong are those of the weighted method where the unweighted fusion is the
    other. A count below `MINIMUM` is NaN; so is its share, which is a percentage of
    the samples of the class. Of real patients a count is NaN also where it is of fewer
    than `FEWEST` patients or would tell such a one.
    """
    rows = [row for address in runs for row in _rows(params, address)]
    columns = ["dataset", "simulated", "method", "name", "class", "length", "set"]
    columns = [*columns, "count", "share", "n", "patients"]
    series = pd.DataFrame(rows, columns=columns)
    few = series["count"] < MINIMUM
    series.loc[few, ["count", "share"]] = np.nan
    for (dataset, simulated), part in series.groupby(["dataset", "simulated"]):
        if protects(params, str(dataset), simulated=bool(simulated)):
            _hide(series, part, params)
    return series.drop(columns="patients")


def _hide(series: pd.DataFrame, part: pd.DataFrame, params: Params) -> None:
    """Make NaN what tells of few patients in the rows `part` of one data set."""
    cohorts = list(params.datasets.stays)
    hidden = protected_of(params, cohorts).hidden
    dataset = str(part["dataset"].iloc[0])
    column = ALL if params.folds(dataset) else "test"
    series.loc[part.index[part["patients"] < FEWEST], ["count", "share"]] = np.nan
    for (_, k), bars in part.groupby(["method", "class"]):
        if (dataset, f"class_{k}", column) in hidden:
            series.loc[bars.index, "share"] = np.nan
            series.loc[bars.index[bars["set"] == "all"], "count"] = np.nan
        _hide_rest(series, bars)


def _hide_rest(series: pd.DataFrame, bars: pd.DataFrame) -> None:
    """Hide changes of a class until enough patients of it are in no shown one."""
    whole = bars[bars["set"] == "all"]
    if series.loc[whole.index, "count"].isna().all():
        return
    for place in bars[bars["set"] != "all"].sort_values("patients").index:
        shown = series.loc[bars.index].dropna(subset="count")
        changed = shown.loc[shown["set"] != "all", "patients"].sum()
        if whole["patients"].iloc[0] - changed >= FEWEST:
            return
        series.loc[place, ["count", "share"]] = np.nan


def shown(series: pd.DataFrame) -> pd.DataFrame:
    """The rows whose count may be shown."""
    return series[series["count"].notna()].reset_index(drop=True)


def class_bars(series: pd.DataFrame, params: Params, title: str) -> Figure:
    """Bars per true class; a row per data set, a column per method."""
    if series.empty:
        return said_in_words(f"{title}: there are no runs of a classification.")
    datasets = list(dict.fromkeys(series["dataset"]))
    figure, axes = panels(len(datasets), len(METHODS), 2.5)
    for row, dataset in zip(axes, datasets, strict=True):
        for axis, method in zip(row, METHODS, strict=True):
            part = series[(series["dataset"] == dataset) & (series["method"] == method)]
            _bars(axis, part, _unsaid(params, part))
            axis.set_title(panel_title(params, part))
        row[0].set_ylabel("test stays")
    shared_legend(figure)
    n = int(series["n"].max())
    figure.suptitle(
        f"{title}\n(mean of {n} seeds; counts below {MINIMUM} are not shown)"
    )
    return figure


def _rows(params: Params, address: str) -> Iterator[tuple[object, ...]]:
    run = trained_run(params, address)
    before, titles = run.predictions(run.report.fusion), params.dataset(run.dataset)
    truth = before.y.astype(np.int64)
    was_right = before.chosen == truth
    for method in METHODS:
        after = run.predictions(method)
        refuse_unpaired(after, before)
        is_right = after.chosen == truth
        members = {
            "all": np.ones_like(is_right),
            "corrected": is_right & ~was_right,
            "newly wrong": was_right & ~is_right,
        }
        about = (run.dataset, run.simulated, method, params.names[method])
        for name, chosen in members.items():
            for k, shown in enumerate(titles.classes):
                count = _mean_count(chosen[:, truth == k])
                share = 100 * count / max(int((truth == k).sum()), 1)
                people = _mean_people(chosen[:, truth == k], before.group[truth == k])
                yield (*about, k, shown, name, count, share, len(after.seeds), people)


def _mean_count(chosen: Bool[np.ndarray, "seeds samples"]) -> float:
    """Number of chosen samples, mean over seeds."""
    return float(chosen.sum(axis=1).mean())


def _mean_people(chosen: Bool[np.ndarray, "seeds samples"], group: np.ndarray) -> float:
    """Number of patients of the chosen samples, mean over seeds."""
    return float(np.mean([len(np.unique(group[own])) for own in chosen]))


def _unsaid(params: Params, part: pd.DataFrame) -> str:
    """What stands for a hidden count: of real patients it need not be a small one."""
    about = (str(part["dataset"].iloc[0]), bool(part["simulated"].iloc[0]))
    return "·" if protects(params, about[0], simulated=about[1]) else f"<{MINIMUM}"


def _bars(axis: Axes, part: pd.DataFrame, unsaid: str) -> None:
    for k, name in enumerate(SETS):
        bars = part[part["set"] == name]
        position = bars["class"].to_numpy() + (k - 1) * BAR
        counts = bars["count"].to_numpy()
        heights = np.nan_to_num(counts)
        axis.bar(position, heights, width=BAR, color=COLORS[name], label=name)
        for x, count, height in zip(position, counts, heights, strict=True):
            text = unsaid if np.isnan(count) else f"{count:.0f}"
            axis.text(x, height, text, ha="center", va="bottom", fontsize=6.5)
    titles = bars.drop_duplicates("class")["length"].tolist()
    axis.set_xticks(range(len(titles)), titles, fontsize=7.5)
    axis.grid(axis="x", visible=False)
    axis.margins(y=0.12)
