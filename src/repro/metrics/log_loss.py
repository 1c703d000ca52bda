"""The logarithmic score of class probabilities."""

import numpy as np
from jaxtyping import Float, Num

SMALLEST = float(np.finfo(np.float64).eps)  # of a probability, as in scikit-learn


def log_loss(
    probabilities: Float[np.ndarray, "*batch samples classes"],
    y: Num[np.ndarray, " samples"],
) -> Float[np.ndarray, "*batch"]:
    """Mean negative log-probability of the true class; lower is better.

    Proper: no other probabilities than the true ones do better on average, and unlike
    an F1 of the most probable class it moves with every change of them.

    Units: nats.

    >>> p = np.array([[0.5, 0.5], [0.2, 0.8]])
    >>> round(float(log_loss(p, np.array([0, 1]))), 4)
    0.4581
    """
    chosen = probabilities[..., np.arange(len(y)), np.asarray(y, dtype=np.int64)]
    return np.asarray(-np.log(np.maximum(chosen, SMALLEST)).mean(axis=-1))
