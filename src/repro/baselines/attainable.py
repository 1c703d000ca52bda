"""The best predictors that the simulator's law allows: what models can hope for."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from repro.baselines.fit import Fit
from repro.params import Params
from repro.simulation.attainable import ScoreLaw, score_law, score_law_of_patterns
from repro.simulation.posterior import pattern_posterior
from repro.simulation.sentiment import label_of
from repro.simulation.truth import Truth, truth_of, truth_table

DRAWS = 64  # of the synergy latents of every sample, for each pattern of reliability
METHODS = UNKNOWN, KNOWN = "attainable", "attainable_known"


def attainable(params: Params, dataset: str, ids: np.ndarray) -> dict[str, Fit]:
    """Predictions from the true seen latents, reliability inferred and known.

    No model that reads what the modalities show can expect a smaller absolute error,
    or a smaller log-loss, than `attainable`; `attainable_known` is also told which
    modalities are reliable.

    Raises:
        ValueError: the data set is not simulated.
    """
    truth = truth_of(params, dataset, ids)
    predicted = _predictor(params, dataset, truth)
    return {
        name: Fit((0,), predicted(law)[None], {"draws": DRAWS})
        for name, law in laws(truth).items()
    }


def laws(truth: Truth) -> dict[str, ScoreLaw]:
    """The law of the score of every sample, reliability inferred and known."""
    about = truth.parts, truth.law, truth.seen
    posterior = pattern_posterior(truth.law, truth.seen, truth.present)
    return {
        UNKNOWN: score_law_of_patterns(
            *about, truth.present, posterior, DRAWS, np.random.default_rng(0)
        ),
        KNOWN: score_law(
            *about, truth.reliable, len(posterior.T) * DRAWS, np.random.default_rng(1)
        ),
    }


def _predictor(
    params: Params, dataset: str, truth: Truth
) -> Callable[[ScoreLaw], np.ndarray]:
    if params.dataset(dataset).task == "regression":
        # Clipping and rounding keep order, so the median of the label is the label of
        # the median.
        return lambda law: label_of(law.median())
    table = truth_table(params, dataset)
    y, score = table["y"].to_numpy(np.int64), table["score"].to_numpy(np.float64)
    present = table[[f"present_{name}" for name in truth.modalities]].to_numpy(bool)
    edges = class_edges(score, y)
    # Completeness is drawn by class and tells of it; which one of the others is absent
    # tells nothing.
    complete = np.asarray(present.all(axis=1))
    shares = np.array([complete[y == k].mean() for k in np.unique(y)])
    told = np.where(truth.present.all(axis=1, keepdims=True), shares, 1 - shares)

    def probabilities(law: ScoreLaw) -> Float[np.ndarray, "samples classes"]:
        weighted = told * law.classes(edges).clip(1e-9)
        return weighted / weighted.sum(axis=1, keepdims=True)

    return probabilities


def class_edges(
    score: Float[np.ndarray, " samples"], y: Int[np.ndarray, " samples"]
) -> Float[np.ndarray, " edges"]:
    """Where a score that is cut into ordered classes was cut.

    >>> class_edges(np.array([0.1, 0.3, 0.9]), np.array([0, 0, 1])).tolist()
    [0.6]
    """
    labels = np.unique(y)
    highest = np.array([score[y == k].max() for k in labels[:-1]])
    lowest = np.array([score[y == k].min() for k in labels[1:]])
    return (highest + lowest) / 2
