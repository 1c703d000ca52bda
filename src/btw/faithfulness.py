"""Whether expert weights say what the experts do: effects, masks and other seeds.

All take arrays of an ensemble whose prediction is the sum over experts of weight times
logits; none needs a planted truth.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import log_softmax

from btw.arrays import (
    Array,
    Float,
    check_choice,
    check_finite,
    check_probabilities,
    float64,
    whole_numbers,
)
from btw.ranks import spearman

__all__ = [
    "Deletion",
    "contribution_share",
    "deletion",
    "effect_correlation",
    "leave_one_out",
    "sensitivity",
    "surviving_share",
    "weight_agreement",
]

TASKS = ("classification", "regression", "multilabel")
FADED = 1e-12  # what is left of the weights where one expert has all


@dataclass(frozen=True)
class Deletion:
    """Accuracy of all experts, and without the one of the highest weight or any one.

    `without_any` is the mean over experts: what removing one at random expects.
    """

    intact: float
    without_top: float
    without_any: float

    @property
    def effect(self) -> float:
        """What the highest weight loses beyond any expert; 0: weights say nothing."""
        return self.without_any - self.without_top


def contribution_share(
    expert_logits: Array, weights: Array, task: str = "classification"
) -> Float[np.ndarray, "samples experts"]:
    """Share of each expert in what the prediction rests on.

    Of a classification that is |w_e (y_ek - mean over classes of y_e)| at the predicted
    class k: a weight on an expert that is the same for all classes moves nothing. Of
    other tasks it is the sum over outputs of |w_e y_e|. Experts that contribute nothing
    at all share alike.

    Shape: expert_logits (samples, experts, outputs), weights (samples, experts).
    Raises:
        ValueError: shapes disagree, or a row of weights is no distribution.

    >>> logits = [[[3.0, -1.0], [1.0, 1.0]]]
    >>> contribution_share(logits, [[0.5, 0.5]]).tolist()
    [[1.0, 0.0]]
    """
    logits, given = _ensemble(expert_logits, weights, task)
    parts = given[:, :, None] * logits
    if task == "classification":
        chosen = parts.sum(axis=1).argmax(axis=1)[:, None, None]
        centred = parts - parts.mean(axis=2, keepdims=True)
        moved = np.abs(np.take_along_axis(centred, chosen, axis=2)[:, :, 0])
    else:
        moved = np.abs(parts).sum(axis=2)
    total = moved.sum(axis=1, keepdims=True)
    alike = np.full(moved.shape, 1 / moved.shape[1])
    return np.divide(moved, total, out=alike, where=total > 0)


def leave_one_out(
    expert_logits: Array, weights: Array, y: Array, task: str = "classification"
) -> Float[np.ndarray, "samples experts"]:
    """Loss without each expert, the other weights scaled up to sum 1, minus the loss.

    Positive where the expert helps. The others of an expert that has all the weight
    share alike.

    Shape: expert_logits (samples, experts, outputs), weights (samples, experts), y
        (samples,) classes or numbers, or (samples, outputs) labels 0 and 1.
    Units: nats of cross-entropy; of a regression absolute label units.
    Raises:
        ValueError: shapes disagree, or a row of weights is no distribution.

    >>> logits = [[[2.0, 0.0], [0.0, 0.0]]]
    >>> leave_one_out(logits, [[0.5, 0.5]], [0]).round(3).tolist()
    [[0.38, -0.186]]
    """
    logits, given = _ensemble(expert_logits, weights, task)
    intact = _loss(_mixed(logits, given), y, task)
    return np.stack(
        [
            _loss(_mixed(logits, _without(given, e)), y, task) - intact
            for e in range(given.shape[1])
        ],
        axis=1,
    )


def effect_correlation(
    expert_logits: Array, weights: Array, y: Array, task: str = "classification"
) -> Float[np.ndarray, " experts"]:
    """Spearman correlation over rows of each weight with its leave-one-out effect.

    Shape: as for `leave_one_out`.

    >>> logits = [[[k, 0.0], [0.0, 0.0]] for k in (1.0, 2.0, 3.0)]
    >>> weights = [[0.5, 0.5], [0.6, 0.4], [0.7, 0.3]]
    >>> effect_correlation(logits, weights, [0, 0, 0]).round(3).tolist()
    [1.0, -1.0]
    """
    effect = leave_one_out(expert_logits, weights, y, task)
    return spearman(float64(weights, "weights", ("samples", "experts")), effect)


def deletion(expert_logits: Array, weights: Array, y: Array) -> Deletion:
    """Accuracy after the expert of the highest weight is removed, against any one.

    Where several share it, the mean over them counts.

    Shape: expert_logits (samples, experts, classes), weights (samples, experts), y
        (samples,) class numbers.
    Units: share of rows.
    Raises:
        ValueError: as for `leave_one_out`.

    >>> logits = [[[2.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [2.0, 0.0]]]
    >>> found = deletion(logits, [[0.9, 0.1], [0.1, 0.9]], [0, 0])
    >>> found.intact, found.without_top, found.without_any
    (1.0, 0.0, 0.5)
    """
    logits, given = _ensemble(expert_logits, weights, "classification")
    true = whole_numbers(y, "y", len(given))
    right = np.stack(
        [
            _mixed(logits, _without(given, e)).argmax(axis=1) == true
            for e in range(given.shape[1])
        ],
        axis=1,
    )
    highest = given == given.max(axis=1, keepdims=True)
    top = (right * highest).sum(axis=1) / highest.sum(axis=1)
    intact = _mixed(logits, given).argmax(axis=1) == true
    return Deletion(float(intact.mean()), float(top.mean()), float(right.mean()))


def sensitivity(
    anchor: Array, masked: Array
) -> Float[np.ndarray, "experts modalities"]:
    """Mean distance of the logits of each expert when each modality is replaced.

    Shape: anchor (experts, samples, outputs), masked (draws, experts, modalities,
        samples, outputs). NaN logits, of modalities that a row lacks, are left out.
    Units: Euclidean distance of logits.
    Raises:
        ValueError: shapes disagree.

    >>> anchor = np.zeros((1, 1, 2))
    >>> sensitivity(anchor, np.array([[[[[3.0, 4.0]], [[0.0, 0.0]]]]])).tolist()
    [[5.0, 0.0]]
    """
    names = ("draws", "experts", "modalities", "samples", "outputs")
    intact = float64(anchor, "anchor", ("experts", "samples", "outputs"))
    moved = float64(masked, "masked", names)
    experts, samples, outputs = intact.shape
    if (moved.shape[1], *moved.shape[3:]) != (experts, samples, outputs):
        raise ValueError(
            f"anchor, masked: got shapes {intact.shape} and {moved.shape}; experts, "
            "samples and outputs must agree"
        )
    distance = np.linalg.norm(moved - intact[:, None], axis=-1)
    known = ~np.isnan(distance)
    count = known.sum(axis=(0, 3))
    total = np.where(known, distance, 0).sum(axis=(0, 3))
    undefined = np.full(count.shape, np.nan)
    return np.divide(total, count, out=undefined, where=count > 0)


def surviving_share(random: Array, shuffled: Array) -> Float[np.ndarray, " experts"]:
    """Share of an expert's sensitivity to noise that other rows' values leave.

    An expert that uses what a modality says reacts to both. One that only detects
    noise reacts to noise alone: near 0 its sensitivity is a shortcut. Above 1 it
    reacts to other rows more than to noise.

    Shape: (experts, modalities) each, as `sensitivity` gives them.
    Raises:
        ValueError: shapes disagree, or a value is not finite.

    >>> surviving_share([[2.0, 2.0]], [[1.0, 0.0]]).tolist()
    [0.25]
    """
    noise = float64(random, "random", ("experts", "modalities"))
    others = float64(shuffled, "shuffled", ("experts", "modalities"))
    if noise.shape != others.shape:
        raise ValueError(
            f"random, shuffled: got shapes {noise.shape} and {others.shape}; pass the "
            "same experts and modalities"
        )
    check_finite(noise, "random")
    check_finite(others, "shuffled")
    total = noise.sum(axis=1)
    undefined = np.full(len(total), np.nan)
    return np.divide(others.sum(axis=1), total, out=undefined, where=total > 0)


def weight_agreement(weights: Array) -> Float[np.ndarray, " experts"]:
    """Spearman correlation over rows of an expert's weights, mean over pairs of seeds.

    1: every seed explains the rows alike; 0: one seed's explanation says nothing of
    another's. NaN for an expert whose weight does not vary in some seed.

    Shape: (seeds, samples, experts), the same rows and experts in every seed.
    Raises:
        ValueError: there are fewer than two seeds, or a weight is not finite.

    >>> one = [[0.1, 0.9], [0.4, 0.6], [0.8, 0.2]]
    >>> weight_agreement([one, one]).round(3).tolist()
    [1.0, 1.0]
    """
    given = float64(weights, "weights", ("seeds", "samples", "experts"))
    check_finite(given, "weights")
    if len(given) < 2:
        raise ValueError(f"weights: got {len(given)} seed; pass at least two")
    pairs = [spearman(one, other) for one, other in combinations(given, 2)]
    return np.mean(pairs, axis=0)


def _ensemble(
    expert_logits: Array, weights: Array, task: str
) -> tuple[
    Float[np.ndarray, "samples experts outputs"], Float[np.ndarray, "samples experts"]
]:
    check_choice(task, "task", TASKS)
    logits = float64(expert_logits, "expert_logits", ("samples", "experts", "outputs"))
    given = float64(weights, "weights", ("samples", "experts"))
    if logits.shape[:2] != given.shape:
        raise ValueError(
            f"weights: got shape {given.shape} beside logits {logits.shape}; samples "
            "and experts must agree"
        )
    check_finite(logits, "expert_logits")
    check_finite(given, "weights")
    check_probabilities(given, "weights")
    return logits, given


def _mixed(
    logits: np.ndarray, given: np.ndarray
) -> Float[np.ndarray, "samples outputs"]:
    return np.einsum("neo,ne->no", logits, given)


def _without(given: np.ndarray, expert: int) -> Float[np.ndarray, "samples experts"]:
    others = np.delete(np.arange(given.shape[1]), expert)
    left = given[:, others]
    total = left.sum(axis=1, keepdims=True)
    alike = np.full(left.shape, 1 / max(len(others), 1))
    kept = np.zeros_like(given)
    kept[:, others] = np.divide(left, total, out=alike, where=total > FADED)
    return kept


def _loss(outputs: np.ndarray, y: Array, task: str) -> Float[np.ndarray, " samples"]:
    if task == "classification":
        true = whole_numbers(y, "y", len(outputs))
        return -log_softmax(outputs, axis=1)[np.arange(len(outputs)), true]
    axes = ("samples",) if task == "regression" else ("samples", "outputs")
    true = float64(y, "y", axes)
    if task == "regression":
        outputs = outputs[:, 0]
    if true.shape != outputs.shape:
        raise ValueError(f"y: got shape {true.shape}; pass shape {outputs.shape}")
    if task == "regression":
        return np.abs(outputs - true)
    return (np.logaddexp(0, outputs) - true * outputs).mean(axis=1)
