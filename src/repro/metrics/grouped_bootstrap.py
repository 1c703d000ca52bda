"""Bootstrap over groups of statistics of the confusion matrix, such as macro-F1."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from repro.metrics.classification import macro_f1
from repro.metrics.statistics import Difference

DRAWN_AT_ONCE = 1 << 20  # group draws held in memory; changes no number

Statistic = Callable[[np.ndarray], np.ndarray | np.float64]


@dataclass(frozen=True)
class Interval:
    """A statistic with its percentile interval."""

    mean: float
    lower: float
    upper: float


def grouped_difference(
    chosen: Int[np.ndarray, "seeds samples"],
    reference: Int[np.ndarray, "references samples"],
    y: np.ndarray,
    group: np.ndarray,
    *,
    classes: int = 4,
    statistic: Statistic = macro_f1,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Difference:
    """Bootstrap of a statistic of one method minus that of a reference.

    `chosen` and `reference` are predicted classes of the same samples. The statistic
    is computed from the confusion matrix of each seed, then averaged over the seeds
    of its method; a reference without randomness has one seed. All samples of a group
    (a patient) are drawn together, the same groups for both methods. p is twice the
    smaller tail of the resampled difference at zero, with one added to numerator and
    denominator.

    Source: Davison and Hinkley 1997, sections 2.4, 4.4 and 5.3.
    Units: those of `statistic`; percent for macro-F1.
    Raises:
        ValueError: the lengths disagree, a value is no class, there are fewer than
            two groups, or the statistic is undefined in a resample.

    >>> y, group = np.array([0, 1, 0, 1]), np.array(["a", "a", "b", "b"])
    >>> right, wrong = np.array([[0, 1, 0, 1]]), np.array([[1, 1, 1, 1]])
    >>> grouped_difference(right, wrong, y, group, classes=2, resamples=99).p
    0.02
    """
    first = _group_confusions(chosen, y, group, classes)
    second = _group_confusions(reference, y, group, classes)
    both = np.concatenate([first, second], axis=1)
    split = len(chosen)

    def difference(confusion: np.ndarray) -> np.ndarray:
        each = np.asarray(statistic(confusion))
        return each[:, :split].mean(axis=1) - each[:, split:].mean(axis=1)

    found, drawn = _resampled(both, difference, resamples, seed)
    lower, upper = _percentiles(drawn, confidence)
    smaller = min(int(np.sum(drawn <= 0)), int(np.sum(drawn >= 0)))
    p = min(1.0, 2 * (1 + smaller) / (1 + resamples))
    return Difference(found, lower, upper, p)


def grouped_interval(
    chosen: Int[np.ndarray, "seeds samples"],
    y: np.ndarray,
    group: np.ndarray,
    *,
    classes: int = 4,
    statistic: Statistic = macro_f1,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Bootstrap of a statistic of one method, averaged over its seeds.

    The interval holds the spread of the patients drawn, not that of the seeds.

    Source: Davison and Hinkley 1997, sections 2.4 and 5.3.
    Units: those of `statistic`; percent for macro-F1.
    Raises:
        ValueError: as for `grouped_difference`.

    >>> y, group = np.array([0, 1, 0, 1]), np.array(["a", "a", "b", "b"])
    >>> grouped_interval(y[None], y, group, classes=2, resamples=99)
    Interval(mean=100.0, lower=100.0, upper=100.0)
    """
    confusions = _group_confusions(chosen, y, group, classes)

    def mean(confusion: np.ndarray) -> np.ndarray:
        return np.asarray(statistic(confusion)).mean(axis=1)

    found, drawn = _resampled(confusions, mean, resamples, seed)
    return Interval(found, *_percentiles(drawn, confidence))


def _group_confusions(
    chosen: Int[np.ndarray, "seeds samples"],
    y: np.ndarray,
    group: np.ndarray,
    classes: int,
) -> Float[np.ndarray, "groups seeds classes classes"]:
    """The confusion matrix of every group and seed."""
    _check(chosen, y, group, classes)
    names, index = np.unique(group, return_inverse=True)
    shape = (len(names), len(chosen), classes, classes)
    seeds = np.arange(len(chosen))[:, None]
    cells = np.ravel_multi_index((index, seeds, y.astype(np.int64), chosen), shape)
    counts = np.bincount(cells.ravel(), minlength=int(np.prod(shape)))
    return counts.reshape(shape).astype(np.float32)


def _resampled(
    confusions: Float[np.ndarray, "groups matrices classes classes"],
    statistic: Callable[[np.ndarray], np.ndarray],
    resamples: int,
    seed: int,
) -> tuple[float, Float[np.ndarray, " resamples"]]:
    """The statistic of all groups together and of each resample of groups."""
    generator = np.random.default_rng(seed)
    groups, shape = len(confusions), confusions.shape[1:]
    flat = confusions.reshape(groups, -1)
    size = max(1, DRAWN_AT_ONCE // groups)
    drawn = []
    for start in range(0, resamples, size):
        counts = _multiplicities(groups, min(size, resamples - start), generator)
        # Sums of counts are whole numbers below 2**24, which float32 holds exactly.
        totals = (counts.astype(np.float32) @ flat).astype(np.float64)
        drawn.append(statistic(totals.reshape(-1, *shape)))
    everything = flat.sum(axis=0, dtype=np.float64).reshape(1, *shape)
    values = np.concatenate(drawn)
    undefined = int(np.isnan(values).sum())
    if undefined:
        raise ValueError(
            f"statistic: undefined in {undefined} of {resamples} resamples; choose "
            "one that is defined when a class is absent, such as macro_f1"
        )
    return float(statistic(everything)[0]), values


def _multiplicities(
    groups: int, resamples: int, generator: np.random.Generator
) -> Int[np.ndarray, "resamples groups"]:
    """How often each group is drawn, in `resamples` draws of `groups` groups."""
    drawn = generator.integers(groups, size=(resamples, groups))
    drawn += np.arange(resamples)[:, None] * groups
    counts = np.bincount(drawn.ravel(), minlength=resamples * groups)
    return counts.reshape(resamples, groups)


def _percentiles(
    drawn: Float[np.ndarray, " resamples"], confidence: float
) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(drawn, [tail, 1 - tail])
    return float(lower), float(upper)


def _check(chosen: np.ndarray, y: np.ndarray, group: np.ndarray, classes: int) -> None:
    for name, length in (("predictions", chosen.shape[1]), ("group", len(group))):
        if length != len(y):
            raise ValueError(
                f"{name}: {length} values for {len(y)} samples; give one per sample"
            )
    for name, values in (("predictions", chosen), ("y", y)):
        wrong = ~np.isin(values, np.arange(classes))
        if wrong.any():
            raise ValueError(
                f"{name}: {values[wrong][0]} is none of the classes 0 to "
                f"{classes - 1}; give class numbers"
            )
    count = len(np.unique(group))
    if count < 2:
        raise ValueError(
            f"group: {count} group(s); a bootstrap over groups needs at least two"
        )
