"""Methods set against each other: their scores resampled once, then every pair."""

from collections.abc import Mapping
from dataclasses import dataclass

from repro.metrics.bootstrap import (
    Difference,
    Interval,
    Resampled,
    crossed_difference,
    crossed_interval,
    resampled,
)
from repro.metrics.resampling import grouped
from repro.metrics.scores import Score
from repro.params.study import Statistics
from repro.results.runs import Predictions, refuse_unpaired, seed_metrics

LEAST_SEEDS = 2  # of a test: one training says nothing about another


@dataclass(frozen=True)
class Drawn:
    """One method's predictions and what the bootstrap makes of their scores."""

    predictions: Predictions
    scores: Mapping[str, Resampled]


def drawn(
    score: Score,
    predictions: Predictions,
    statistics: Statistics,
    is_cross_validated: bool = False,
) -> Drawn:
    """The tested metrics of a method on every resample of the groups.

    A metric that `seed_metrics` leaves out has no key.
    """
    y, group = predictions.y, predictions.group
    groups, _ = grouped(group, len(y))
    found: dict[str, Resampled] = {}
    wanted = score.statistics(predictions.prediction, y, group)
    for is_slow in (False, True):
        part = {n: s for n, s in wanted.items() if (n in score.slow) == is_slow}
        resamples = statistics.auroc_resamples if is_slow else statistics.resamples
        about = {"resamples": resamples, "seed": statistics.seed}
        found |= resampled(part, groups, **about) if part else {}
    known = seed_metrics(score, predictions, is_cross_validated=is_cross_validated)
    return Drawn(predictions, {name: found[name] for name in wanted if name in known})


def differences(
    method: Drawn, reference: Drawn, statistics: Statistics
) -> dict[str, Difference]:
    """Each tested metric of a method minus that of the reference.

    With fewer than two seeds on both sides it has no interval and no p: not tested.

    Raises:
        ValueError: samples, labels or seeds differ.
    """
    refuse_unpaired(method.predictions, reference.predictions)
    found = {}
    for name, values in method.scores.items():
        if name not in reference.scores:
            continue
        both = values - reference.scores[name]
        is_tested = len(both.found) >= LEAST_SEEDS
        found[name] = (
            crossed_difference(
                both, confidence=statistics.confidence, seed=statistics.seed
            )
            if is_tested
            else Difference(float(both.found.mean()))
        )
    return found


def interval(method: Drawn, metric: str, statistics: Statistics) -> Interval:
    """A metric of one method with its interval."""
    return crossed_interval(
        method.scores[metric], confidence=statistics.confidence, seed=statistics.seed
    )


def seeds_of(method: Drawn, reference: Drawn) -> int:
    """Seeds of a comparison: a method without randomness has one for all."""
    pair = method.predictions.seeds, reference.predictions.seeds
    return max(len(seeds) for seeds in pair)
