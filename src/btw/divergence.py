"""Instance weights: how far each unimodal prediction lies from the multimodal one."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from btw.arrays import (
    Array,
    Float,
    as_numpy,
    check_finite,
    check_probabilities,
    checked_predictions,
    checked_present,
    float64,
    in_kind_of,
    variances,
)

DIVERGENCE_FLOOR = 1e-5
PROBABILITY_FLOOR = 1e-7
RESIDUAL_FLOOR = 1e-12
VARIANCE_FLOOR = 1e-3  # of the variance of the targets
BLOCK = 32_768  # numbers at a time: temporaries stay in the cache


def gaussian_kl(
    mean_a: Array, variance_a: Array, mean_b: Array, variance_b: Array
) -> Array:
    """Kullback-Leibler divergence of normal b from normal a, per element.

    Source: BTW eq. (15).
    Shape: any, broadcasting; the result has the kind of `mean_a`.
    Units: nats; variances in squared units of the means.
    Raises:
        ValueError: a mean is not finite, or a variance is not positive and finite.

    >>> gaussian_kl([0.0], [1.0], [1.0], [1.0])
    array([0.5])
    """
    a, b = (np.asarray(as_numpy(mean), np.float64) for mean in (mean_a, mean_b))
    check_finite(a, "mean_a")
    check_finite(b, "mean_b")
    own, other = np.asarray(as_numpy(variance_a)), np.asarray(as_numpy(variance_b))
    own = variances(own, "variance_a", (own.shape,))
    other = variances(other, "variance_b", (other.shape,))
    return in_kind_of(mean_a, _gaussian(a, own, b, other))


def _gaussian(
    mean_a: np.ndarray, variance_a: Any, mean_b: np.ndarray, variance_b: Any
) -> np.ndarray:
    ratio = variance_a / variance_b
    squared = np.square(np.subtract(mean_a, mean_b))
    spread = 0.5 * (ratio - 1.0 - np.log(ratio))
    return np.asarray(squared * (0.5 / variance_b) + spread)


def categorical_kl(p: Array, q: Array) -> Array:
    """Kullback-Leibler divergence of q from p over the last axis.

    Probabilities are clipped at 1e-7 and renormalized, so an empty class is finite.

    Source: BTW eq. (5).
    Shape: (..., classes) each, broadcasting; the result drops the last axis.
    Units: nats.
    Raises:
        ValueError: a row is no distribution, or the numbers of classes differ.

    >>> categorical_kl([[0.5, 0.5]], [[0.25, 0.75]]).round(4)
    array([0.1438])
    """
    rows, others = (np.asarray(as_numpy(x), np.float64) for x in (p, q))
    if rows.ndim == 0 or rows.shape[-1:] != others.shape[-1:]:
        raise ValueError(
            f"p, q: got shapes {rows.shape} and {others.shape}; "
            "the last axis must hold the same classes"
        )
    for values, name in ((rows, "p"), (others, "q")):
        check_finite(values, name)
        check_probabilities(values, name)
    return in_kind_of(p, _categorical(rows, others))


def _categorical(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    p, q = _clipped(p), _clipped(q)
    divergence = np.einsum("...c,...c->...", p, np.log(p) - np.log(q))
    return np.asarray(np.maximum(divergence, 0.0))


def _clipped(probabilities: np.ndarray) -> np.ndarray:
    clipped = np.maximum(probabilities, PROBABILITY_FLOOR)
    return clipped / clipped.sum(-1, keepdims=True)


def squared_residuals(predictions: Array, targets: Array) -> Array:
    """Squared residual of each prediction: the paper's per-instance variance.

    It needs the label of the instance it describes, so it serves the published
    protocol only. Values are floored at 1e-12: an exact prediction stays finite.

    Source: BTW section 3 (regression) and appendix C.
    Shape: (samples,) or (samples, modalities) against targets (samples,).
    Units: squared label units.

    >>> squared_residuals([1.0, 3.0], [1.0, 1.0]).tolist()
    [1e-12, 4.0]
    """
    values, labels = _paired(predictions, targets)
    residuals = values - (labels[:, None] if values.ndim == 2 else labels)
    return in_kind_of(predictions, np.maximum(np.square(residuals), RESIDUAL_FLOOR))


def pooled_variance(
    predictions: Array,
    targets: Array,
    present: Array | None = None,
    floor: float | None = None,
) -> Array:
    """Mean squared residual: one variance for a model, or one per modality.

    A modality that is present nowhere gets the floor.

    Shape: (samples,) gives a number, (samples, modalities) gives (modalities,).
    Units: squared label units; `floor` defaults to 1e-3 of the targets' variance.

    >>> pooled_variance([[0.0, 2.0], [1.0, 4.0]], [0.0, 2.0]).tolist()
    [0.5, 4.0]
    """
    values, labels = _paired(predictions, targets)
    if floor is None:
        floor = VARIANCE_FLOOR * float(labels.var())
    lowest = max(floor, RESIDUAL_FLOOR)
    if values.ndim == 1:
        if present is not None:
            raise ValueError("present: pass it only with one column per modality")
        check_finite(values, "predictions")
        return max(float(np.square(values - labels).mean()), lowest)
    mask = checked_present(present, *values.shape)
    check_finite(values, "predictions", mask)
    squares = np.square(np.where(mask, values - labels[:, None], 0.0))
    means = squares.sum(0) / np.maximum(mask.sum(0), 1)
    return in_kind_of(predictions, np.maximum(means, lowest))


def _paired(predictions: Array, targets: Array) -> tuple[np.ndarray, np.ndarray]:
    labels = float64(targets, "targets", ("samples",))
    check_finite(labels, "targets")
    columns = ("modalities",) if np.ndim(as_numpy(predictions)) == 2 else ()
    values = float64(predictions, "predictions", ("samples", *columns))
    if len(values) != len(labels) or len(labels) == 0:
        raise ValueError(
            f"targets: got {len(labels)} beside {len(values)} predictions; "
            "pass one target per row, at least one"
        )
    return values, labels


def divergence(
    unimodal: Array,
    multimodal: Array,
    task: str,
    present: Array | None = None,
    unimodal_variance: Array | None = None,
    multimodal_variance: Array | None = None,
) -> Array:
    """Divergence of the multimodal from each unimodal prediction, floored at 1e-5.

    A row of zeros, where class probabilities are expected, predicts nothing; as in the
    released clinical code it then has the smallest divergence.

    Source: BTW eq. (5) for classification, (6) for regression.
    Shape: unimodal (samples, modalities[, classes]), multimodal (samples[, classes]);
        variances (modalities,) or (samples, modalities), and a number or (samples,).
        The result is (samples, modalities), 0 where a modality is absent.
    Units: nats.
    Raises:
        ValueError: a bad shape, task, probability, variance or value.

    >>> divergence([[0.0, 1.0]], [1.0], "regression", None, [1.0, 1.0], 1.0).tolist()
    [[0.5, 1e-05]]
    """
    own, joint, mask = checked_predictions(task, unimodal, multimodal, present)
    if task == "classification":
        refuse_variances(unimodal_variance, multimodal_variance)
        result = _categorical_blocks(own, joint)
    else:
        spread = _checked_variances(unimodal_variance, multimodal_variance, mask)
        result = _gaussian_blocks(own, joint, *spread)
    if not mask.all():
        result[~mask] = 0.0
    return in_kind_of(multimodal, result)


def refuse_variances(*given: Array | None) -> None:
    """Raise when a variance is passed for classification."""
    if any(value is not None for value in given):
        raise ValueError("variances: classification has none; leave them out")


def _checked_variances(
    unimodal: Array | None, multimodal: Array | None, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    if unimodal is None or multimodal is None:
        name = "unimodal_variance" if unimodal is None else "multimodal_variance"
        raise ValueError(f"{name}: missing; regression needs both variances")
    samples, modalities = mask.shape
    own = np.array(as_numpy(unimodal), dtype=np.float64)
    if own.shape == mask.shape:
        own[~mask] = 1.0  # what is stored for an absent modality never matters
    return (
        variances(own, "unimodal_variance", ((modalities,), (samples, modalities))),
        variances(multimodal, "multimodal_variance", ((), (samples,))),
    )


def _gaussian_blocks(
    own: Float[np.ndarray, "samples modalities"],
    joint: Float[np.ndarray, " samples"],
    own_variance: np.ndarray,
    joint_variance: np.ndarray,
) -> Float[np.ndarray, "samples modalities"]:
    result = np.empty_like(own)
    for rows in _blocks(own):
        a = own_variance[rows] if own_variance.ndim == 2 else own_variance
        b = joint_variance[rows, None] if joint_variance.ndim else joint_variance
        block = _gaussian(own[rows], a, joint[rows, None], b)
        np.maximum(block, DIVERGENCE_FLOOR, out=result[rows])
    return result


def _categorical_blocks(
    own: Float[np.ndarray, "samples modalities classes"],
    joint: Float[np.ndarray, "samples classes"],
) -> Float[np.ndarray, "samples modalities"]:
    result = np.empty(own.shape[:2])
    for rows in _blocks(own):
        block = _categorical(own[rows], joint[rows, None]) * own[rows].any(-1)
        np.maximum(block, DIVERGENCE_FLOOR, out=result[rows])
    return result


def _blocks(values: np.ndarray) -> Iterator[slice]:
    rows = max(1, BLOCK * len(values) // max(1, values.size))
    return (slice(start, start + rows) for start in range(0, len(values), rows))
