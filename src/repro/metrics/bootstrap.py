"""The crossed bootstrap over seeds and groups, spread over seeds, and Holm."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

# Resamples and group draws held in memory at once; neither changes a number.
CHUNK = 1000
DRAWN_AT_ONCE = 1 << 20
LEAST_DEFINED = 0.5  # share of the resamples in which a statistic must have a value
ROUNDING = 1e-9

# The statistic of every seed, from how often each group is drawn.
Statistic = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Summary:
    """Mean and sample standard deviation; `sd` is None for a single value."""

    mean: float
    sd: float | None
    n: int


@dataclass(frozen=True)
class Interval:
    """A statistic with its interval."""

    mean: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Difference:
    """A paired difference with its interval, two-sided p and seed standard error.

    What was not tested has only its mean.
    """

    mean: float
    lower: float | None = None
    upper: float | None = None
    p: float | None = None
    se_seeds: float | None = None


@dataclass(frozen=True)
class Resampled:
    """A statistic of every seed, on the groups as they are and on every resample.

    A method without randomness has one seed. Methods whose samples lie in the same
    groups are drawn alike, so that their differences are paired.
    """

    found: Float[np.ndarray, " seeds"]
    drawn: Float[np.ndarray, "resamples seeds"]
    groups: int

    def __sub__(self, other: "Resampled") -> "Resampled":
        """The difference, seed by seed; one seed is set against every other.

        What only rounding makes different is equal: 1e-9 of the larger value.
        """
        found = _gap(self.found, other.found)
        return Resampled(found, _gap(self.drawn, other.drawn), self.groups)


@dataclass(frozen=True)
class Variances:
    """Variances of a mean over seeds and groups: drawn once each alone, and beyond.

    `interaction` is what drawing both adds to the two alone.
    """

    seeds: float
    groups: float
    interaction: float

    @property
    def total(self) -> float:
        """What seeds, groups and their interaction make together; never below either.

        The variance from seeds alone holds the interaction once, that from groups
        alone, too, so that it is taken off once.

        Source: Cameron, Gelbach and Miller 2011, section 2.

        >>> Variances(seeds=3.0, groups=2.0, interaction=1.0).total
        4.0
        """
        both = self.seeds + self.groups - self.interaction
        return max(both, self.seeds, self.groups)


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


def resampled(
    statistics: Mapping[str, Statistic],
    groups: int,
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> dict[str, Resampled]:
    """Statistics on resamples of whole groups, the same resamples for all of them.

    >>> of_seeds = lambda counts: (counts @ np.array([[1.0], [3.0]])) / 2
    >>> resampled({"mean": of_seeds}, 2, resamples=9)["mean"].found.tolist()
    [2.0]
    """
    generator, size = np.random.default_rng(seed), _chunk(groups)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in statistics}
    for start in range(0, resamples, size):
        counts = group_counts(groups, min(size, resamples - start), generator)
        for name, statistic in statistics.items():
            parts[name].append(statistic(counts))
    once = np.ones((1, groups), dtype=np.int64)
    return {
        name: Resampled(statistic(once)[0], np.concatenate(parts[name]), groups)
        for name, statistic in statistics.items()
    }


def group_counts(
    groups: int, resamples: int, generator: np.random.Generator
) -> Int[np.ndarray, "resamples groups"]:
    """How often each group is drawn, counted from the numbers of the drawn groups."""
    drawn = generator.integers(groups, size=(resamples, groups))
    drawn += np.arange(resamples)[:, None] * groups
    counts = np.bincount(drawn.ravel(), minlength=resamples * groups)
    return counts.reshape(resamples, groups)


def variances(values: Resampled, *, seed: int = 0) -> Variances:
    """Variances of the mean over seeds when seeds, groups or both are drawn again.

    Each is taken to the size of an unbiased variance, S / (S - 1) for S seeds and
    likewise for groups. Drawing both gives the variance of the seeds, that of the
    groups and three times that of their interaction, so that what is left beside the
    two alone is one interaction.

    Source: Owen 2007, theorem 3; Davison and Hinkley 1997, section 3.8.
    Raises:
        ValueError: the statistic is undefined in half of the resamples or more.
    """
    drawn = _defined(values.drawn)
    seeds, groups = len(values.found), values.groups
    of_groups = float(drawn.mean(axis=1).var()) * groups / (groups - 1)
    if seeds == 1:
        return Variances(0.0, of_groups, 0.0)
    # A stream of its own: the draws of groups do not depend on the number of seeds.
    generator = np.random.default_rng([seed, 1])
    share = generator.multinomial(seeds, np.full(seeds, 1 / seeds), len(drawn)) / seeds
    alone = float((share @ values.found).var())
    both = float((share * drawn).sum(axis=1).var())
    scale = seeds / (seeds - 1)
    beyond = both - alone - of_groups * (groups - 1) / groups
    interaction = max(0.0, beyond) * scale * groups / (groups - 1)
    return Variances(alone * scale, of_groups, interaction)


def degrees_of_freedom(found: Variances, seeds: int, groups: int) -> float:
    """Degrees of freedom of the total variance.

    A variance counts where it goes beyond the interaction that it holds; where it does
    not, seeds or groups bring nothing of their own.

    Source: Satterthwaite 1946.

    >>> degrees_of_freedom(Variances(1.0, 0.0, 0.0), seeds=6, groups=31)
    5.0
    """
    one, other = max(seeds - 1, 1), groups - 1
    own = [(found.seeds, one), (found.groups, other)]
    counted = [(v, n) for v, n in own if v > found.interaction]
    counted.append((found.interaction, one * other))
    spread = sum(v**2 / n for v, n in counted)
    if spread == 0:
        return float(other)
    return max(found.total**2 / spread, float(min(one, other)))


def crossed_difference(
    values: Resampled, *, confidence: float = 0.95, seed: int = 0
) -> Difference:
    """Mean over seeds of a difference; seeds and groups both resampled.

    The standard error joins the variances of drawing seeds, groups and both; interval
    and p come from Student's t, so that p is below 1 - `confidence` where the interval
    leaves out zero. The seed standard error is the sd over seeds of the difference by
    the root of their number. Coverage is measured in docs/protocol.md.

    Source: Cameron, Gelbach and Miller 2011; Owen 2007; Satterthwaite 1946.
    Raises:
        ValueError: as for `variances`.

    >>> flat = Resampled(np.array([1.0, 1.0]), np.ones((9, 2)), groups=4)
    >>> crossed_difference(flat)
    Difference(mean=1.0, lower=1.0, upper=1.0, p=0.0, se_seeds=0.0)
    """
    # A quarter of a second to import; training needs none of it.
    from scipy.special import stdtr

    found, error, freedom = _error(values, seed)
    half = _quantile(freedom, confidence) * error
    if error > 0:
        p = float(2 * stdtr(freedom, -abs(found) / error))
    else:
        p = 1.0 if found == 0 else 0.0
    spread = summary(values.found)
    se = None if spread.sd is None else float(spread.sd / np.sqrt(spread.n))
    return Difference(found, found - half, found + half, p, se)


def crossed_interval(
    values: Resampled, *, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """Mean over seeds of a statistic, with the interval of `crossed_difference`."""
    found, error, freedom = _error(values, seed)
    half = _quantile(freedom, confidence) * error
    return Interval(found, found - half, found + half)


def _error(values: Resampled, seed: int) -> tuple[float, float, float]:
    """Mean over seeds, its standard error and their degrees of freedom."""
    found = variances(values, seed=seed)
    freedom = degrees_of_freedom(found, len(values.found), values.groups)
    return float(values.found.mean()), float(np.sqrt(found.total)), freedom


def _quantile(freedom: float, confidence: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + confidence) / 2))


def _defined(
    drawn: Float[np.ndarray, "resamples seeds"],
) -> Float[np.ndarray, "defined seeds"]:
    """Resamples in which the statistic has a value for every seed."""
    known = ~np.isnan(drawn).any(axis=1)
    if known.mean() <= LEAST_DEFINED:
        raise ValueError(
            f"statistic: undefined in {int((~known).sum())} of {len(drawn)} resamples; "
            "choose one that is defined when a class is absent, such as macro_f1"
        )
    return drawn[known]


def _gap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    difference = one - other
    is_rounding = np.abs(difference) <= ROUNDING * np.maximum(
        np.abs(one), np.abs(other)
    )
    return np.where(is_rounding, 0.0, difference)


def _chunk(groups: int) -> int:
    return max(1, min(CHUNK, DRAWN_AT_ONCE // groups))
