"""Smoothed weights of train, and the one vector that stands for them elsewhere."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from btw.arrays import Bool, Float
from btw.combination import common_weights, scaled

VECTOR = "vector"  # held by the variants that weigh all instances alike
PENDING = ("pending", "pending_vector")


def held_weights(
    rows: Float[np.ndarray, "samples modalities"],
    vector: Float[np.ndarray, " modalities"] | None,
    present: Bool[np.ndarray, "samples modalities"],
    scale: str,
    keeps_totals: bool = False,
) -> dict[str, np.ndarray]:
    """What to hold of smoothed rows; where one vector serves all, its restriction.

    Rows smoothed each by itself would follow another average in every pattern of
    absence, and inference, which restricts one vector, would give other weights.
    `keeps_totals` leaves each row its sum, for weights that start from 1.

    Departure: the released code counts absent modalities as present, row by row.

    >>> present = np.array([[True, True, True], [True, False, True]])
    >>> vector = np.array([1.5, 1.0, 0.5])
    >>> held_weights(present * 1.0, vector, present, "mean_one")["weights"].tolist()
    [[1.5, 1.0, 0.5], [1.5, 0.0, 0.5]]
    """
    if vector is None:
        return {"weights": rows}
    weights = scaled(np.broadcast_to(vector, present.shape), present, scale)
    if keeps_totals:
        factors = rows.sum(1) / np.where(present.any(1), weights.sum(1), 1.0)
        weights = weights * factors[:, None]
    return {"weights": weights, VECTOR: vector}


def mean_weights(
    weights: Float[np.ndarray, "samples modalities"], held: Mapping[str, Any]
) -> Float[np.ndarray, " modalities"]:
    """The vector that inference restricts to what an instance has."""
    if VECTOR in held:
        return np.array(held[VECTOR])
    return np.asarray(common_weights(weights, held["present"]))
