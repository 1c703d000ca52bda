"""Which instances of a regression the weights put right, and which wrong."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import gaussian_kde

from repro.figures.canvas import GRAY, PALETTE, heading, panel_title, panels
from repro.metrics.regression import rounded_class
from repro.params import Params
from repro.results.runs import Run, refuse_unpaired, trained_run
from repro.results.small_cells import FEWEST

METHODS = ("instance", "bi_level")
SETS = ("all", "corrected", "newly wrong")
COLORS = {"all": GRAY, "corrected": PALETTE[0], "newly wrong": PALETTE[1]}
SCORES = np.linspace(-3.0, 3.0, 81)
MANY = 2000  # points from which on a scatter is drawn as an image inside the svg


def changes(
    params: Params, runs: Sequence[str], methods: Sequence[str] = METHODS
) -> pd.DataFrame:
    """One row per test instance and seed: true score, error change, class change.

    `change` is |error of the unweighted model| - |error of the weighted one|: positive
    means that the weights improved the prediction. `corrected` and `newly_wrong` tell
    whether the 7-class label became right or wrong.
    """
    tables = []
    for address in runs:
        run = trained_run(params, address)
        for method in methods:
            table = _changes_of(run, method)
            tables.append(table.assign(name=params.names[method]))
    return pd.concat(tables, ignore_index=True)


def _changes_of(run: Run, method: str) -> pd.DataFrame:
    before, after = run.predictions(run.report.fusion), run.predictions(method)
    refuse_unpaired(after, before)
    change = -(after.error - before.error)
    truth = rounded_class(before.y, 3)
    right_before = np.array([rounded_class(p, 3) == truth for p in before.prediction])
    right_after = np.array([rounded_class(p, 3) == truth for p in after.prediction])
    seeds, count = change.shape
    return pd.DataFrame(
        {
            "dataset": run.dataset,
            "simulated": run.simulated,
            "method": method,
            "seed": np.repeat(before.seeds, count),
            "id": np.tile(before.id, seeds),
            "y": np.tile(before.y, seeds),
            "change": change.ravel(),
            "corrected": (right_after & ~right_before).ravel(),
            "newly_wrong": (right_before & ~right_after).ravel(),
        }
    )


def density(values: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " scores"]:
    """Gaussian kernel density on `SCORES`; NaN where fewer than two values differ.

    >>> bool(np.isnan(density(np.array([1.0, 1.0]))).all())
    True
    """
    if len(np.unique(values)) < 2:
        return np.full(len(SCORES), np.nan)
    return gaussian_kde(values)(SCORES)


def densities(params: Params, rows: pd.DataFrame) -> pd.DataFrame:
    """Density of the true score for all, corrected and newly wrong instances.

    Pooled over seeds: an instance counts once for every seed that changed it. Of
    people's own data, a set of fewer than `FEWEST` instances has none, and no `n`.
    """
    tables = []
    by = ["dataset", "method"]
    for (dataset, method), part in rows.groupby(by, sort=False):
        chosen = {
            "all": part,
            "corrected": part[part["corrected"]],
            "newly wrong": part[part["newly_wrong"]],
        }
        for name, members in chosen.items():
            is_shown = params.plants(str(dataset)) or members["id"].nunique() >= FEWEST
            values = members["y"].to_numpy() if is_shown else np.empty(0)
            table = pd.DataFrame({"score": SCORES, "density": density(values)})
            about = {"dataset": dataset, "method": method, "set": name}
            about |= {"simulated": part["simulated"].iloc[0]}
            about |= {"name": part["name"].iloc[0], "n": len(members)}
            about |= {} if is_shown else {"n": np.nan}
            tables.append(table.assign(**about))
    return pd.concat(tables, ignore_index=True)


def density_columns(series: pd.DataFrame) -> pd.DataFrame:
    """One row per score, one column per data set, method and set of instances."""
    names = series["set"].str.replace(" ", "_")
    column = series["dataset"] + "_" + series["method"] + "_" + names
    wide = series.assign(column=column).pivot(
        index="score", columns="column", values="density"
    )
    return wide[list(dict.fromkeys(column))].reset_index()


def density_curves(series: pd.DataFrame, params: Params, title: str) -> Figure:
    """Density curves; a row per data set, a column per method."""
    datasets = list(dict.fromkeys(series["dataset"]))
    figure, axes = panels(len(datasets), len(METHODS), 2.3)
    for row, dataset in zip(axes, datasets, strict=True):
        for axis, method in zip(row, METHODS, strict=True):
            part = series[(series["dataset"] == dataset) & (series["method"] == method)]
            if part.empty:
                axis.set_axis_off()
                continue
            _curves(axis, part)
            axis.set_title(panel_title(params, part))
        row[0].set_ylabel("density")
    for axis in axes[-1]:
        axis.set_xlabel("true score")
    figure.suptitle(f"{title}\n(n: instances times seeds)")
    return figure


def _curves(axis: Axes, part: pd.DataFrame) -> None:
    for name in SETS:
        curve = part[part["set"] == name]
        drawn, n = curve["density"].notna().all(), curve["n"].iloc[0]
        if np.isnan(n):
            label = f"{name} (fewer than {FEWEST} instances)"
        else:
            label = f"{name} (n = {n:.0f}{'' if drawn else ', no density'})"
        axis.plot(curve["score"], curve["density"], color=COLORS[name], label=label)
        if drawn:
            axis.fill_between(
                curve["score"], curve["density"], color=COLORS[name], alpha=0.1, lw=0
            )
    axis.set_ylim(bottom=0, top=axis.get_ylim()[1] * 1.5)
    legend = axis.legend(loc="upper left", fontsize=7.5, labelspacing=0.3)
    # Long labels must not shrink the panels to nothing.
    legend.set_in_layout(False)


def error_changes(params: Params, rows: pd.DataFrame) -> pd.DataFrame:
    """One row per test instance: error change averaged over seeds.

    `mistake`: the 7-class label became wrong in more seeds than it became right. Of
    people's own data, one row per class of the true score: the mean of at least
    `FEWEST` instances, so that no label of one of them stands in a tracked file.
    """
    by = ["dataset", "simulated", "method", "name", "id"]
    found = rows.groupby(by, sort=False, as_index=False).agg(
        y=("y", "first"),
        change=("change", "mean"),
        right=("corrected", "sum"),
        wrong=("newly_wrong", "sum"),
    )
    found["mistake"] = found["wrong"] > found["right"]
    # Without ids, and not in the order of the files: they are of people.
    found = found.sort_values([*by[:-1], "y", "change"], ignore_index=True)
    found = found.drop(columns=["right", "wrong", "id"])
    parts = [
        part if params.plants(str(dataset)) else _binned(part)
        for dataset, part in found.groupby("dataset", sort=False)
    ]
    return pd.concat(parts, ignore_index=True)


def _binned(points: pd.DataFrame) -> pd.DataFrame:
    """Mean change by class of the true score; one row without, where all are small."""
    by = [name for name in points.columns if name not in ("y", "change")]
    classes = points.assign(y=rounded_class(points["y"].to_numpy(), 3) + 0.0)
    bins = classes.groupby([*by, "y"], as_index=False).agg(
        change=("change", "mean"), n=("change", "size")
    )
    shown = bins[bins["n"] >= FEWEST]
    if shown.empty:
        shown = bins.iloc[:1].assign(y=np.nan, change=np.nan, mistake=False)
    return shown[list(points.columns)]


def change_points(series: pd.DataFrame, params: Params, title: str) -> Figure:
    """Scatter of the error change against the true score, a panel per data set."""
    datasets = list(dict.fromkeys(series["dataset"]))
    figure, axes = panels(1, len(datasets), 2.9, share_y=True)
    for axis, dataset in zip(axes[0], datasets, strict=True):
        part = series[series["dataset"] == dataset]
        _points(axis, part, is_binned=not params.plants(dataset))
        axis.set_title(heading(params, dataset, bool(part["simulated"].iloc[0])))
        binned = f", means of {FEWEST} instances or more"
        axis.set_xlabel("true score" + ("" if params.plants(dataset) else binned))
    axes[0, 0].set_ylabel("change of |error|\n(positive: improved)")
    name = series["name"].iloc[0]
    figure.suptitle(
        f"{title}. {name}: error of the MoE minus error with weights, mean over seeds"
    )
    return figure


def _points(axis: Axes, part: pd.DataFrame, *, is_binned: bool) -> None:
    what = "means" if is_binned else "n"
    axis.axhline(0.0, color=GRAY, linewidth=0.9)
    for mistake, label in ((False, "other"), (True, "newly wrong 7-class label")):
        chosen = part[part["mistake"] == mistake]
        axis.scatter(
            chosen["y"],
            chosen["change"],
            s=13 if mistake else 9,
            color=PALETTE[1] if mistake else PALETTE[0],
            alpha=0.8 if mistake else 0.4,
            linewidths=0,
            label=f"{label} ({what} = {chosen['y'].notna().sum()})",
            rasterized=len(part) > MANY,
        )
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.22 * (high - low))
    axis.legend(loc="upper left", handletextpad=0.2)
