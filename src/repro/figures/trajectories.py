"""Figure 3: how the modality weights move over the epochs of the retraining."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro import paths
from repro.figures.canvas import GRAY, PALETTE, heading, panels, shared_legend
from repro.files import read_table
from repro.params import Params
from repro.results import cell_run, cells_of

METHODS = ("instance", "bi_level")
VALUES = ("mean", "lower", "upper")


def trajectories(params: Params) -> pd.DataFrame:
    """Mean and quartiles of the train weights per epoch, averaged over seeds."""
    tables = []
    for dataset in params.datasets:
        for key, cell in cells_of(params, "btw", dataset).items():
            if cell.method not in METHODS:
                continue
            run = cell_run(params, "btw", key)
            table = read_table(paths.run(dataset, run.folder) / "trajectory.parquet")
            table = table[(table["split"] == "train")]
            by = ["modality", "epoch"]
            means = table.groupby(by, sort=False)[list(VALUES)].mean().reset_index()
            about = {"dataset": dataset, "simulated": run.simulated}
            name = params.names[cell.method]
            n = table["seed"].nunique()
            tables.append(means.assign(**about, method=cell.method, name=name, n=n))
    return pd.concat(tables, ignore_index=True)


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
    figure, axes = panels(len(datasets), len(METHODS), 2.2)
    for row, dataset in zip(axes, datasets, strict=True):
        for axis, method in zip(row, METHODS, strict=True):
            part = series[(series["dataset"] == dataset) & (series["method"] == method)]
            if part.empty:
                axis.set_axis_off()
                continue
            _lines(axis, part)
            title = heading(dataset, bool(part["simulated"].iloc[0]))
            axis.set_title(f"{title}, {part['name'].iloc[0]}")
        row[0].set_ylabel("weight on train")
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
    shared_legend(figure)
    n = int(series["n"].max())
    figure.suptitle(f"Figure 3. Weights over epochs (mean and quartiles; {n} seeds)")
    return figure


def _lines(axis: Axes, part: pd.DataFrame) -> None:
    axis.axhline(1.0, color=GRAY, linewidth=0.9, linestyle="--", zorder=0)
    for k, (modality, line) in enumerate(part.groupby("modality", sort=False)):
        color = PALETTE[k % len(PALETTE)]
        line = line.sort_values("epoch")
        axis.fill_between(
            line["epoch"], line["lower"], line["upper"], color=color, alpha=0.13, lw=0
        )
        axis.plot(line["epoch"], line["mean"], color=color, label=modality)
