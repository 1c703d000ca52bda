"""Figure 1 (text alone against all modalities) and the first weights."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro import paths
from repro.figures.canvas import GRAY, PALETTE, heading, panels
from repro.files import read_json, read_table
from repro.params import Params
from repro.results.runs import best_unimodal, group_run, seed_metrics

FIGURE1_METRICS = {"acc5": "Acc-5", "acc2_has0": "Acc-2", "f1_has0": "weighted F1"}
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def figure1_series(params: Params) -> pd.DataFrame:
    """Acc-5, Acc-2 and weighted F1 of the text model and of the MoE, over seeds.

    Where a data set has no text, the best unimodal model on valid stands in.
    """
    rows = []
    for dataset in params.datasets:
        unimodal = group_run(params, "unimodal", dataset)
        names = unimodal.report["data"]["modalities"]
        single = "text" if "text" in names else best_unimodal(unimodal)
        moe = group_run(params, "moe", dataset)
        for run, method, name in (
            (unimodal, single, f"{single} only"),
            (moe, "moe", f"{params.names['moe']}, {len(names)} modalities"),
        ):
            found = seed_metrics(run.predictions(method))
            for metric, shown in FIGURE1_METRICS.items():
                about = (dataset, run.simulated, method, name, metric)
                label = f"{heading(dataset, run.simulated)}, {name}, {shown}"
                values = found[metric]
                rows.append((*about, label, values.mean, values.sd, values.n))
    columns = ["dataset", "simulated", "method", "name", "metric", "label"]
    return pd.DataFrame(rows, columns=[*columns, "mean", "sd", "n"])


def figure1(series: pd.DataFrame) -> Figure:
    """Bars with one sd, a panel per data set."""
    datasets = list(dict.fromkeys(series["dataset"]))
    figure, axes = panels(1, len(datasets), 2.7, share_y=True)
    for axis, dataset in zip(axes[0], datasets, strict=True):
        part = series[series["dataset"] == dataset]
        for k, (_, bars) in enumerate(part.groupby("method", sort=False)):
            _bars(axis, bars, k)
        axis.set_title(heading(dataset, bool(part["simulated"].iloc[0])))
        axis.set_xticks(range(len(FIGURE1_METRICS)), list(FIGURE1_METRICS.values()))
        axis.grid(axis="x", visible=False)
        axis.set_ylim(0, 112)
        axis.legend(loc="upper left", ncols=2, columnspacing=1.2)
    axes[0, 0].set_ylabel("percent")
    n = int(series["n"].min())
    figure.suptitle(f"Figure 1. Text alone against all modalities (sd of {n} seeds)")
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


def initial_weights_series(params: Params) -> pd.DataFrame:
    """Quantiles over train instances of the weights that retraining starts from.

    Averaged over seeds; zeros, which mark absent modalities, are left out.
    """
    rows = []
    for dataset in params.datasets:
        folder = paths.run(dataset, "weights")
        simulated = bool(read_json(folder / "report.json")["data"]["simulated"])
        weights = read_table(folder / "initial.parquet")
        weights = weights[weights["split"] == "train"]
        for column in [c for c in weights.columns if c.startswith("w_")]:
            present = weights[weights[column] > 0]
            found = present.groupby("seed")[column].quantile(QUANTILES).unstack().mean()
            modality = column.removeprefix("w_")
            label = f"{heading(dataset, simulated)}, {modality}"
            rows.append((dataset, simulated, modality, label, *found))
    names = [f"q{round(100 * q):02d}" for q in QUANTILES]
    return pd.DataFrame(
        rows, columns=["dataset", "simulated", "modality", "label", *names]
    )


def initial_weights(series: pd.DataFrame) -> Figure:
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
        axis.axhline(1.0, color=GRAY, linewidth=0.9, linestyle="--", zorder=0)
        drawn = axis.bxp(boxes, widths=0.5, patch_artist=True, showfliers=False)
        for k, box in enumerate(drawn["boxes"]):
            box.set(facecolor=PALETTE[k % len(PALETTE)], alpha=0.85)
        for line in drawn["medians"]:
            line.set(color="black", linewidth=1.4)
        axis.set_title(heading(dataset, bool(part["simulated"].iloc[0])))
        axis.grid(axis="x", visible=False)
    axes[0, 0].set_ylabel("weight of the modality")
    figure.suptitle(
        "First weights W₀ of train instances: median, quartiles, 5th and 95th "
        "percentile\n(dashed: uniform)"
    )
    return figure
