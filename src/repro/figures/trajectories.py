"""Lines of modality weights over the epochs of the retraining."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.canvas import (
    GRAY,
    PALETTE,
    equal_weight,
    panel_title,
    panels,
    shared_legend,
)
from repro.params import Params
from repro.results.runs import Run, trained_run

METHODS = ("instance", "bi_level")
VALUES = ("mean", "lower", "upper")


def trajectories(params: Params, runs: Sequence[str]) -> pd.DataFrame:
    """Mean and quartiles of the train weights per epoch, over seeds and folds."""
    found = [trained_run(params, address) for address in runs]
    tables = [_trajectory(params, run, method) for run in found for method in METHODS]
    return pd.concat(tables, ignore_index=True)


def _trajectory(params: Params, run: Run, method: str) -> pd.DataFrame:
    table = run.read("trajectory")
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


def weight_lines(series: pd.DataFrame, params: Params, title: str) -> Figure:
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
            equal = equal_weight(params, part["modality"].nunique())
            _lines(axis, part, colors, equal)
            axis.set_title(panel_title(params, part))
        row[0].set_ylabel("weight on train")
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
    shared_legend(figure)
    n = int(series["n"].max())
    figure.suptitle(f"{title} (mean and quartiles; {n} seeds)")
    return figure


def _colors(series: pd.DataFrame) -> dict[str, str]:
    """One color per modality in all panels; the last data set takes its first."""
    by_dataset = [part for _, part in series.groupby("dataset", sort=False)]
    names = [name for part in reversed(by_dataset) for name in part["modality"]]
    return {
        name: PALETTE[k % len(PALETTE)] for k, name in enumerate(dict.fromkeys(names))
    }


def _lines(
    axis: Axes, part: pd.DataFrame, colors: dict[str, str], equal: float
) -> None:
    axis.axhline(equal, color=GRAY, linewidth=0.9, linestyle="--", zorder=0)
    for modality, line in part.groupby("modality", sort=False):
        color = colors[str(modality)]
        line = line.sort_values("epoch")
        axis.fill_between(
            line["epoch"], line["lower"], line["upper"], color=color, alpha=0.13, lw=0
        )
        axis.plot(line["epoch"], line["mean"], color=color, label=modality)
