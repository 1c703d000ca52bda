"""The rows that tables begin with: predictors without a network or a fusion."""

from repro.params import Params
from repro.params.cells import STACKED
from repro.results.runs import Run
from repro.tables.lines import Line, baseline_lines, line, lines, unimodal_line

MOE, FUSEMOE = "moe", "fusemoe"
LOGISTIC = "logistic"


def first_lines(params: Params, baselines: str, base: Run) -> list[Line]:
    """The rows every sentiment table has: mean, ridge, best and stacked unimodal, MoE.

    The run decides whether it stacks.
    """
    return [
        *baseline_lines(params, baselines, ("mean", "ridge"), MOE),
        unimodal_line(params, base, MOE),
        *lines(params, base, (STACKED,), MOE),
        line(params, base, MOE),
    ]


def linear_lines(params: Params, cohort: str, base: Run) -> list[Line]:
    """Regression on flat features, and on what the unimodal models predict."""
    return [
        *baseline_lines(params, f"baselines/{cohort}", (LOGISTIC,), FUSEMOE),
        *lines(params, base, (STACKED,), FUSEMOE),
    ]
