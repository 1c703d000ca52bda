"""Statistics of methods as functions of how often each group is drawn.

Each is prepared once from predictions, labels and groups, and gives for counts of
drawn groups, one row per resample, its value for every seed. All samples of a group (a
video, a patient) are drawn together.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from repro.metrics.bootstrap import Statistic
from repro.metrics.classification import Scores


def mean_statistic(
    values: Float[np.ndarray, "seeds samples"],
    group: np.ndarray,
    chosen: Bool[np.ndarray, " samples"] | None = None,
) -> Statistic:
    """The mean over samples, such as an error or a loss of each; only `chosen` count.

    Raises:
        ValueError: the lengths disagree, or there are fewer than two groups.

    >>> of = mean_statistic(np.array([[1.0, 2.0, 6.0]]), np.array(["a", "a", "b"]))
    >>> of(np.array([[1, 1], [0, 2]])).tolist()
    [[3.0], [6.0]]
    """
    names, index = grouped(group, values.shape[1])
    counted = np.ones(len(index)) if chosen is None else chosen.astype(np.float64)
    totals = np.stack(
        [np.bincount(index, weights=row * counted) for row in values], axis=1
    )
    sizes = np.bincount(index, weights=counted, minlength=names)
    return lambda counts: (counts @ totals) / (counts @ sizes)[:, None]


def ratio_statistic(
    above: Float[np.ndarray, "seeds samples"],
    below: Float[np.ndarray, "seeds samples"],
    group: np.ndarray,
    chosen: Bool[np.ndarray, " samples"] | None = None,
) -> Statistic:
    """The sum of one value over samples by that of another; only `chosen` count.

    NaN where the sum below is 0.

    Raises:
        ValueError: the lengths disagree, or there are fewer than two groups.

    >>> one, other = np.array([[1.0, 3.0]]), np.array([[2.0, 2.0]])
    >>> of = ratio_statistic(one, other, np.array(["a", "b"]))
    >>> of(np.array([[1, 1], [0, 2]])).tolist()
    [[1.0], [1.5]]
    """
    mean = [mean_statistic(values, group, chosen) for values in (above, below)]

    def statistic(counts: np.ndarray) -> np.ndarray:
        top, bottom = (of(counts) for of in mean)
        undefined = np.full(top.shape, np.nan)
        return np.divide(top, bottom, out=undefined, where=bottom > 0)

    return statistic


def confusion_statistic(
    chosen: Int[np.ndarray, "seeds samples"],
    y: np.ndarray,
    group: np.ndarray,
    *,
    classes: int,
    of: Callable[[np.ndarray], Scores],
) -> Statistic:
    """A statistic of the confusion matrix of the predicted classes.

    Raises:
        ValueError: the lengths disagree, a value is no class, or there are fewer than
            two groups.

    >>> from repro.metrics.classification import accuracy
    >>> y, group = np.array([0, 1]), np.array(["a", "b"])
    >>> right = confusion_statistic(y[None], y, group, classes=2, of=accuracy)
    >>> right(np.array([[2, 0]])).tolist()
    [[100.0]]
    """
    totals = _group_confusions(chosen, y, group, classes)
    flat = totals.reshape(len(totals), -1)

    def statistic(counts: np.ndarray) -> np.ndarray:
        # float32 holds whole numbers below 2**24 exactly.
        summed = (counts.astype(np.float32) @ flat).astype(np.float64)
        return np.asarray(of(summed.reshape(len(counts), *totals.shape[1:])))

    return statistic


def auroc_statistic(
    probabilities: Float[np.ndarray, "seeds samples classes"],
    y: np.ndarray,
    group: np.ndarray,
    chosen: Bool[np.ndarray, " samples"] | None = None,
) -> Statistic:
    """Mean over classes of the area under the curve of each against the rest.

    Samples count as often as their group is drawn (Mann-Whitney, ties by half). The
    mean is over the classes that a resample can tell from the rest; NaN if none can.
    Only `chosen` samples count.

    Raises:
        ValueError: the lengths disagree, a label is no class, or there are fewer than
            two groups.

    >>> p = np.array([[[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]])
    >>> of = auroc_statistic(p, np.array([0, 1, 0]), np.array(["a", "b", "c"]))
    >>> of(np.array([[1, 1, 1], [0, 0, 3]])).tolist()
    [[1.0], [nan]]
    """
    check_classes("y", y, probabilities.shape[-1])
    _, index = grouped(group, probabilities.shape[1])
    kept = np.ones(len(index), dtype=bool) if chosen is None else chosen
    y, index, probabilities = y[kept], index[kept], probabilities[:, kept]
    contests = [
        [_contest(scores[:, k], y == k, index) for scores in probabilities]
        for k in range(probabilities.shape[-1])
    ]

    def statistic(counts: np.ndarray) -> np.ndarray:
        # Groups in rows: what is gathered and summed lies side by side.
        weight = np.ascontiguousarray(counts.T, dtype=np.float64)
        areas = [[contest.area(weight) for contest in row] for row in contests]
        return _mean_of_defined(np.array(areas)).T

    return statistic


def grouped(group: np.ndarray, samples: int) -> tuple[int, Int[np.ndarray, " samples"]]:
    """How many groups there are, and the number of the group of each sample.

    Raises:
        ValueError: the lengths disagree, or there are fewer than two groups.
    """
    if len(group) != samples:
        raise ValueError(
            f"group: {len(group)} values for {samples} samples; give one per sample"
        )
    names, index = np.unique(group, return_inverse=True)
    if len(names) < 2:
        raise ValueError(
            f"group: {len(names)} group(s); a bootstrap over groups needs at least two"
        )
    return len(names), index


def check_classes(name: str, values: np.ndarray, classes: int) -> None:
    """Stop at a value that is no class.

    Raises:
        ValueError: there is one; names it.
    """
    wrong = ~np.isin(values, np.arange(classes))
    if wrong.any():
        raise ValueError(
            f"{name}: {values[wrong][0]} is none of the classes 0 to "
            f"{classes - 1}; give class numbers"
        )


@dataclass(frozen=True)
class _Contest:
    """One class against the rest by the scores of one seed, as numbers of groups.

    `rest` stands in the order of the scores; `left` and `right` say how many of it lie
    below each true sample, without and with those of the same score.
    """

    true: Int[np.ndarray, " true"]
    rest: Int[np.ndarray, " rest"]
    left: Int[np.ndarray, " true"]
    right: Int[np.ndarray, " true"]

    def area(
        self, weight: Float[np.ndarray, "groups resamples"]
    ) -> Float[np.ndarray, " resamples"]:
        """Share of the pairs in which the true sample has the higher score."""
        below = np.zeros((len(self.rest) + 1, weight.shape[1]))
        np.cumsum(weight[self.rest], axis=0, out=below[1:])
        true = weight[self.true]
        won = np.einsum("nr,nr->r", true, below[self.left] + below[self.right]) / 2
        pairs = true.sum(axis=0) * below[-1]
        undefined = np.full(len(pairs), np.nan)
        return np.divide(won, pairs, out=undefined, where=pairs > 0)


def _contest(scores: np.ndarray, is_true: np.ndarray, index: np.ndarray) -> _Contest:
    order = np.argsort(scores[~is_true], kind="stable")
    known, own = scores[~is_true][order], scores[is_true]
    left, right = (np.searchsorted(known, own, side) for side in ("left", "right"))
    return _Contest(index[is_true], index[~is_true][order], left, right)


def _mean_of_defined(
    areas: Float[np.ndarray, "classes seeds resamples"],
) -> Float[np.ndarray, "seeds resamples"]:
    known = ~np.isnan(areas)
    count = known.sum(axis=0)
    total = np.where(known, areas, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _group_confusions(
    chosen: Int[np.ndarray, "seeds samples"],
    y: np.ndarray,
    group: np.ndarray,
    classes: int,
) -> Float[np.ndarray, "groups seeds classes classes"]:
    """The confusion matrix of every group and seed."""
    if chosen.shape[1] != len(y):
        raise ValueError(
            f"predictions: {chosen.shape[1]} values for {len(y)} samples; "
            "give one per sample"
        )
    check_classes("predictions", chosen, classes)
    check_classes("y", y, classes)
    names, index = grouped(group, len(y))
    shape = (names, len(chosen), classes, classes)
    seeds = np.arange(len(chosen))[:, None]
    cells = np.ravel_multi_index((index, seeds, y.astype(np.int64), chosen), shape)
    counts = np.bincount(cells.ravel(), minlength=int(np.prod(shape)))
    return counts.reshape(shape).astype(np.float32)
