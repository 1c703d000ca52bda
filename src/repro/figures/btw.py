"""Every figure of BTW: the runs that it is of, its data series and its drawing."""

from repro.figures import bars, changes, checks, classes, trajectories
from repro.figures.canvas import Draw, Drawn
from repro.params import Params
from repro.tables.btw import CLINICAL, SENTIMENT, present
from repro.tables.btw_checks import noise


def runs_of(params: Params, group: str, *datasets: str) -> list[str]:
    """Addresses of the runs of a group that these data sets have."""
    return [f"{group}/{name}" for name in present(params, group, datasets)]


def figure1(params: Params) -> Drawn:
    """Text alone against all modalities."""
    series = bars.score_series(params, runs_of(params, "base", *SENTIMENT))
    title = "Figure 1. Text alone against all modalities"
    return series, bars.score_bars(series, params, title)


def initial_weights(params: Params) -> Drawn:
    """The weights that retraining starts from."""
    series = bars.first_weights(params, runs_of(params, "base", *SENTIMENT))
    title = (
        "First weights W₀ of train instances: median, quartiles, 5th and 95th "
        "percentile\n(dashed: uniform)"
    )
    return series, bars.weight_boxes(series, params, title)


def figure3(params: Params) -> Drawn:
    """Weights over epochs, the cohorts first."""
    runs = runs_of(params, "btw", *CLINICAL, *SENTIMENT)
    series = trajectories.trajectories(params, runs)
    drawn = trajectories.weight_lines(series, params, "Figure 3. Weights over epochs")
    return trajectories.trajectory_columns(series), drawn


def figure4(params: Params) -> Drawn:
    """True scores of the instances whose label the weights change."""
    runs = runs_of(params, "btw", *SENTIMENT)
    series = changes.densities(params, changes.changes(params, runs))
    title = (
        "Figure 4. True score of the instances whose 7-class label the weights change"
    )
    drawn = changes.density_curves(series, params, title)
    return changes.density_columns(series), drawn


def figure5(params: Params) -> Drawn:
    """Stays whose predicted class the weights change."""
    series = classes.class_changes(params, runs_of(params, "btw", *CLINICAL))
    title = (
        "Figure 5. Stays whose predicted class the weights put right or wrong, by true "
        "class"
    )
    return classes.shown(series), classes.class_bars(series, params, title)


def figure6(params: Params) -> Drawn:
    """Change of the error by BTW-local."""
    return _error_changes(params, "instance", "Figure 6")


def figure7(params: Params) -> Drawn:
    """Change of the error by BTW."""
    return _error_changes(params, "bi_level", "Figure 7")


def noise_stress(params: Params) -> Drawn:
    """What added noise costs and what weight it gets."""
    series = checks.noise_series(noise(params))
    title = "Noise modalities: what they cost and what weight they get"
    return series, checks.noise_lines(series, params, title)


def planted_truth(params: Params) -> Drawn:
    """Weights beside what the simulator planted in the sentiment data."""
    return _planted(params, *SENTIMENT)


def planted_truth_icu(params: Params) -> Drawn:
    """Weights beside what the simulator planted in the stays."""
    return _planted(params, *CLINICAL)


def _planted(params: Params, *datasets: str) -> Drawn:
    series = checks.truth_series(params, runs_of(params, "btw", *datasets))
    title = "Weights against the planted truth"
    return series, checks.truth_bars(series, params, title)


def _error_changes(params: Params, method: str, title: str) -> Drawn:
    runs = runs_of(params, "btw", *SENTIMENT)
    rows = changes.changes(params, runs, (method,))
    series = changes.error_changes(params, rows)
    return series, changes.change_points(series, params, title)


FIGURES: dict[str, Draw] = {
    "figure1": figure1,
    "initial_weights": initial_weights,
    "figure3": figure3,
    "figure4": figure4,
    "figure5": figure5,
    "figure6": figure6,
    "figure7": figure7,
    "noise_stress": noise_stress,
    "planted_truth": planted_truth,
    "planted_truth_icu": planted_truth_icu,
}
