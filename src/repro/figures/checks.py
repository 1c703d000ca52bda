"""Do the weights know what a modality is worth: added noise, planted truth."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.canvas import (
    GRAY,
    PALETTE,
    heading,
    panel_title,
    panels,
    said_in_words,
    shared_legend,
)
from repro.params import Params
from repro.results.planted import (
    SOURCES,
    areas_of,
    ceilings_of,
    told,
    weights_beside_truth,
)
from repro.results.runs import trained_run

SCORED = ("instance", "bi_level")
CROWDED = 4  # modalities from which on numbers stand below each other
EQUAL = "uniform_noise_share"
TRUTH_COLUMNS = [
    "dataset",
    "method",
    "name",
    "modality",
    "label",
    "reliable",
    "unreliable",
    "auroc",
    *SOURCES,
    "n_reliable",
    "n_unreliable",
]


def noise_series(rows: pd.DataFrame) -> pd.DataFrame:
    """Noise modalities by MAE and share of weight: one column per number and method.

    `rows` are those of the table of added noise.
    """
    rows = rows[rows["row"].str.startswith("noise_")]
    rows = rows[rows["metric"].str.endswith(("_mae", "_noise_share"))]
    rows = rows.assign(count=rows["row"].str.removeprefix("noise_").astype(int))
    wide = rows.pivot(
        index=["dataset", "simulated", "count"], columns="metric", values=["mean", "sd"]
    )
    wide.columns = [m if kind == "mean" else f"{m}_sd" for kind, m in wide.columns]
    return wide.dropna(axis="columns", how="all").reset_index()


def noise_lines(series: pd.DataFrame, params: Params, title: str) -> Figure:
    """MAE and share of weight against the number of noise modalities."""
    datasets = list(dict.fromkeys(series["dataset"]))
    figure, axes = panels(len(datasets), 2, 2.6)
    for (left, right), dataset in zip(axes, datasets, strict=True):
        part = series[series["dataset"] == dataset]
        _noise_lines(left, part, "_mae", params.names)
        _noise_lines(right, part, "_noise_share", params.names)
        right.plot(
            part["count"],
            part[EQUAL],
            color=GRAY,
            linestyle="--",
            label=params.names["uniform"],
        )
        shown = heading(params, dataset, bool(part["simulated"].iloc[0]))
        left.set_title(f"{shown}: test MAE")
        right.set_title(f"{shown}: weight on noise")
        for axis in (left, right):
            axis.set_xlabel("noise modalities added")
            axis.set_xticks(sorted(part["count"]))
        right.set_ylim(bottom=0)
    shared_legend(figure)
    figure.suptitle(title)
    return figure


def _noise_lines(
    axis: Axes, part: pd.DataFrame, suffix: str, names: dict[str, str]
) -> None:
    for k, (method, name) in enumerate(names.items()):
        column = f"{method}{suffix}"
        if column == EQUAL or column not in part or part[column].count() < 2:
            continue  # a method that has the row without noise only draws no line
        deviation = part.get(f"{column}_sd")
        axis.errorbar(
            part["count"],
            part[column],
            yerr=None if deviation is None else deviation.fillna(0.0),
            color=PALETTE[k % len(PALETTE)],
            marker="o",
            markersize=4,
            capsize=2.5,
            elinewidth=1.0,
            label=name,
        )


def truth_series(params: Params, runs: Sequence[str]) -> pd.DataFrame:
    """Weight of a modality where it is reliable and where it is pure noise, on test.

    `auroc` is the chance that a reliable instance has the larger weight, averaged over
    seeds; NaN where only one kind occurs. Beside it stand what classifiers that are
    trained on the truth reach, and the exact posterior. Real data sets have no planted
    truth.
    """
    rows: list[tuple] = []  # type: ignore[type-arg]
    for run in (trained_run(params, address) for address in runs):
        if not params.plants(run.dataset):
            continue
        joined, dataset = weights_beside_truth(run), run.dataset
        limits = areas_of(ceilings_of(dataset))
        for method in SCORED:
            name = params.names[method]
            for modality in run.report.data.modalities:
                label = f"{heading(params, dataset, True)}, {name}, {modality}"
                found = told(joined, method, modality)
                area = float(found.areas.mean()) if len(found.areas) else float("nan")
                rows.append(
                    (
                        *(dataset, method, name, modality, label),
                        *(found.reliable, found.unreliable, area),
                        *(limits[modality, source] for source in SOURCES),
                        *(found.n_reliable, found.n_unreliable),
                    )
                )
    return pd.DataFrame(rows, columns=TRUTH_COLUMNS)


def truth_bars(series: pd.DataFrame, params: Params, title: str) -> Figure:
    """Mean weights where reliable and unreliable, with AUROC and ceilings above."""
    if series.empty:
        return said_in_words(
            f"{title}: no data set of this run is simulated, so there is no truth to "
            "compare with."
        )
    datasets = list(dict.fromkeys(series["dataset"]))
    methods = list(dict.fromkeys(series["method"]))
    figure, axes = panels(len(datasets), len(methods), 2.3, share_y=True)
    for row, dataset in zip(axes, datasets, strict=True):
        for axis, method in zip(row, methods, strict=True):
            part = series[(series["dataset"] == dataset) & (series["method"] == method)]
            if part.empty:
                axis.set_axis_off()
                continue
            _pairs_of_bars(axis, part)
            axis.set_title(panel_title(params, part.assign(simulated=True)))
        row[0].set_ylabel("mean weight on test")
    shared_legend(figure)
    figure.suptitle(
        f"{title}\n(upper number: AUROC of the weight, 0.5 is chance; lower: what the "
        "truth allows,\nfrom all predictions / all features / the exact posterior)"
    )
    return figure


def _pairs_of_bars(axis: Axes, part: pd.DataFrame) -> None:
    x = np.arange(len(part), dtype=np.float64)
    pairs = (("reliable", "modality reliable"), ("unreliable", "modality pure noise"))
    for k, (column, label) in enumerate(pairs):
        heights = part[column].fillna(0.0).to_numpy()
        color = PALETTE[k]
        axis.bar(x + (k - 0.5) * 0.36, heights, width=0.34, color=color, label=label)
    tops = part[["reliable", "unreliable"]].max(axis=1).fillna(0.0)
    between = " / " if len(part) < CROWDED else "\n"
    for position, top, (_, row) in zip(x.tolist(), tops, part.iterrows(), strict=True):
        limits = between.join(f"{row[source]:.2f}" for source in SOURCES)
        area = row["auroc"]
        text = "one kind only" if np.isnan(area) else f"{area:.2f}\n{limits}"
        axis.text(position, top + 0.02, text, ha="center", va="bottom", fontsize=7)
    axis.set_xticks(x, part["modality"])
    axis.margins(y=0.28 if len(part) < CROWDED else 0.75)
    axis.grid(axis="x", visible=False)
