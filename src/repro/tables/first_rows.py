"""Rows of predictors without a fusion: those that tables begin with, and ceilings."""

from dataclasses import replace

from repro.params import Params
from repro.params.cells import STACKED
from repro.results.runs import Run
from repro.tables.lines import Line, baseline_lines, line, lines, unimodal_line

MOE, FUSEMOE = "moe", "fusemoe"
LOGISTIC = "logistic"
# The best predictor from what modalities show of the planted latents.
BEST_IN = ("mae", "log_loss", "accuracy")
ATTAINABLE = ("attainable", "attainable_known")


def first_lines(params: Params, baselines: str, base: Run) -> list[Line]:
    """The rows every sentiment table has: mean, ridge, best and stacked unimodal, MoE.

    The run decides whether it stacks.
    """
    return [
        *baseline_lines(params, baselines, ("mean",)),
        *baseline_lines(params, baselines, ("ridge",), MOE),
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


def ceiling_lines(params: Params, dataset: str) -> list[Line]:
    """What the planted truth allows at best; real data have no such row.

    Shown in what these predictions are best in: medians, and probabilities.
    """
    found = baseline_lines(params, f"ceilings/{dataset}", ATTAINABLE)
    return [replace(row, limited=BEST_IN) for row in found]
