"""Every figure of I2MoE: its data series and its drawing."""

import pandas as pd

from repro import paths
from repro.figures.canvas import Draw, Drawn
from repro.figures.interpretation import told_points, told_series
from repro.figures.local_interpretation import (
    explained,
    genre_panels,
    genre_series,
    row_panels,
    row_series,
)
from repro.figures.mixtures import (
    alone_bars,
    alone_series,
    weight_series,
    weight_violins,
)
from repro.params import Params

LOCAL = "experts/mmimdb/i2moe"  # the run whose rows are explained one by one


def interpretation(params: Params) -> Drawn:
    """How well explanations name what rows need, mechanism by mechanism."""
    table = pd.read_csv(paths.plot("i2moe_interpretation_truth", "csv"))
    series = told_series(table)
    title = "What weights of experts tell of planted interactions"
    return series, told_points(series, params, title)


def figure3(params: Params) -> Drawn:
    """What each expert says of one test row of several labels."""
    series = row_series(explained(params, LOCAL), params.explained_row)
    return series, row_panels(series, params, "What the experts say of one row")


def genres(params: Params) -> Drawn:
    """What each expert adds to every label, for a row that rightly gets it."""
    found = explained(params, LOCAL)
    series, title = genre_series(found), "parts of the logit of each label"
    return series, genre_panels(series, params, title, found.labels)


def figure4(params: Params) -> Drawn:
    """Weights of the experts of the concat transformer over test rows."""
    series = weight_series(params)
    title = (
        "Figure 4. Weights of interaction experts on test\n(lines: seeds; ticks and "
        "dot: means; dashed: equal weights)"
    )
    return series, weight_violins(series, params, title)


def figure5(params: Params) -> Drawn:
    """Each expert of the concat transformer alone, and the mixture of all."""
    series = alone_series(params)
    title = "Figure 5. Each interaction expert alone, and their mixture"
    return series, alone_bars(series, params, title)


FIGURES: dict[str, Draw] = {
    "interpretation": interpretation,
    "figure3": figure3,
    "genres": genres,
    "figure4": figure4,
    "figure5": figure5,
}
