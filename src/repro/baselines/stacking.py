"""A linear model on what the unimodal models predict: late fusion at its plainest."""

import numpy as np
from jaxtyping import Float

from repro.baselines.fit import Fit
from repro.baselines.logistic import logistic
from repro.baselines.ridge import ridge

FLOOR = 1e-7  # of a probability under the logarithm, as in the divergences


def stacked(
    predictions: Float[np.ndarray, "seeds samples models *classes"],
    y: Float[np.ndarray, " samples"],
    split: np.ndarray,
    seeds: tuple[int, ...],
) -> Fit:
    """One linear model per seed, fitted on the train rows of these predictions.

    Log-probabilities of classes enter a multinomial logistic regression, predicted
    scores a ridge regression; valid chooses the strength of the penalty. The train
    rows have to be out-of-fold, else it would trust what was learned by heart. A row
    without a modality has the class shares, or the mean, of train in its place.

    Source: Wolpert 1992; Breiman 1996 (stacked regressions).
    """
    fits = [_of_seed(own, y, split) for own in predictions]
    settings = {"strength": [fit.settings["strength"] for fit in fits]}
    return Fit(seeds, np.concatenate([fit.predictions for fit in fits]), settings)


def _of_seed(
    predictions: Float[np.ndarray, "samples models *classes"],
    y: Float[np.ndarray, " samples"],
    split: np.ndarray,
) -> Fit:
    if predictions.ndim == 2:
        return ridge(predictions, y, split)
    logs = np.log(np.maximum(predictions, FLOOR)).reshape(len(y), -1)
    return logistic(logs, y.astype(np.int64), split, predictions.shape[-1])
