"""Modality weights: mutual information of unimodal and multimodal predictions."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import digamma, rel_entr

from btw.arrays import (
    Array,
    Float,
    Integer,
    as_numpy,
    check_finite,
    checked_predictions,
    float64,
    in_kind_of,
)

INFORMATION_FLOOR = 1e-5
NOISE = 1e-10
TABLE_CELLS = 1 << 20  # a larger label range is compacted before counting
BLOCK = 65_536  # labels at a time: temporaries stay in the cache


def discrete_information(a: Array, b: Array) -> float:
    """Mutual information of two label vectors.

    The plug-in estimate is too high by about (a - 1)(b - 1) / 2n nats for n samples of
    a and b labels (Miller 1955): 4.5 / n with four classes. It is not corrected, as
    published; what is known of few rows, or near independence, is mostly this bias.

    Source: BTW eq. (7), with the plug-in frequencies of (17)-(19).
    Shape: (samples,) each, integers or any other labels NumPy can sort.
    Units: nats.
    Raises:
        ValueError: the vectors are empty or differ in length.

    >>> round(discrete_information([0, 0, 1, 1], [1, 1, 0, 0]), 4)
    0.6931
    """
    first, second = as_numpy(a), as_numpy(b)
    if first.ndim != 1 or first.shape != second.shape or first.size == 0:
        raise ValueError(
            f"a, b: got shapes {first.shape} and {second.shape}; "
            "pass two label vectors of equal length, not empty"
        )
    table = _contingency(first, second)
    expected = np.multiply.outer(table.sum(1), table.sum(0)) / first.size
    return max(float(rel_entr(table, expected).sum()) / first.size, 0.0)


def _contingency(a: np.ndarray, b: np.ndarray) -> Integer[np.ndarray, "rows columns"]:
    a, rows = _codes(a)
    b, columns = _codes(b)
    cells = rows * columns
    if cells < 256 and len(a) >= 4 * cells**2:
        counts = _paired_counts(a, b, columns, cells)
    else:
        if cells > TABLE_CELLS:
            a, b = (np.unique(x, return_inverse=True)[1] for x in (a, b))
            rows, columns = int(a.max()) + 1, int(b.max()) + 1
        cell = np.multiply(a, columns, dtype=np.int64) + b
        counts = np.bincount(cell, minlength=rows * columns)
    return counts.reshape(rows, columns)


def _paired_counts(
    a: Integer[np.ndarray, " samples"],
    b: Integer[np.ndarray, " samples"],
    columns: int,
    cells: int,
) -> Integer[np.ndarray, " cells"]:
    """Counts of the cells by counting pairs of them: half as many steps."""
    pairs = np.zeros(cells**2, dtype=np.int64)
    for start in range(0, len(a), BLOCK):
        part = slice(start, start + BLOCK)
        codes = a[part].astype(np.uint8, copy=False) * np.uint8(columns)
        codes += b[part].astype(np.uint8, copy=False)
        half = len(codes) // 2
        joined = codes[:half].astype(np.uint16) * np.uint16(cells)
        joined += codes[half : 2 * half]
        pairs += np.bincount(joined, minlength=cells**2)
    table = pairs.reshape(cells, cells)
    counts = table.sum(0) + table.sum(1)
    if len(a) % 2:  # BLOCK is even: only the last label of all can be left over
        counts[int(a[-1]) * columns + int(b[-1])] += 1
    return counts


def _codes(labels: np.ndarray) -> tuple[Integer[np.ndarray, " samples"], int]:
    """Labels as integers from 0, and the size of their range; bytes when many."""
    if labels.dtype.kind in "iub":
        labels = labels.astype(np.int64, copy=False)
        # Read as unsigned, a negative label is huge: one maximum finds both ends.
        unsigned = labels.view(np.uint64)
        if len(labels) <= BLOCK:
            if (largest := int(unsigned.max())) < 256:
                return labels, largest + 1
        else:
            narrow = np.empty(len(labels), dtype=np.uint8)
            largest = 0
            for start in range(0, len(labels), BLOCK):
                block = unsigned[start : start + BLOCK]
                narrow[start : start + BLOCK] = block
                largest = max(largest, int(block.max()))
            if largest < 256:
                return narrow, largest + 1
    codes = np.unique(labels, return_inverse=True)[1]
    return codes, int(codes.max()) + 1


def continuous_information(
    x: Array, y: Array, neighbors: int = 3, random_state: int = 0
) -> float:
    """Mutual information of two continuous variables from nearest neighbors.

    Each variable is divided by its standard deviation, and a noise of 1e-10 breaks
    ties; both are drawn as scikit-learn's `mutual_info_regression` draws them, so
    the results agree with it.

    Source: Kraskov et al. 2004, estimator 1; named by BTW footnote 3.
    Shape: (samples,) each.
    Units: nats; an estimate below 0 is 0.
    Raises:
        ValueError: unequal lengths, fewer than neighbors + 1 samples, or a value
            that is not finite.

    >>> x = np.arange(50.0)
    >>> round(continuous_information(x, x), 3)
    2.496
    """
    values, target = (
        float64(v, name, ("samples",)) for v, name in ((x, "x"), (y, "y"))
    )
    check_finite(values, "x")
    check_finite(target, "y")
    if neighbors < 1:
        raise ValueError(f"neighbors: got {neighbors}; pass at least 1")
    if len(values) != len(target) or len(values) <= neighbors:
        raise ValueError(
            f"x, y: got {len(values)} and {len(target)} samples; "
            f"pass equal lengths above neighbors = {neighbors}"
        )
    return _estimate(values, _prepared(target, random_state), neighbors)


@dataclass(frozen=True)
class _Target:
    """The target with its noise, sorted once for all modalities compared with it."""

    noise: np.ndarray  # for the variable compared with the target
    values: np.ndarray
    order: np.ndarray
    ascending: np.ndarray


def _prepared(y: Float[np.ndarray, " samples"], random_state: int) -> _Target:
    generator = np.random.RandomState(random_state)
    noise = generator.standard_normal(len(y))
    deviation = y.std()
    values = _jittered(
        y, 1.0 if deviation == 0 else deviation, generator.standard_normal(len(y))
    )
    order = np.argsort(values)
    return _Target(noise, values, order, values[order])


def _jittered(values: np.ndarray, deviation: Any, noise: np.ndarray) -> np.ndarray:
    scaled = values / deviation
    return scaled + NOISE * max(1.0, np.abs(scaled).mean()) * noise


def _estimate(
    x: Float[np.ndarray, " samples"], target: _Target, neighbors: int
) -> float:
    deviation = x.std()
    # scikit-learn leaves a feature unscaled when its deviation is near rounding.
    tiny = deviation < 10 * np.finfo(np.float64).eps
    x = _jittered(x, 1.0 if tiny else deviation, target.noise)
    order = np.argsort(x)
    points = np.column_stack((x[order], target.values[order]))
    # Takes a fifth of a second to import; most uses are discrete or none.
    from scipy.spatial import cKDTree

    tree = cKDTree(points, balanced_tree=False, compact_nodes=False)
    distance = tree.query(points, k=[neighbors + 1], p=np.inf)[0][:, 0]
    radius = np.nextafter(distance, 0)  # neighbors strictly inside
    unsorted = np.empty_like(radius)
    unsorted[order] = radius
    x_counts = _within(points[:, 0].copy(), radius)
    y_counts = _within(target.ascending, unsorted[target.order])
    table = digamma(np.arange(1, max(x_counts.max(), y_counts.max()) + 1))
    marginals = table[x_counts - 1].mean() + table[y_counts - 1].mean()
    return max(float(digamma(len(x)) + digamma(neighbors) - marginals), 0.0)


def _within(
    ascending: Float[np.ndarray, " samples"], radius: Float[np.ndarray, " samples"]
) -> Integer[np.ndarray, " samples"]:
    """How many values w satisfy |v - w| <= radius for each v, itself included."""
    lower = np.searchsorted(ascending, ascending - radius, "left")
    upper = np.searchsorted(ascending, ascending + radius, "right") - 1
    # v - radius and v + radius are rounded, the difference of two values is rounded
    # otherwise: move each end until the difference itself decides.
    _settle(ascending, radius, lower, -1)
    _settle(ascending, radius, upper, +1)
    return upper - lower + 1


def _settle(
    ascending: np.ndarray, radius: np.ndarray, end: np.ndarray, outward: int
) -> None:
    last = len(ascending) - 1
    open_rows: Any = slice(None)
    while np.size(ends := end[open_rows] + outward):
        inside = np.abs(ascending[np.clip(ends, 0, last)] - ascending[open_rows])
        grow = (inside <= radius[open_rows]) & (ends >= 0) & (ends <= last)
        open_rows = np.arange(last + 1)[open_rows][grow]
        end[open_rows] += outward
    open_rows = slice(None)
    while np.size(ends := end[open_rows]):
        shrink = np.abs(ascending[ends] - ascending[open_rows]) > radius[open_rows]
        open_rows = np.arange(last + 1)[open_rows][shrink]
        end[open_rows] -= outward


def modality_information(
    unimodal: Array,
    multimodal: Array,
    task: str,
    present: Array | None = None,
    neighbors: int = 3,
    random_state: int = 0,
    names: Sequence[str] | None = None,
) -> Array:
    """Share of each modality in the information on the multimodal prediction.

    Predicted classes are compared for classification, values for regression, over
    the rows where the modality is present; floored at 1e-5, then summing to 1.

    Source: BTW eq. (7); k = 3 and the normalization from the authors' code.
    Shape: unimodal (samples, modalities[, classes]), multimodal (samples[, classes]);
        the result is (modalities,).

    >>> modality_information([[0.0, 1.0]] * 9, [0.0] * 9, "regression").tolist()
    [0.5, 0.5]
    """
    own, joint, mask = checked_predictions(task, unimodal, multimodal, present)
    if task == "classification":
        own, joint = own.argmax(-1), joint.argmax(-1)
    result = np.full(own.shape[1], INFORMATION_FLOOR)
    targets: dict[bytes, _Target] = {}
    for m, rows in enumerate(mask.T):
        if (count := int(np.count_nonzero(rows))) <= neighbors:
            _warn_scarce(names, m, count, neighbors)
            continue
        column, aim = own[rows, m], joint[rows]
        if task == "classification":
            information = discrete_information(column, aim)
        else:
            # Modalities present in the same rows share the noise and the sorting.
            key = np.packbits(rows).tobytes()
            if key not in targets:
                targets[key] = _prepared(aim, random_state)
            information = _estimate(column, targets[key], neighbors)
        result[m] = max(information, INFORMATION_FLOOR)
    return in_kind_of(multimodal, result / result.sum())


def _warn_scarce(
    names: Sequence[str] | None, modality: int, rows: int, neighbors: int
) -> None:
    name = names[modality] if names is not None else f"number {modality}"
    warnings.warn(
        f"modality {name}: present in {rows} rows, fewer than {neighbors + 1}; "
        "its information is set to the floor",
        UserWarning,
        stacklevel=3,
    )
