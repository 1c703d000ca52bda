"""Every figure of I2MoE: its data series and its drawing."""

import pandas as pd

from repro import paths
from repro.figures.canvas import Draw, Drawn
from repro.figures.interpretation import told_points, told_series
from repro.figures.mixtures import (
    alone_bars,
    alone_series,
    weight_series,
    weight_violins,
)
from repro.params import Params


def interpretation(params: Params) -> Drawn:
    """How well explanations name what rows need, mechanism by mechanism."""
    table = pd.read_csv(paths.plot("i2moe_interpretation_truth", "csv"))
    series = told_series(table)
    title = "What weights of experts tell of planted interactions"
    return series, told_points(series, params, title)


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
    "figure4": figure4,
    "figure5": figure5,
    "interpretation": interpretation,
}
