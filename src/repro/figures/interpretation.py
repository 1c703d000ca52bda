"""How well explanations name what rows were planted to need, beside the ceiling."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from repro.figures.canvas import (
    GRAY,
    PALETTE,
    heading,
    panels,
    said_in_words,
    shared_legend,
)
from repro.params import Params

TOLD, CEILING = "_told", "ceiling"
# Chance and 1 by construction, and what equals I2MoE.
KNOWN = ("uniform", "oracle_mechanism", "released_losses")
CHANCE = 0.5
COLUMNS = ["dataset", "row", "name", "mechanism", "label", "mean", "sd", "ceiling"]


def told_series(rows: pd.DataFrame) -> pd.DataFrame:
    """AUROC by data set, method and mechanism, with the ceiling of each.

    `rows` are those of the table of the truth; mechanisms that are not learned have
    none. Equal weights, the planted mechanisms and released losses are left out.
    """
    told = rows[rows["metric"].str.endswith(TOLD)]
    told = told.assign(mechanism=told["metric"].str.removesuffix(TOLD))
    parts = (told[column] for column in ("dataset", "name", "mechanism"))
    told = told.assign(label=[", ".join(words) for words in zip(*parts, strict=True)])
    keys = ["dataset", "mechanism"]
    is_limit = told["row"] == CEILING
    limits = told[is_limit].set_index(keys)["mean"].rename("ceiling")
    shown = told[~is_limit & ~told["row"].isin(KNOWN)]
    return shown.join(limits, on=keys)[COLUMNS].reset_index(drop=True)


def told_points(series: pd.DataFrame, params: Params, title: str) -> Figure:
    """A panel per data set: mechanisms across, a point with its sd per method."""
    if series.empty:
        return said_in_words(f"{title}: no mechanism is learned by any model.")
    datasets = list(dict.fromkeys(series["dataset"]))
    figure, axes = panels(len(datasets), 1, 2.0, share_y=True)
    methods = list(dict.fromkeys(series["name"]))
    for axis, dataset in zip(axes[:, 0], datasets, strict=True):
        part = series[series["dataset"] == dataset]
        mechanisms = list(dict.fromkeys(part["mechanism"]))
        place = {name: float(k) for k, name in enumerate(mechanisms)}
        for k, method in enumerate(methods):
            own = part[part["name"] == method]
            moved = 0.6 * ((k + 0.5) / len(methods) - 0.5)
            axis.errorbar(
                own["mechanism"].map(place).to_numpy(np.float64) + moved,
                own["mean"],
                yerr=own["sd"].fillna(0.0),
                color=PALETTE[k % len(PALETTE)],
                marker="o^svD"[k // len(PALETTE) % 5],
                markersize=4,
                linestyle="",
                capsize=2.5,
                elinewidth=1.0,
                label=method,
            )
        for mechanism, limit in part.groupby("mechanism")["ceiling"].first().items():
            x = place[str(mechanism)]
            axis.hlines(limit, x - 0.4, x + 0.4, color=GRAY, label="greatest AUROC")
        axis.axhline(CHANCE, color=GRAY, linestyle="--", linewidth=0.8)
        axis.set_xticks(list(place.values()), mechanisms)
        axis.set_xlim(-0.5, len(mechanisms) - 0.5)
        axis.set_ylabel("AUROC")
        axis.set_title(heading(params, dataset, True))
        axis.grid(axis="x", visible=False)
    shared_legend(figure)
    figure.suptitle(f"{title}\n(dashed: chance; line: what codes and tags allow)")
    return figure
