"""What two sources tell of a target: unique, redundant and synergistic information."""

from dataclasses import dataclass

import numpy as np
from scipy.special import rel_entr

from btw.arrays import Array, Float, Integer, as_numpy, check_finite, float64

SWEEPS, SCALINGS = 300, 200  # what the search is cut at: both hold at its boundary
STILL = 1e-10  # nats; a sweep that gains less is the last
FLOOR = 1e-200  # what a scaling divides by at least
SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Decomposition:
    """Information of two sources on a target, in four parts that sum to all of it."""

    unique_1: float
    unique_2: float
    redundancy: float
    synergy: float

    @property
    def total(self) -> float:
        """What both sources tell together."""
        return self.unique_1 + self.unique_2 + self.redundancy + self.synergy

    def shares(self) -> "Decomposition":
        """The parts as shares of all; NaN where the sources tell nothing."""
        total = self.total or np.nan
        parts = self.unique_1, self.unique_2, self.redundancy, self.synergy
        return Decomposition(*(part / total for part in parts))


def decomposition(joint: Array, base: float = 2.0) -> Decomposition:
    """Partial information decomposition of a joint distribution.

    Unique information is what is left of the information of a source given the other,
    at the least that any distribution with the same two pairs of source and target
    allows. That minimum is the smallest divergence of such a distribution q from a
    product of r(x1, x2) and p(y): it is found by fitting q to the pairs by Sinkhorn
    scaling, and r to q, in turn. A search that ends at its cap has parts that are off
    by less than 1e-3 bits in every case that was tried.

    Source: Bertschinger et al. 2014.
    Shape: (first, second, target), probabilities or counts.
    Units: bits, or units of log `base`.
    Raises:
        ValueError: a value is negative or not finite, or all are 0.

    >>> xor = np.zeros((2, 2, 2))
    >>> xor[[0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0]] = 0.25
    >>> round(decomposition(xor).synergy, 6)
    1.0
    """
    p = float64(joint, "joint", ("first", "second", "target"))
    check_finite(p, "joint")
    if p.size == 0 or p.min() < 0 or p.sum() <= 0:
        raise ValueError(
            f"joint: got values from {p.min(initial=0)} with the sum {p.sum()}; pass "
            "probabilities or counts, not all 0"
        )
    p = p / p.sum()
    p = p[:, :, p.sum(axis=(0, 1)) > 0]
    first, second = _information(p.sum(axis=1)), _information(p.sum(axis=0))
    both = _information(p.reshape(-1, p.shape[2]))
    least = min(max(_least_information(p), first, second), both)
    unique_1, unique_2 = least - second, least - first
    parts = unique_1, unique_2, first - unique_1, both - least
    return Decomposition(*(max(part, 0.0) / float(np.log(base)) for part in parts))


def decomposition_of_codes(
    first: Array, second: Array, target: Array, base: float = 2.0
) -> Decomposition:
    """The decomposition of what was counted in samples.

    The frequencies are plugged in as they are. Information is then too high, above all
    synergy, by about half the number of cells over that of the samples.

    Shape: (samples,) each, any labels that NumPy can sort.
    Units: bits, or units of log `base`.
    Raises:
        ValueError: the vectors are empty or differ in length.

    >>> x = [0, 0, 1, 1] * 5
    >>> round(decomposition_of_codes(x, x, x).redundancy, 6)
    1.0
    """
    columns = [as_numpy(values) for values in (first, second, target)]
    shapes = [values.shape for values in columns]
    if len(set(shapes)) > 1 or len(shapes[0]) != 1 or shapes[0][0] == 0:
        raise ValueError(
            f"first, second, target: got shapes {', '.join(map(str, shapes))}; pass "
            "three vectors of equal length, not empty"
        )
    return decomposition(_counts(columns), base)


def _counts(
    columns: list[np.ndarray],
) -> Integer[np.ndarray, "first second target"]:
    codes = [np.unique(values, return_inverse=True)[1] for values in columns]
    counts = np.zeros([int(code.max()) + 1 for code in codes], dtype=np.int64)
    np.add.at(counts, tuple(codes), 1)
    return counts


def _information(p: Float[np.ndarray, "source target"]) -> float:
    expected = np.multiply.outer(p.sum(axis=1), p.sum(axis=0))
    return float(rel_entr(p, expected).sum())


def _least_information(p: Float[np.ndarray, "first second target"]) -> float:
    """Least information of both sources given each pair of source and target, nats."""
    of_target = p.sum(axis=(0, 1))
    rows = p.sum(axis=1).T / of_target[:, None]  # (target, first)
    columns = p.sum(axis=0).T / of_target[:, None]
    fitted = rows[:, :, None] * columns[:, None, :]
    known = np.inf
    for _ in range(SWEEPS):
        product = np.einsum("y,yij->ij", of_target, fitted)
        fitted = _scaled(product, rows, columns)
        # Less than that underflows in the next product, and a ratio to 0 has no bound.
        fitted[fitted < FLOOR] = 0.0
        mixed = np.einsum("y,yij->ij", of_target, fitted)
        found = float((of_target[:, None, None] * rel_entr(fitted, mixed)).sum())
        if not known - found >= STILL:
            return min(known, found)
        known = found
    return known


def _scaled(
    product: Float[np.ndarray, "first second"],
    rows: Float[np.ndarray, "target first"],
    columns: Float[np.ndarray, "target second"],
) -> Float[np.ndarray, "target first second"]:
    """Of all tables with these margins the nearest to the product, per target."""
    right = np.ones_like(columns)
    for _ in range(SCALINGS):
        left = rows / np.maximum(right @ product.T, FLOOR)
        right = columns / np.maximum(left @ product, FLOOR)
    return left[:, :, None] * product * right[:, None, :]
