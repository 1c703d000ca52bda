"""Predictive variances that never use the label of the instance they serve."""

import numpy as np
from jaxtyping import Bool, Float, Int

from btw import pooled_variance

_Predictions = Float[np.ndarray, "samples modalities"]


def pooled_variances(
    predictions: _Predictions,
    y: Float[np.ndarray, " samples"],
    present: Bool[np.ndarray, "samples modalities"],
    train: Int[np.ndarray, " rows"],
    floor: float,
) -> Float[np.ndarray, " modalities"]:
    """Mean squared out-of-fold train residual of each modality.

    Departure: BTW takes each instance's own squared error, which needs its label.
    Undone by `own_label_variance`.
    """
    return pooled_variance(predictions[train], y[train], present[train], floor=floor)


def conditional_variance(
    predictions: _Predictions,
    y: Float[np.ndarray, " samples"],
    present: Bool[np.ndarray, "samples modalities"],
    train: Int[np.ndarray, " rows"],
    floor: float,
) -> _Predictions:
    """Variance as a smooth function of the unimodal prediction itself.

    The log squared out-of-fold residual is regressed on 1, u and u^2, then scaled so
    that its mean over train is the pooled variance.
    """
    pooled = pooled_variances(predictions, y, present, train, floor)
    result = np.empty_like(predictions)
    for m, variance in enumerate(pooled):
        rows = train[present[train, m]]
        u = predictions[:, m]
        design = np.stack([np.ones_like(u), u, u**2], axis=1)
        target = np.log(np.maximum((u[rows] - y[rows]) ** 2, floor))
        coefficients, *_ = np.linalg.lstsq(design[rows], target, rcond=None)
        fitted = np.exp(design @ coefficients)
        result[:, m] = np.maximum(fitted * variance / fitted[rows].mean(), floor)
    return result
