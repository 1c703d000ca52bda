"""Every figure of I2MoE: its data series and its drawing."""

import pandas as pd

from repro import paths
from repro.figures.canvas import Draw, Drawn
from repro.figures.interpretation import told_points, told_series
from repro.params import Params


def interpretation(params: Params) -> Drawn:
    """How well explanations name what rows need, mechanism by mechanism."""
    table = pd.read_csv(paths.plot("i2moe_interpretation_truth", "csv"))
    series = told_series(table)
    title = "What weights of experts tell of planted interactions"
    return series, told_points(series, params, title)


FIGURES: dict[str, Draw] = {"interpretation": interpretation}
