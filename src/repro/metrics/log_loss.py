"""The logarithmic score of probabilities of classes and of labels."""

import numpy as np
from jaxtyping import Float, Num

from repro.records import decoded

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
    return np.asarray(log_losses(probabilities, y).mean(axis=-1))


def log_losses(
    probabilities: Float[np.ndarray, "*batch samples classes"],
    y: Num[np.ndarray, " samples"],
) -> Float[np.ndarray, "*batch samples"]:
    """The negative log-probability of the true class of every sample.

    A probability below `SMALLEST` counts as that: no sure mistake is infinitely bad.

    Units: nats.

    >>> log_losses(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([0, 1])).round(3)
    array([ 0.693, 36.044])
    """
    chosen = probabilities[..., np.arange(len(y)), np.asarray(y, dtype=np.int64)]
    return -np.log(np.maximum(chosen, SMALLEST))


def binary_losses(
    probabilities: Float[np.ndarray, "*batch samples labels"],
    y: Num[np.ndarray, " samples"],
) -> Float[np.ndarray, "*batch samples"]:
    """Mean over labels of the negative log-probability of what is true of each.

    The labels of a sample are `repro.records.coded`. A probability below `SMALLEST`
    counts as that.

    Units: nats.

    >>> binary_losses(np.array([[0.5, 0.9]]), np.array([2.0])).round(3)
    array([0.399])
    """
    true = decoded(y, probabilities.shape[-1])
    right = np.where(true, probabilities, 1 - probabilities)
    return -np.log(np.maximum(right, SMALLEST)).mean(axis=-1)
