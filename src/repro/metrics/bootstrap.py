"""The bootstrap over groups, spread over seeds, and multiple comparisons."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from repro.metrics.classification import macro_f1

# Resamples and group draws held in memory at once; neither changes a number.
CHUNK = 1000
DRAWN_AT_ONCE = 1 << 20

Statistic = Callable[[np.ndarray], np.ndarray | np.float64]
# How often each group is drawn: (groups, resamples, generator) -> resamples groups.
# Both schemes draw from one distribution; each is kept where it was used first, so
# that printed digits do not move.
Draw = Callable[[int, int, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Summary:
    """Mean and sample standard deviation; `sd` is None for a single value."""

    mean: float
    sd: float | None
    n: int


@dataclass(frozen=True)
class Interval:
    """A statistic with its percentile interval."""

    mean: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Difference:
    """A paired difference with its percentile interval and two-sided p."""

    mean: float
    lower: float
    upper: float
    p: float


def summary(values: Float[np.ndarray, " seeds"]) -> Summary:
    """Mean, sample sd (ddof 1) and count.

    Raises:
        ValueError: there are no values.

    >>> summary(np.array([1.0, 3.0]))
    Summary(mean=2.0, sd=1.4142135623730951, n=2)
    """
    if len(values) == 0:
        raise ValueError("values: none to summarize; give at least one seed")
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Summary(float(np.mean(values)), sd, len(values))


def holm(p: Float[np.ndarray, " comparisons"]) -> Float[np.ndarray, " comparisons"]:
    """Adjusted p values that control the family-wise error.

    Source: Holm 1979.

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(np.minimum(p[order] * factors, 1.0))
    return adjusted


def mean_difference(
    difference: Float[np.ndarray, "seeds samples"],
    group: np.ndarray,
    *,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Difference:
    """Bootstrap of a mean paired difference, resampling whole groups.

    The statistic is the mean over seeds of the mean over samples; all samples of a
    group (a video, a patient) are drawn together. p is twice the smaller tail of the
    resampled statistic at zero, with one added to numerator and denominator.

    Source: Davison and Hinkley 1997, sections 2.4, 4.4 and 5.3.
    Raises:
        ValueError: the lengths disagree, or there are fewer than two groups.

    >>> d = np.array([[0.2, 0.2, 0.1, 0.3]])
    >>> mean_difference(d, np.array(["a", "a", "b", "b"]), resamples=99).mean
    0.2
    """
    _check_groups(group, difference.shape[1])
    per_sample = difference.mean(axis=0)
    _, index = np.unique(group, return_inverse=True)
    totals = np.bincount(index, weights=per_sample), np.bincount(index).astype(float)
    drawn = _resampled(totals, np.divide, multinomial_counts, resamples, seed)
    return _difference(float(per_sample.mean()), drawn, confidence)


def confusion_difference(
    chosen: Int[np.ndarray, "seeds samples"],
    reference: Int[np.ndarray, "references samples"],
    y: np.ndarray,
    group: np.ndarray,
    *,
    classes: int,
    statistic: Statistic = macro_f1,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Difference:
    """Bootstrap of a statistic of one method minus that of a reference.

    `chosen` and `reference` are predicted classes of the same samples. The statistic
    is computed from the confusion matrix of each seed, then averaged over the seeds
    of its method; a reference without randomness has one seed. All samples of a group
    are drawn together, the same groups for both methods. p as in `mean_difference`.

    Source: Davison and Hinkley 1997, sections 2.4, 4.4 and 5.3.
    Units: those of `statistic`; percent for macro-F1.
    Raises:
        ValueError: the lengths disagree, a value is no class, there are fewer than
            two groups, or the statistic is undefined in a resample.

    >>> y, group = np.array([0, 1, 0, 1]), np.array(["a", "a", "b", "b"])
    >>> right, wrong = np.array([[0, 1, 0, 1]]), np.array([[1, 1, 1, 1]])
    >>> confusion_difference(right, wrong, y, group, classes=2, resamples=99).p
    0.02
    """
    first = _group_confusions(chosen, y, group, classes)
    second = _group_confusions(reference, y, group, classes)
    both, split = np.concatenate([first, second], axis=1), len(chosen)

    def difference(confusion: np.ndarray) -> np.ndarray:
        each = np.asarray(statistic(confusion))
        return each[:, :split].mean(axis=1) - each[:, split:].mean(axis=1)

    found = float(difference(both.sum(axis=0, dtype=np.float64)[None])[0])
    drawn = _resampled([both], difference, integer_counts, resamples, seed)
    return _difference(found, drawn, confidence)


def confusion_interval(
    chosen: Int[np.ndarray, "seeds samples"],
    y: np.ndarray,
    group: np.ndarray,
    *,
    classes: int,
    statistic: Statistic = macro_f1,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Bootstrap of a statistic of one method, averaged over its seeds.

    The interval holds the spread of the groups drawn, not that of the seeds.

    Source: Davison and Hinkley 1997, sections 2.4 and 5.3.
    Units: those of `statistic`; percent for macro-F1.
    Raises:
        ValueError: as for `confusion_difference`.

    >>> y, group = np.array([0, 1, 0, 1]), np.array(["a", "a", "b", "b"])
    >>> confusion_interval(y[None], y, group, classes=2, resamples=99)
    Interval(mean=100.0, lower=100.0, upper=100.0)
    """
    confusions = _group_confusions(chosen, y, group, classes)

    def mean(confusion: np.ndarray) -> np.ndarray:
        return np.asarray(statistic(confusion)).mean(axis=1)

    found = float(mean(confusions.sum(axis=0, dtype=np.float64)[None])[0])
    drawn = _resampled([confusions], mean, integer_counts, resamples, seed)
    return Interval(found, *_percentiles(drawn, confidence))


def multinomial_counts(
    groups: int, resamples: int, generator: np.random.Generator
) -> Int[np.ndarray, "resamples groups"]:
    """How often each group is drawn, as multinomial counts."""
    return generator.multinomial(groups, np.full(groups, 1 / groups), size=resamples)


def integer_counts(
    groups: int, resamples: int, generator: np.random.Generator
) -> Int[np.ndarray, "resamples groups"]:
    """How often each group is drawn, counted from the numbers of the drawn groups."""
    drawn = generator.integers(groups, size=(resamples, groups))
    drawn += np.arange(resamples)[:, None] * groups
    counts = np.bincount(drawn.ravel(), minlength=resamples * groups)
    return counts.reshape(resamples, groups)


def _resampled(
    totals: Sequence[Float[np.ndarray, "groups ..."]],
    statistic: Callable[..., np.ndarray],
    draw: Draw,
    resamples: int,
    seed: int,
) -> Float[np.ndarray, " resamples"]:
    """The statistic of the summed group totals of each resample of groups."""
    generator, groups = np.random.default_rng(seed), len(totals[0])
    size = max(1, min(CHUNK, DRAWN_AT_ONCE // groups))
    found = []
    for start in range(0, resamples, size):
        counts = draw(groups, min(size, resamples - start), generator)
        found.append(statistic(*(_summed(counts, total) for total in totals)))
    values = np.concatenate(found)
    undefined = int(np.isnan(values).sum())
    if undefined:
        raise ValueError(
            f"statistic: undefined in {undefined} of {resamples} resamples; choose "
            "one that is defined when a class is absent, such as macro_f1"
        )
    return values


def _summed(
    counts: Int[np.ndarray, "resamples groups"],
    totals: Float[np.ndarray, "groups ..."],
) -> Float[np.ndarray, "resamples ..."]:
    # Confusion counts come as float32, which holds whole numbers below 2**24 exactly.
    flat = totals.reshape(len(totals), -1) if totals.ndim > 1 else totals
    summed = (counts.astype(totals.dtype) @ flat).astype(np.float64)
    return summed.reshape(len(counts), *totals.shape[1:])


def _difference(
    found: float, drawn: Float[np.ndarray, " resamples"], confidence: float
) -> Difference:
    smaller = min(int(np.sum(drawn <= 0)), int(np.sum(drawn >= 0)))
    p = min(1.0, 2 * (1 + smaller) / (1 + len(drawn)))
    return Difference(found, *_percentiles(drawn, confidence), p)


def _percentiles(
    drawn: Float[np.ndarray, " resamples"], confidence: float
) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(drawn, [tail, 1 - tail])
    return float(lower), float(upper)


def _group_confusions(
    chosen: Int[np.ndarray, "seeds samples"],
    y: np.ndarray,
    group: np.ndarray,
    classes: int,
) -> Float[np.ndarray, "groups seeds classes classes"]:
    """The confusion matrix of every group and seed."""
    _check_classes(chosen, y, classes)
    _check_groups(group, len(y))
    names, index = np.unique(group, return_inverse=True)
    shape = (len(names), len(chosen), classes, classes)
    seeds = np.arange(len(chosen))[:, None]
    cells = np.ravel_multi_index((index, seeds, y.astype(np.int64), chosen), shape)
    counts = np.bincount(cells.ravel(), minlength=int(np.prod(shape)))
    return counts.reshape(shape).astype(np.float32)


def _check_classes(chosen: np.ndarray, y: np.ndarray, classes: int) -> None:
    if chosen.shape[1] != len(y):
        raise ValueError(
            f"predictions: {chosen.shape[1]} values for {len(y)} samples; "
            "give one per sample"
        )
    for name, values in (("predictions", chosen), ("y", y)):
        wrong = ~np.isin(values, np.arange(classes))
        if wrong.any():
            raise ValueError(
                f"{name}: {values[wrong][0]} is none of the classes 0 to "
                f"{classes - 1}; give class numbers"
            )


def _check_groups(group: np.ndarray, samples: int) -> None:
    if len(group) != samples:
        raise ValueError(
            f"group: {len(group)} values for {samples} samples; give one per sample"
        )
    count = len(np.unique(group))
    if count < 2:
        raise ValueError(
            f"group: {count} group(s); a bootstrap over groups needs at least two"
        )
