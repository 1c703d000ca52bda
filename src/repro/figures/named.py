"""Every figure by name: its data series and the drawing of it."""

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from repro.figures import bars, changes, checks, classes, trajectories
from repro.params import Params

Drawn = tuple[pd.DataFrame, Figure]


def _figure1(settings: Params) -> Drawn:
    series = bars.figure1_series(settings)
    return series, bars.figure1(series)


def _initial_weights(settings: Params) -> Drawn:
    series = bars.initial_weights_series(settings)
    return series, bars.initial_weights(series)


def _figure3(settings: Params) -> Drawn:
    series = trajectories.trajectories(settings)
    return trajectories.trajectory_columns(series), trajectories.figure3(series)


def _figure4(settings: Params) -> Drawn:
    series = changes.densities(changes.changes(settings))
    return changes.density_columns(series), changes.figure4(series)


def _figure5(settings: Params) -> Drawn:
    series = classes.class_changes(settings)
    return classes.shown(series), classes.figure5(series)


def _figure6(settings: Params) -> Drawn:
    series = changes.error_changes(changes.changes(settings, ("instance",)))
    return series, changes.figure67(series, 6)


def _figure7(settings: Params) -> Drawn:
    series = changes.error_changes(changes.changes(settings, ("bi_level",)))
    return series, changes.figure67(series, 7)


def _noise_stress(settings: Params) -> Drawn:
    series = checks.noise_series(settings)
    return series, checks.noise_figure(series, settings.names)


def _planted_truth(settings: Params) -> Drawn:
    series = checks.truth_series(settings)
    return series, checks.truth_figure(series)


FIGURES: dict[str, Callable[[Params], Drawn]] = {
    "figure1": _figure1,
    "initial_weights": _initial_weights,
    "figure3": _figure3,
    "figure4": _figure4,
    "figure5": _figure5,
    "figure6": _figure6,
    "figure7": _figure7,
    "noise_stress": _noise_stress,
    "planted_truth": _planted_truth,
}
