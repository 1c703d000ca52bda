"""Spread over seeds, paired differences over groups, multiple comparisons."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

CHUNK = 1000  # resamples drawn at once; bounds memory, changes no number


@dataclass(frozen=True)
class Summary:
    """Mean and sample standard deviation; `sd` is None for a single value."""

    mean: float
    sd: float | None
    n: int


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


def paired_bootstrap(
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
    >>> paired_bootstrap(d, np.array(["a", "a", "b", "b"]), resamples=99).mean
    0.2
    """
    _check_groups(difference, group)
    per_sample = difference.mean(axis=0)
    _, index = np.unique(group, return_inverse=True)
    sums = np.bincount(index, weights=per_sample)
    sizes = np.bincount(index).astype(float)
    drawn = _resampled_means(sums, sizes, resamples, np.random.default_rng(seed))
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(drawn, [tail, 1 - tail])
    smaller = min(int(np.sum(drawn <= 0)), int(np.sum(drawn >= 0)))
    p = min(1.0, 2 * (1 + smaller) / (1 + resamples))
    return Difference(float(per_sample.mean()), float(lower), float(upper), p)


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


def _resampled_means(
    sums: Float[np.ndarray, " groups"],
    sizes: Float[np.ndarray, " groups"],
    resamples: int,
    generator: np.random.Generator,
) -> Float[np.ndarray, " resamples"]:
    """Mean over samples of each resample of groups, `CHUNK` resamples at a time."""
    even = np.full(len(sums), 1 / len(sums))
    means = []
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        counts: Int[np.ndarray, "resamples groups"]
        counts = generator.multinomial(len(sums), even, size=size)
        means.append((counts @ sums) / (counts @ sizes))
    return np.concatenate(means)


def _check_groups(difference: np.ndarray, group: np.ndarray) -> None:
    if len(group) != difference.shape[1]:
        raise ValueError(
            f"group: {len(group)} values for {difference.shape[1]} samples; "
            "give one group per sample"
        )
    count = len(np.unique(group))
    if count < 2:
        raise ValueError(
            f"group: {count} group(s); a bootstrap over groups needs at least two"
        )
