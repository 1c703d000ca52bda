"""Figure 3: how the modality weights move over the epochs of the retraining."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro import paths
from repro.figures.canvas import GRAY, PALETTE, panel_title, panels, shared_legend
from repro.files import read_table
from repro.params import Params
from repro.results.runs import Run, cell_run, cells_of, parts_of

METHODS = ("instance", "bi_level")
VALUES = ("mean", "lower", "upper")


def trajectories(params: Params) -> pd.DataFrame:
    """Mean and quartiles of the train weights per epoch, averaged over seeds.

    The clinical cohorts come first; theirs are also averaged over folds.
    """
    sources = [(name, "icu_btw") for name in params.cohorts]
    sources += [(name, "btw") for name in params.datasets]
    tables = []
    for dataset, group in sources:
        for key, cell in cells_of(params, group, dataset).items():
            # A clinical cell has all methods in one run.
            methods = METHODS if group == "icu_btw" else (cell.method,)
            chosen = [method for method in METHODS if method in methods]
            if chosen:
                run = cell_run(params, group, key)
                tables += [_trajectory(params, run, method) for method in chosen]
    return pd.concat(tables, ignore_index=True)


def _trajectory(params: Params, run: Run, method: str) -> pd.DataFrame:
    parts = [
        read_table(paths.run(part, run.folder) / "trajectory.parquet")
        for part in parts_of(run.dataset, run.report)
    ]
    table = pd.concat(parts, ignore_index=True)
    table = table[(table["split"] == "train") & (table["method"] == method)]
    by = ["modality", "epoch"]
    means = table.groupby(by, sort=False)[list(VALUES)].mean().reset_index()
    return means.assign(
        dataset=run.dataset,
        simulated=run.simulated,
        method=method,
        name=params.names[method],
        n=table["seed"].nunique(),
    )


def trajectory_columns(series: pd.DataFrame) -> pd.DataFrame:
    """One row per epoch, one column per data set, method and modality.

    The columns of the quartiles end in _lower and _upper.
    """
    long = series.melt(
        ["dataset", "method", "modality", "epoch"], list(VALUES), "value_of"
    )
    ending = long["value_of"].map({"mean": "", "lower": "_lower", "upper": "_upper"})
    parts = long["dataset"] + "_" + long["method"] + "_" + long["modality"]
    long["column"] = parts + ending
    wide = long.pivot(index="epoch", columns="column", values="value")
    return wide[list(dict.fromkeys(long["column"]))].reset_index()


def figure3(series: pd.DataFrame) -> Figure:
    """Lines with quartile bands; a row per data set, a column per method."""
    datasets = list(dict.fromkeys(series["dataset"]))
    colors = _colors(series)
    figure, axes = panels(len(datasets), len(METHODS), 2.2)
    for row, dataset in zip(axes, datasets, strict=True):
        for axis, method in zip(row, METHODS, strict=True):
            part = series[(series["dataset"] == dataset) & (series["method"] == method)]
            if part.empty:
                axis.set_axis_off()
                continue
            _lines(axis, part, colors)
            simulated, name = bool(part["simulated"].iloc[0]), part["name"].iloc[0]
            axis.set_title(panel_title(dataset, simulated, name))
        row[0].set_ylabel("weight on train")
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
    shared_legend(figure)
    n = int(series["n"].max())
    figure.suptitle(f"Figure 3. Weights over epochs (mean and quartiles; {n} seeds)")
    return figure


def _colors(series: pd.DataFrame) -> dict[str, str]:
    """One color per modality in all panels; sentiment, which stands last, first."""
    by_dataset = [part for _, part in series.groupby("dataset", sort=False)]
    names = [name for part in reversed(by_dataset) for name in part["modality"]]
    return {
        name: PALETTE[k % len(PALETTE)] for k, name in enumerate(dict.fromkeys(names))
    }


def _lines(axis: Axes, part: pd.DataFrame, colors: dict[str, str]) -> None:
    axis.axhline(1.0, color=GRAY, linewidth=0.9, linestyle="--", zorder=0)
    for modality, line in part.groupby("modality", sort=False):
        color = colors[str(modality)]
        line = line.sort_values("epoch")
        axis.fill_between(
            line["epoch"], line["lower"], line["upper"], color=color, alpha=0.13, lw=0
        )
        axis.plot(line["epoch"], line["mean"], color=color, label=modality)
