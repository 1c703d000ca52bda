"""The look of every figure, and files that are the same bytes on every run."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro import paths
from repro.files import write_bytes, write_csv
from repro.params import Params
from repro.tables.rows import DEFAULT

# Okabe and Ito's colors, told apart by color-blind readers; yellow is left out.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GRAY = "#7F7F7F"
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.6,
    "figure.dpi": 100.0,
    "savefig.dpi": 200.0,
    "svg.hashsalt": "btw",
    "text.parse_math": False,  # a title may hold dollars
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
}
WIDTH = 7.4  # inches
LONG = 15  # letters from which on the title of a data set has a line of its own

Drawn = tuple[pd.DataFrame, Figure]  # the data series of a figure, and the drawing
Draw = Callable[[Params], Drawn]


def equal_weight(params: Params, modalities: int) -> float:
    """What every modality of an instance weighs when none is preferred."""
    return 1.0 if params.weighting.scale == "mean_one" else 1 / modalities


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save in the style of the project, whatever the user's settings are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def panels(
    rows: int, columns: int, height: float, *, share_y: bool = False
) -> tuple[Figure, np.ndarray]:
    """A figure with a grid of axes; `height` is that of one row, in inches."""
    figure = Figure(figsize=(WIDTH, rows * height + 0.5), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=share_y)
    return figure, axes


def heading(params: Params, dataset: str, simulated: bool) -> str:
    """Title of a data set; whether it is simulated, and the preset of real numbers."""
    title = params.dataset(dataset).title
    if simulated:
        return f"{title} (simulated data)"
    return title if params.preset == DEFAULT else f"{title} (preset {params.preset})"


def panel_title(params: Params, part: pd.DataFrame) -> str:
    """Title of the panel of one data set and method, whose series is `part`."""
    first = part.iloc[0]
    dataset, simulated = str(first["dataset"]), bool(first["simulated"])
    between = ",\n" if len(params.dataset(dataset).title) > LONG else ", "
    return f"{heading(params, dataset, simulated)}{between}{first['name']}"


_MARK, _LINE = 7, 80  # letters that a mark takes, and that a line of a legend holds


def shared_legend(figure: Figure) -> None:
    """One legend below all panels: every label once, in order of appearance."""
    entries: dict[str, Artist] = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            entries.setdefault(str(label), handle)
    wide = sum(len(label) + _MARK for label in entries)
    rows = max(1, math.ceil(wide / _LINE))
    figure.legend(
        list(entries.values()),
        list(entries),
        loc="outside lower center",
        ncols=max(1, math.ceil(len(entries) / rows)),
    )


def said_in_words(sentence: str) -> Figure:
    """A figure that has nothing to draw and says why."""
    figure, axes = panels(1, 1, 1.2)
    axis: Axes = axes[0, 0]
    axis.set_axis_off()
    axis.text(0.5, 0.5, sentence, ha="center", va="center", wrap=True)
    return figure


def write_figure(
    name: str, series: pd.DataFrame, figure: Figure, block: str = ""
) -> None:
    """Write plots/<paper>/<item>.csv, .svg and .pdf; call it inside `styled`.

    Those of a block of real numbers lie in plots/real/<block>.
    """
    write_csv(paths.plot(name, "csv", block), series)
    svg = rendered(figure, "svg", {"Date": None})
    write_bytes(paths.plot(name, "svg", block), svg)
    dates = {"CreationDate": None, "ModDate": None}
    write_bytes(paths.plot(name, "pdf", block), rendered(figure, "pdf", dates))


def rendered(figure: Figure, kind: str, metadata: dict[str, None]) -> bytes:
    """The figure as the bytes of a file of this kind."""
    buffer = BytesIO()
    figure.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()
