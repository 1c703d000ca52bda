"""Figure 5: in which classes of the length of stay the weights change predictions."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.canvas import panel_title, panels, said_in_words, shared_legend
from repro.figures.changes import COLORS, SETS
from repro.params import Params
from repro.results.clinical_results import (
    cohort_run,
    predicted_classes,
    refuse_unpaired,
)
from repro.results.titles import CLASSES

METHODS = ("instance", "bi_level")
MINIMUM = 10  # stays below which a count is not shown
BAR = 0.27  # width, in classes


def class_changes(params: Params) -> pd.DataFrame:
    """Test stays of each true class: all, put right and newly wrong, mean over seeds.

    Right and wrong are those of the weighted method where FuseMoE is the other. A
    count below `MINIMUM` is NaN; so is its share, which is a percentage of the stays
    of the class.
    """
    rows = [row for cohort in params.cohorts for row in _rows(params, cohort)]
    columns = ["dataset", "simulated", "method", "name", "class", "length", "set"]
    columns = [*columns, "count", "share", "n"]
    series = pd.DataFrame(rows, columns=columns)
    few = series["count"] < MINIMUM
    series.loc[few, ["count", "share"]] = np.nan
    return series


def shown(series: pd.DataFrame) -> pd.DataFrame:
    """The rows whose count may be shown."""
    return series[series["count"].notna()].reset_index(drop=True)


def figure5(series: pd.DataFrame) -> Figure:
    """Bars per true class; a row per cohort, a column per method."""
    if series.empty:
        return said_in_words("Figure 5 is of the clinical cohorts; there are none.")
    cohorts = list(dict.fromkeys(series["dataset"]))
    figure, axes = panels(len(cohorts), len(METHODS), 2.5)
    for row, cohort in zip(axes, cohorts, strict=True):
        for axis, method in zip(row, METHODS, strict=True):
            part = series[(series["dataset"] == cohort) & (series["method"] == method)]
            _bars(axis, part)
            simulated, name = bool(part["simulated"].iloc[0]), part["name"].iloc[0]
            axis.set_title(panel_title(cohort, simulated, name))
        row[0].set_ylabel("test stays")
    shared_legend(figure)
    n = int(series["n"].max())
    figure.suptitle(
        "Figure 5. Stays whose predicted class the weights put right or wrong, "
        f"by true class\n(mean of {n} seeds; counts below {MINIMUM} are not shown)"
    )
    return figure


def _rows(params: Params, cohort: str) -> Iterator[tuple[object, ...]]:
    before = cohort_run(params, cohort, "fusemoe").predictions("fusemoe")
    run = cohort_run(params, cohort, "btw")
    truth = before.y.astype(np.int64)
    was_right = predicted_classes(before) == truth
    for method in METHODS:
        after = run.predictions(method)
        refuse_unpaired(after, before)
        is_right = predicted_classes(after) == truth
        members = {
            "all": np.ones_like(is_right),
            "corrected": is_right & ~was_right,
            "newly wrong": was_right & ~is_right,
        }
        about = (cohort, run.simulated, method, params.names[method])
        for name, chosen in members.items():
            counts = _counts(chosen, truth)
            shares = 100 * counts / np.maximum(_counts(members["all"], truth), 1)
            for k, length in enumerate(CLASSES):
                n = len(after.seeds)
                yield (*about, k, length, name, counts[k], shares[k], n)


def _counts(
    chosen: Bool[np.ndarray, "seeds samples"], truth: np.ndarray
) -> Float[np.ndarray, " classes"]:
    """Chosen stays of each class, mean over seeds."""
    return np.stack(
        [chosen[:, truth == k].sum(axis=1).mean() for k in range(len(CLASSES))]
    )


def _bars(axis: Axes, part: pd.DataFrame) -> None:
    for k, name in enumerate(SETS):
        bars = part[part["set"] == name]
        position = bars["class"].to_numpy() + (k - 1) * BAR
        counts = bars["count"].to_numpy()
        heights = np.nan_to_num(counts)
        axis.bar(position, heights, width=BAR, color=COLORS[name], label=name)
        for x, count, height in zip(position, counts, heights, strict=True):
            text = f"<{MINIMUM}" if np.isnan(count) else f"{count:.0f}"
            axis.text(x, height, text, ha="center", va="bottom", fontsize=6.5)
    axis.set_xticks(range(len(CLASSES)), CLASSES, fontsize=7.5)
    axis.grid(axis="x", visible=False)
    axis.margins(y=0.12)
