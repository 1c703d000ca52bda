"""Every figure of I2MoE: its data series and its drawing."""

from repro.figures.canvas import Draw, Drawn
from repro.figures.interpretation import told_points, told_series
from repro.params import Params
from repro.tables.i2moe import interpretation_truth


def interpretation(params: Params) -> Drawn:
    """How well explanations name what rows need, mechanism by mechanism."""
    series = told_series(interpretation_truth(params))
    title = "What weights of experts tell of planted interactions"
    return series, told_points(series, params, title)


FIGURES: dict[str, Draw] = {"interpretation": interpretation}
