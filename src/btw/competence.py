"""How well each expert does alone on the rows of each planted mechanism."""

from dataclasses import dataclass

import numpy as np

from btw.arrays import Array, Float, as_numpy, check_finite, float64, whole_numbers

__all__ = ["Specialisation", "competence", "specialisation"]


@dataclass(frozen=True)
class Specialisation:
    """How much better experts are on their own mechanism than on the others.

    `named` takes every expert at its name, `relabelled` gives the names anew, as best
    they fit: `order[e]` is then the mechanism of expert e.
    """

    named: float
    relabelled: float
    order: tuple[int, ...]

    @property
    def gap(self) -> float:
        """What wrong names cost: the experts specialise, but not in what they say."""
        return self.relabelled - self.named


def competence(
    expert_logits: Array, y: Array, mechanism: Array, mechanisms: int | None = None
) -> Float[np.ndarray, "experts mechanisms"]:
    """Accuracy of each expert alone on the rows of each mechanism.

    NaN where no row has the mechanism. `mechanisms` is their number, by default that
    of the experts.

    Shape: expert_logits (samples, experts, classes), y and mechanism (samples,).
    Units: share of rows.
    Raises:
        ValueError: as for `mechanism_auroc`.

    >>> logits = [[[2.0, 0.0], [0.0, 2.0]], [[2.0, 0.0], [0.0, 2.0]]]
    >>> competence(logits, [0, 1], [0, 1]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    logits = float64(expert_logits, "expert_logits", ("samples", "experts", "classes"))
    check_finite(logits, "expert_logits")
    planted, true = whole_numbers(mechanism, "mechanism", len(logits)), as_numpy(y)
    if true.shape != planted.shape:
        raise ValueError(f"y: got shape {true.shape}; pass shape {planted.shape}")
    right = logits.argmax(axis=2) == true[:, None]
    kinds = range(logits.shape[1] if mechanisms is None else mechanisms)
    columns = [right[planted == kind] for kind in kinds]
    undefined = np.full(logits.shape[1], np.nan)
    means = [rows.mean(axis=0) if len(rows) else undefined for rows in columns]
    return np.stack(means, axis=1)


def specialisation(accuracy: Array) -> Specialisation:
    """How far a competence matrix is diagonal, under its names and the best others.

    Each is the mean of the diagonal less that of the rest.

    Shape: (experts, mechanisms), square, as `competence` gives it.
    Raises:
        ValueError: it is not square, has one expert only, or a value is NaN.

    >>> specialisation([[0.3, 0.9], [0.8, 0.2]]).order
    (1, 0)
    """
    matrix = float64(accuracy, "accuracy", ("experts", "mechanisms"))
    check_finite(matrix, "accuracy")
    size = len(matrix)
    if matrix.shape != (size, size) or size < 2:
        raise ValueError(
            f"accuracy: got shape {matrix.shape}; pass a square matrix of two or more"
        )
    from scipy.optimize import linear_sum_assignment

    _, order = linear_sum_assignment(matrix, maximize=True)
    named, relabelled = (_beyond(matrix, k) for k in (np.arange(size), order))
    return Specialisation(named, relabelled, tuple(order.tolist()))


def _beyond(matrix: np.ndarray, order: np.ndarray) -> float:
    size = len(matrix)
    own = matrix[np.arange(size), order].sum()
    return float(own / size - (matrix.sum() - own) / (size * (size - 1)))
