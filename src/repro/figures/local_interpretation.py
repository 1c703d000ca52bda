"""What interaction experts say of single rows of several labels (I2MoE, local)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from repro.figures.canvas import (
    GRAY,
    PALETTE,
    heading,
    panels,
    said_in_words,
    shared_legend,
)
from repro.figures.mixtures import expert_colors
from repro.params import Params
from repro.records import decoded
from repro.results.runs import Run, trained_run
from repro.results.small_cells import of_patients

FIRST = "first"  # in params: the row that the caption names
SUM = "sum"
COLUMNS = [
    *("dataset", "simulated", "seed", "id", "genre", "expert", "label"),
    *("true", "predicted", "logit", "weight", "part", "prediction_logit"),
]
ACROSS = 4  # panels of genres in a row


@dataclass(frozen=True)
class Explained:
    """What the experts of one seed say of test rows; ids are in ascending order.

    `seed` is the first one. A label is predicted where the logit is above 0, that is
    its probability above a half.
    """

    dataset: str
    simulated: bool
    seed: int
    labels: Sequence[str]
    experts: Sequence[str]
    ids: np.ndarray
    true: Bool[np.ndarray, "rows labels"]
    logits: Float[np.ndarray, "rows experts labels"]
    weights: Float[np.ndarray, "rows experts"]

    @property
    def parts(self) -> Float[np.ndarray, "rows experts labels"]:
        """What every expert adds to the logits of the prediction."""
        return self.weights[:, :, None] * self.logits

    @property
    def predicted(self) -> Bool[np.ndarray, "rows labels"]:
        """Labels that the mixture predicts."""
        return self.parts.sum(axis=1) > 0

    @property
    def right(self) -> Bool[np.ndarray, " rows"]:
        """Rows with some label, of which all labels are rightly predicted."""
        is_alike: np.ndarray = (self.predicted == self.true).all(axis=1)
        return is_alike & self.true.any(axis=1)


def explained(params: Params, address: str) -> Explained:
    """What the fusion that names a run says of test rows, with its first seed.

    Raises:
        ValueError: the run is of real patients, whose rows nobody is shown, or of
            another task, or experts.parquet lacks a row.
    """
    run = trained_run(params, address)
    if of_patients(params, run.dataset, simulated=run.simulated):
        raise ValueError(
            f"{run.folder}: dataset {run.dataset} is of real patients, and a row tells "
            "of one; give a run of other data"
        )
    if run.report.data.task != "multilabel":
        raise ValueError(
            f"{run.folder}: task {run.report.data.task}; give a run of a data set with "
            "several labels a row"
        )
    told = run.predictions(run.report.fusion)
    seed = int(told.seeds[0])
    labels = params.dataset(run.dataset).classes
    experts, values = _said(run, seed, told.id, len(labels))
    return Explained(
        dataset=run.dataset,
        simulated=run.simulated,
        seed=seed,
        labels=labels,
        experts=experts,
        ids=told.id,
        true=decoded(told.y, len(labels)),
        logits=values[..., 1:],
        weights=values[..., 0],
    )


def _said(
    run: Run, seed: int, ids: np.ndarray, labels: int
) -> tuple[list[str], Float[np.ndarray, "rows experts columns"]]:
    """Names of the experts; weight and logits of each for every row."""
    rows = run.read("experts")
    chosen = (rows["seed"] == seed) & (rows["split"] == "test")
    rows = rows[chosen & (rows["method"] == run.report.fusion)]
    experts = list(dict.fromkeys(rows["expert"]))
    columns = ["weight", *(f"logit_{k}" for k in range(labels))]
    index = pd.MultiIndex.from_product([ids, experts])
    found = rows.set_index(["id", "expert"])[columns]
    if found.index.has_duplicates or set(found.index) != set(index):
        raise ValueError(
            f"{run.folder / 'experts.parquet'}: does not hold every test row of "
            "predictions.parquet once for each expert; train the cell again"
        )
    values = found.loc[index].to_numpy(np.float64)
    return experts, values.reshape(len(ids), len(experts), -1)


def row_series(of: Explained, wanted: str = FIRST) -> pd.DataFrame:
    """Logit, weight and part of every expert for the labels of one row.

    Labels are those that it has or is predicted to have. `FIRST` is the smallest id
    that is `right`; if there is none the series is empty.

    Raises:
        ValueError: no test row has the id that is wanted.
    """
    if wanted == FIRST:
        places = np.flatnonzero(of.right)
    else:
        places = np.flatnonzero(of.ids == wanted)
        if not len(places):
            raise ValueError(
                f"params.yaml: explained_row = {wanted!r}: no test row of "
                f"{of.dataset} has this id; give one such as {of.ids[0]!r}, or {FIRST}"
            )
    if not len(places):
        return pd.DataFrame(columns=COLUMNS)
    place = int(places[0])
    shown = np.flatnonzero(of.true[place] | of.predicted[place])
    return pd.DataFrame(_lines(of, place, shown.tolist()), columns=COLUMNS)


def genre_series(of: Explained) -> pd.DataFrame:
    """The same for every label, of the first row that has it and is given it.

    A label that no row rightly gets has no lines.
    """
    lines: list[tuple] = []  # type: ignore[type-arg]
    hits = of.true & of.predicted
    for k in np.flatnonzero(hits.any(axis=0)).tolist():
        lines += _lines(of, int(hits[:, k].argmax()), [k])
    return pd.DataFrame(lines, columns=COLUMNS)


def _lines(of: Explained, place: int, labels: Sequence[int]) -> list[tuple]:  # type: ignore[type-arg]
    about = (of.dataset, of.simulated, of.seed, of.ids[place])
    parts, total = of.parts[place], of.parts[place].sum(axis=0)
    return [
        (
            *(*about, of.labels[k], expert, f"{of.labels[k]}, {titled(expert)}"),
            *(bool(of.true[place, k]), bool(of.predicted[place, k])),
            *(of.logits[place, e, k], of.weights[place, e], parts[e, k], total[k]),
        )
        for k in labels
        for e, expert in enumerate(of.experts)
    ]


def titled(expert: str) -> str:
    """The name of an expert in words.

    >>> titled("unique_text"), titled("synergy")
    ('unique to text', 'synergy')
    """
    kind, _, modality = expert.partition("_")
    return f"{kind} to {modality}" if modality else expert


def row_panels(series: pd.DataFrame, params: Params, title: str) -> Figure:
    """Logits, weights and parts of the experts as bars, and what the row is."""
    if series.empty:
        return said_in_words(f"{title}: no test row has all its labels predicted.")
    figure, axes = panels(2, 2, 2.5)
    genres = list(dict.fromkeys(series["genre"]))
    _bars(axes[0, 0], series, genres, "logit")
    _bars(axes[1, 0], series, genres, "part", totals=True)
    own = series[series["genre"] == genres[0]]
    axes[0, 1].bar(range(len(own)), own["weight"], width=0.6, color=GRAY)
    _experts(axes[0, 1], own["expert"].tolist())
    _row_in_words(axes[1, 1], series, params)
    names = ("(a) logits", "(b) weights", "(c) logits times weights", "(d) the row")
    for axis, name in zip(axes.flat, names, strict=True):
        axis.set_title(name)
    shared_legend(figure)
    figure.suptitle(title)
    return figure


def _bars(
    axis: Axes,
    series: pd.DataFrame,
    genres: Sequence[str],
    column: str,
    *,
    totals: bool = False,
) -> None:
    """A group of bars for every expert, one for each genre; behind them the sums."""
    experts = list(dict.fromkeys(series["expert"]))
    wide = 0.8 / len(genres)
    for k, genre in enumerate(genres):
        own = series[series["genre"] == genre]
        heights = own[column].tolist()
        heights += [own["prediction_logit"].iloc[0]] if totals else []
        x = np.arange(len(heights)) + (k - (len(genres) - 1) / 2) * wide
        color = PALETTE[k % len(PALETTE)]
        axis.bar(x, heights, width=0.9 * wide, color=color, label=genre)
    axis.axhline(0, color=GRAY, linewidth=0.8)
    _experts(axis, [*experts, SUM] if totals else experts)


def _experts(axis: Axes, experts: Sequence[str]) -> None:
    names = [titled(name).replace(" to ", " to\n") for name in experts]
    axis.set_xticks(range(len(names)), names, fontsize=8)
    axis.grid(axis="x", visible=False)


def _row_in_words(axis: Axes, series: pd.DataFrame, params: Params) -> None:
    """The data set and the id; of real rows nothing else that they hold."""
    first = series.iloc[0]
    labels = series.drop_duplicates("genre")
    is_simulated = bool(first["simulated"])
    lines = [
        heading(params, str(first["dataset"]), is_simulated),
        f"id {first['id']}, seed {first['seed']}",
        "no title, it is made up" if is_simulated else "title, plot, poster: not shown",
        f"has: {', '.join(labels.loc[labels['true'], 'genre'])}",
        f"predicted: {', '.join(labels.loc[labels['predicted'], 'genre']) or 'none'}",
    ]
    axis.set_axis_off()
    for number, line in enumerate(lines):
        axis.text(0.02, 0.9 - 0.18 * number, line, va="top", wrap=True)


def genre_panels(
    series: pd.DataFrame, params: Params, title: str, labels: Sequence[str]
) -> Figure:
    """A small panel for every label: parts of its logit, and the id of the row."""
    if series.empty:
        return said_in_words(f"{title}: no label of any test row is rightly predicted.")
    figure, axes = panels(-(-len(labels) // ACROSS), ACROSS, 1.35)
    for axis in axes.flat[len(labels) :]:
        axis.set_axis_off()
    for axis, label in zip(axes.flat, labels, strict=False):
        own = series[series["genre"] == label]
        axis.set_title(label if own.empty else f"{label}, {own['id'].iloc[0]}")
        if own.empty:
            axis.set_axis_off()
            axis.text(0.5, 0.5, "never rightly\npredicted", ha="center", va="center")
            continue
        axis.bar(range(len(own)), own["part"], color=expert_colors(list(own["expert"])))
        axis.axhline(0, color=GRAY, linewidth=0.8)
        axis.set_xticks([])
    experts = list(dict.fromkeys(series["expert"]))
    marks = [Patch(color=color) for color in expert_colors(experts)]
    figure.legend(
        marks, list(map(titled, experts)), loc="outside lower center", ncols=ACROSS
    )
    first = series.iloc[0]
    name = heading(params, str(first["dataset"]), bool(first["simulated"]))
    figure.suptitle(f"{name}: {title}")
    return figure
