"""What is planted: latents, the score they add up to, classes and presence."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from repro.simulation.icu.settings import Signals, Size
from repro.simulation.planted import Parts

# Presence of (text, cxr, ecg) among stays that lack at least one, and its weight.
# With 17 % complete stays: text 91 %, CXR 25 %, ECG 52 % of all.
PATTERNS = {
    (1, 0, 0): 0.365,
    (1, 0, 1): 0.315,
    (1, 1, 0): 0.060,
    (0, 0, 0): 0.050,
    (0, 0, 1): 0.020,
    (0, 1, 1): 0.015,
    (0, 1, 0): 0.005,
}


def score_scale(signals: Signals) -> float:
    """The factor that gives the sum of the independent parts variance 1.

    >>> none = (0.0, 0.0, 0.0, 0.0)
    >>> score_scale(Signals(none, shared=0.0, synergy=3.0, label_noise=4.0))
    0.2
    """
    parts = [*signals.unique, signals.shared, signals.synergy]
    return float(1 / np.sqrt(np.sum(np.square([*parts, signals.label_noise]))))


def parts_of(signals: Signals) -> Parts:
    """Standard deviations of the parts of the score, which has variance 1."""
    scale = score_scale(signals)
    return Parts(
        unique=tuple(scale * strength for strength in signals.unique),
        shared=scale * signals.shared,
        synergy=scale * signals.synergy,
        noise=scale * signals.label_noise,
    )


def quotas(total: int, shares: Sequence[float]) -> Int[np.ndarray, " classes"]:
    """Whole counts nearest to the shares, at least one each, that sum to `total`.

    >>> quotas(10, (0.28, 0.45, 0.18, 0.09)).tolist()
    [3, 4, 2, 1]
    """
    exact = total * np.asarray(shares)
    counts = np.maximum(np.floor(exact), 1).astype(np.int64)
    for _ in range(total - int(counts.sum())):
        counts[np.argmax(exact - counts)] += 1
    while counts.sum() > total:
        counts[np.argmax(counts)] -= 1
    return counts


def classes(
    score: Float[np.ndarray, " stays"], mix: Sequence[float]
) -> Int[np.ndarray, " stays"]:
    """Class of each stay: the score cut at the quantiles that give the mix.

    >>> classes(np.array([0.3, -1.0, 2.0, 0.1]), (0.25, 0.25, 0.25, 0.25)).tolist()
    [2, 0, 3, 1]
    """
    y = np.empty(len(score), np.int64)
    y[np.argsort(score, kind="stable")] = np.repeat(
        np.arange(len(mix)), quotas(len(score), mix)
    )
    return y


def presence(
    size: Size, y: Int[np.ndarray, " stays"], generator: np.random.Generator
) -> Bool[np.ndarray, "stays modalities"]:
    """Which modalities each stay has; the time series is always there.

    Given the class, completeness is independent of everything else; the number of
    complete stays of each class is fixed by `size`.

    Raises:
        ValueError: a class holds fewer stays than the complete cohort asks for.
    """
    wanted = quotas(max(round(size.complete * len(y)), 4), size.complete_mix)
    complete = np.zeros(len(y), bool)
    for label, count in enumerate(wanted):
        members = np.flatnonzero(y == label)
        if len(members) < count:
            raise ValueError(
                f"size.complete={size.complete}: class {label} has {len(members)} "
                f"stays and {count} must be complete; give a smaller share"
            )
        complete[generator.choice(members, count, replace=False)] = True
    weights = np.array(list(PATTERNS.values()))
    drawn = generator.choice(len(PATTERNS), len(y), p=weights / weights.sum())
    others = np.array(list(PATTERNS), dtype=bool)[drawn] | complete[:, None]
    return np.column_stack([np.ones(len(y), bool), others])
