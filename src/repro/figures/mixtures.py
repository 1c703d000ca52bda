"""Weights of interaction experts on test, and scores of each expert alone."""

from collections.abc import Iterator, Sequence
from itertools import cycle

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import gaussian_kde

from repro.figures.canvas import (
    GRAY,
    PALETTE,
    heading,
    panels,
    said_in_words,
    shared_legend,
)
from repro.metrics.bootstrap import summary
from repro.metrics.scores import known_metric
from repro.params import Params
from repro.results.mixtures import SCORED, Mixture, mixture_of, scores_alone
from repro.results.runs import Run
from repro.results.small_cells import FEWEST
from repro.tables.i2moe_cells import BACKBONE, FULL, GROUP, first_lines, row_run

POINTS = 41  # of a density
ALL_SEEDS = "all"
MIXTURE = "mixture"
ALIKE = ("majority", "constant")  # rows of one answer for all
ACROSS = 2  # panels side by side
WIDEST = 0.42  # half of a violin, in units of the distance of two experts


def mixtures(params: Params) -> Iterator[tuple[str, Run, Mixture]]:
    """Key, run and experts of the concat transformer, for every cell that has them."""
    for key in params.cells.get(GROUP, {}):
        run = row_run(params, key, FULL)
        if run is not None and BACKBONE in run.report.methods:
            yield key, run, mixture_of(run, BACKBONE)


def weight_series(params: Params) -> pd.DataFrame:
    """Density of the weights of every expert over test rows, by seed and of all seeds.

    `weight` runs from the least to the greatest; `mean` is that of the rows. Of real
    data `FEWEST` rows at least lie at either end and beyond.
    """
    tables = []
    for _, run, found in mixtures(params):
        parts = {str(s): w for s, w in zip(found.seeds, found.weights, strict=True)}
        parts[ALL_SEEDS] = found.weights.reshape(-1, len(found.experts))
        for seed, weights in parts.items():
            least = 1 if run.simulated else FEWEST * len(weights) // len(found.y)
            for e, expert in enumerate(found.experts):
                table = density(weights[:, e], least)
                about = {"dataset": run.dataset, "simulated": run.simulated}
                about |= {"expert": expert, "seed": seed}
                tables.append(table.assign(**about, mean=weights[:, e].mean()))
    names = ["dataset", "simulated", "expert", "seed", "weight", "density", "mean"]
    return pd.concat(tables)[names] if tables else pd.DataFrame(columns=names)


def density(values: Float[np.ndarray, " rows"], least: int = 1) -> pd.DataFrame:
    """Gaussian kernel density between the `least`-th value from below and from above.

    A single value has a density of 1 there and nowhere else; too few for both ends
    have one at their mean, and fewer than `least` none at all.

    >>> density(np.array([0.25, 0.25]))["weight"].tolist()
    [0.25]
    """
    if len(values) < 2 * least:
        mean = [values.mean()] if len(values) >= least else []
        return pd.DataFrame({"weight": mean, "density": np.ones(len(mean))})
    low, high = np.sort(values)[[least - 1, -least]]
    if high - low < 1e-9:
        return pd.DataFrame({"weight": [low], "density": [1.0]})
    grid = np.linspace(low, high, POINTS)
    return pd.DataFrame({"weight": grid, "density": gaussian_kde(values)(grid)})


def expert_colors(experts: Sequence[str]) -> list[str]:
    """A color per expert; synergy and redundancy have theirs in every panel.

    >>> expert_colors(["unique_text", "synergy"]) == [PALETTE[0], PALETTE[3]]
    True
    """
    *first, synergy, redundancy, last = PALETTE
    kept = {"synergy": synergy, "redundancy": redundancy}
    others = cycle([*first, last])
    return [kept[name] if name in kept else next(others) for name in experts]


def weight_violins(series: pd.DataFrame, params: Params, title: str) -> Figure:
    """A panel per data set: a violin per expert, a line per seed, means marked."""
    if series.empty:
        return said_in_words(f"{title}: no cell trains interaction experts.")
    figure, axes = _grid(series, 2.6)
    for axis, (dataset, part) in zip(axes, _by_dataset(series), strict=False):
        experts = list(dict.fromkeys(part["expert"]))
        colors = expert_colors(experts)
        for e, expert in enumerate(experts):
            own = part[part["expert"] == expert]
            _violin(axis, own, float(e), colors[e])
        axis.axhline(1 / len(experts), color=GRAY, linestyle="--", linewidth=0.8)
        _experts_across(axis, experts)
        axis.set_title(heading(params, dataset, bool(part["simulated"].iloc[0])))
        axis.set_ylabel("weight of the expert")
        axis.set_ylim(bottom=0)
    figure.suptitle(title)
    return figure


def _violin(axis: Axes, own: pd.DataFrame, place: float, color: str) -> None:
    """The rows of all seeds filled, each seed a line; dot and ticks are means."""
    for seed, part in own.groupby("seed", sort=False):
        weight, wide = part["weight"].to_numpy(), part["density"].to_numpy()
        half = WIDEST * wide / wide.max()
        mean = float(part["mean"].iloc[0])
        if seed == ALL_SEEDS:
            axis.fill_betweenx(
                weight, place - half, place + half, color=color, alpha=0.3
            )
            axis.plot(place, mean, "o", color="black", markersize=4, zorder=3)
            continue
        for side in (-half, half):
            axis.plot(place + side, weight, color=color, linewidth=0.6, alpha=0.8)
        axis.hlines(mean, place - 0.1, place + 0.1, color="black", linewidth=0.8)


def alone_series(params: Params) -> pd.DataFrame:
    """Score of each expert alone, of the mixture and of one answer, over seeds."""
    rows = []
    for key, run, found in mixtures(params):
        metric = SCORED[run.report.data.task]
        scores = scores_alone(run, found)
        first = first_lines(params, key)[0]
        told = first.predictions
        scores[first.row] = np.array(
            [first.run.score.compute(p, told.y)[metric] for p in told.prediction]
        )
        for name, values in scores.items():
            of_seeds = summary(values)
            about = (run.dataset, run.simulated, metric, name)
            label = f"{run.dataset}, {name.replace('_', ' ')}"
            rows.append((*about, label, of_seeds.mean, of_seeds.sd, of_seeds.n))
    names = ["dataset", "simulated", "metric", "expert", "label", "mean", "sd", "n"]
    return pd.DataFrame(rows, columns=names)


def alone_bars(series: pd.DataFrame, params: Params, title: str) -> Figure:
    """A panel per data set: a bar per expert, the mixture and one answer as lines."""
    if series.empty:
        return said_in_words(f"{title}: no cell trains interaction experts.")
    figure, axes = _grid(series, 2.4)
    for axis, (dataset, part) in zip(axes, _by_dataset(series), strict=False):
        found = part.set_index("expert")
        (alike,) = (name for name in ALIKE if name in found.index)
        experts = found.drop(index=[MIXTURE, alike])
        axis.bar(
            np.arange(len(experts)),
            experts["mean"],
            width=0.6,
            yerr=experts["sd"].fillna(0.0),
            color=expert_colors(list(experts.index)),
            error_kw={"elinewidth": 1.0, "capsize": 2.5, "ecolor": "#333333"},
        )
        level = found["mean"]
        axis.axhline(level[MIXTURE], color="#C00000", label="mixture (I2MoE)")
        axis.axhline(
            level[alike], color=GRAY, linestyle="--", label=params.names[alike]
        )
        _experts_across(axis, list(experts.index))
        axis.set_title(heading(params, dataset, bool(part["simulated"].iloc[0])))
        metric = known_metric(str(part["metric"].iloc[0]))
        axis.set_ylabel(f"{metric.title if metric else 'score'} (%)")
    shared_legend(figure)
    figure.suptitle(title)
    return figure


def _experts_across(axis: Axes, experts: list[str]) -> None:
    shown = [name.replace("unique_", "unique\n") for name in experts]
    axis.set_xticks(range(len(experts)), shown, fontsize=7.5 if len(shown) < 6 else 6)
    axis.set_xlim(-0.6, len(experts) - 0.4)
    axis.grid(axis="x", visible=False)


def _by_dataset(series: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for dataset, part in series.groupby("dataset", sort=False):
        yield str(dataset), part


def _grid(series: pd.DataFrame, height: float) -> tuple[Figure, list[Axes]]:
    """Axes for every data set; those that are left over are not shown."""
    count = series["dataset"].nunique()
    columns = min(ACROSS, count)
    figure, axes = panels(-(-count // columns), columns, height)
    every = list(axes.ravel())
    for axis in every[count:]:
        axis.set_axis_off()
    return figure, every
