"""Bars of scores and boxes of weights, a panel per data set."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.canvas import GRAY, PALETTE, equal_weight, heading, panels
from repro.params import Params
from repro.results.runs import best_modality, seed_metrics, trained_run

SHOWN = {"acc5": "Acc-5", "acc2_has0": "Acc-2", "f1_has0": "weighted F1"}
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def score_series(params: Params, runs: Sequence[str]) -> pd.DataFrame:
    """Acc-5, Acc-2 and weighted F1 of the text model and of the fusion, over seeds.

    Where a data set has no text, the best unimodal model on valid stands in.
    """
    rows = []
    for address in runs:
        run = trained_run(params, address)
        names, fusion = run.report.data.modalities, run.report.fusion
        single = "text" if "text" in names else best_modality(run)
        for method, name in (
            (single, f"{single} only"),
            (fusion, f"{params.names[fusion]}, {len(names)} modalities"),
        ):
            found = seed_metrics(run.score, run.predictions(method))
            for metric, shown in SHOWN.items():
                about = (run.dataset, run.simulated, method, name, metric)
                title = heading(params, run.dataset, run.simulated)
                label = f"{title}, {name}, {shown}"
                values = found[metric]
                rows.append((*about, label, values.mean, values.sd, values.n))
    columns = ["dataset", "simulated", "method", "name", "metric", "label"]
    return pd.DataFrame(rows, columns=[*columns, "mean", "sd", "n"])


def score_bars(series: pd.DataFrame, params: Params, title: str) -> Figure:
    """Bars with one sd, a panel per data set."""
    datasets = list(dict.fromkeys(series["dataset"]))
    figure, axes = panels(1, len(datasets), 2.7, share_y=True)
    for axis, dataset in zip(axes[0], datasets, strict=True):
        part = series[series["dataset"] == dataset]
        for k, (_, bars) in enumerate(part.groupby("method", sort=False)):
            _bars(axis, bars, k)
        axis.set_title(heading(params, dataset, bool(part["simulated"].iloc[0])))
        axis.set_xticks(range(len(SHOWN)), list(SHOWN.values()))
        axis.grid(axis="x", visible=False)
        axis.set_ylim(0, 112)
        axis.legend(loc="upper left", ncols=2, columnspacing=1.2)
    axes[0, 0].set_ylabel("percent")
    n = int(series["n"].min())
    figure.suptitle(f"{title} (sd of {n} seeds)")
    return figure


def _bars(axis: Axes, bars: pd.DataFrame, k: int) -> None:
    position = np.arange(len(bars)) + (k - 0.5) * 0.38
    means = bars["mean"].to_numpy()
    axis.bar(
        position,
        means,
        width=0.36,
        yerr=bars["sd"].fillna(0.0).to_numpy(),
        color=PALETTE[k],
        error_kw={"elinewidth": 1.0, "capsize": 2.5, "ecolor": "#333333"},
        label=bars["name"].iloc[0],
    )
    for x, mean in zip(position, means, strict=True):
        axis.text(x, 2, f"{mean:.1f}", ha="center", color="white", fontsize=8)


def first_weights(params: Params, runs: Sequence[str]) -> pd.DataFrame:
    """Quantiles over train instances of the weights that retraining starts from.

    Averaged over seeds; zeros, which mark absent modalities, are left out.
    """
    rows = []
    for address in runs:
        run = trained_run(params, address)
        dataset, simulated = run.dataset, run.simulated
        weights = run.read("initial")
        weights = weights[weights["split"] == "train"]
        for column in [c for c in weights.columns if c.startswith("w_")]:
            present = weights[weights[column] > 0]
            found = present.groupby("seed")[column].quantile(QUANTILES).unstack().mean()
            modality = column.removeprefix("w_")
            label = f"{heading(params, dataset, simulated)}, {modality}"
            rows.append((dataset, simulated, modality, label, *found))
    names = [f"q{round(100 * q):02d}" for q in QUANTILES]
    return pd.DataFrame(
        rows, columns=["dataset", "simulated", "modality", "label", *names]
    )


def weight_boxes(series: pd.DataFrame, params: Params, title: str) -> Figure:
    """Boxes from the quantiles, a panel per data set."""
    datasets = list(dict.fromkeys(series["dataset"]))
    figure, axes = panels(1, len(datasets), 2.5, share_y=True)
    for axis, dataset in zip(axes[0], datasets, strict=True):
        part = series[series["dataset"] == dataset]
        boxes = [
            {
                "label": row.modality,
                "whislo": row.q05,
                "q1": row.q25,
                "med": row.q50,
                "q3": row.q75,
                "whishi": row.q95,
                "fliers": [],
            }
            for row in part.itertuples()
        ]
        equal = equal_weight(params, len(part))
        axis.axhline(equal, color=GRAY, linewidth=0.9, linestyle="--", zorder=0)
        drawn = axis.bxp(boxes, widths=0.5, patch_artist=True, showfliers=False)
        for k, box in enumerate(drawn["boxes"]):
            box.set(facecolor=PALETTE[k % len(PALETTE)], alpha=0.85)
        for line in drawn["medians"]:
            line.set(color="black", linewidth=1.4)
        axis.set_title(heading(params, dataset, bool(part["simulated"].iloc[0])))
        axis.grid(axis="x", visible=False)
    axes[0, 0].set_ylabel("weight of the modality")
    figure.suptitle(title)
    return figure
