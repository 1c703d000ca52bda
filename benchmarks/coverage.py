"""How often the intervals of the crossed bootstrap hold the truth, on null data.

Two equally good methods, some seeds, groups of unequal size, and noise of training: a
main effect of seeds and of groups, their interaction, and noise of each sample. For
means the shares of `MIXES` vary; for scores of classes two networks of one law are
trained with that noise in their logits.
"""

import argparse
from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.null_data import GROUPS, MIXES, SEEDS, Mix, differences, group_sizes
from repro.metrics.bootstrap import Resampled, crossed_interval, resampled
from repro.metrics.resampling import mean_statistic
from repro.metrics.scores import classification_statistics

CLASSES, SIGNAL = 4, 1.2
SHARES = (0.28, 0.45, 0.18, 0.09)
TAILS = (0.025, 0.975)
TRAINING = Mix(seed=0.3, group=0.3, both=0.3, sample=0.8)  # noise of a logit
Made = Callable[[np.random.Generator, int], dict[str, Resampled]]


def main() -> None:
    """Print the share of intervals that hold zero."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sets", type=int, default=2000, help="null data sets")
    parser.add_argument(
        "--score-sets", type=int, default=400, help="the same of scores"
    )
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--groups", type=int, default=GROUPS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    given = parser.parse_args()
    print(
        f"{given.sets} and {given.score_sets} sets, {given.groups} groups, "
        f"{given.seeds} seeds"
    )
    for name, mix in MIXES.items():
        make = means(mix, given.groups, given.resamples, given.seeds)
        for shares in covered(make, given.sets).values():
            print(f"mean, {name}: {told(shares)}", flush=True)
    scored = scores(given.groups, given.resamples, given.seeds)
    for name, shares in covered(scored, given.score_sets).items():
        print(f"{name}: {told(shares)}", flush=True)


def told(shares: Mapping[str, float]) -> str:
    """Shares in percent, by construction."""
    return ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())


def covered(make: Made, sets: int) -> dict[str, dict[str, float]]:
    """Share of the sets whose interval holds zero, by statistic and construction."""
    generator = np.random.default_rng(20)
    held: dict[str, dict[str, float]] = {}
    for seed in range(sets):
        for name, values in make(generator, seed).items():
            counts = held.setdefault(name, {})
            for construction, (lower, upper) in intervals(values, seed).items():
                inside = lower <= 0 <= upper
                counts[construction] = counts.get(construction, 0) + inside / sets
    return held


def intervals(values: Resampled, seed: int) -> dict[str, tuple[float, float]]:
    """The interval in use beside the percentiles of both draws and of groups alone."""
    found, seeds = crossed_interval(values, seed=seed), values.drawn.shape[1]
    generator = np.random.default_rng([seed, 1])
    even = np.full(seeds, 1 / seeds)
    share = generator.multinomial(seeds, even, len(values.drawn)) / seeds
    both, alone = (share * values.drawn).sum(axis=1), values.drawn.mean(axis=1)
    return {
        "this": (found.lower, found.upper),
        "percentiles": tuple(np.quantile(both, TAILS)),
        "percentiles of groups alone": tuple(np.quantile(alone, TAILS)),
    }


def means(mix: Mix, groups: int, resamples: int, seeds: int = SEEDS) -> Made:
    """Mean differences of a mix."""
    sizes = group_sizes(np.random.default_rng(1), groups)
    group = np.repeat(np.arange(groups), sizes)

    def make(generator: np.random.Generator, seed: int) -> dict[str, Resampled]:
        made = differences(mix, sizes, generator, seeds)
        of_mean = {"mean": mean_statistic(made, group)}
        return resampled(of_mean, groups, resamples=resamples, seed=seed)

    return make


def scores(groups: int, resamples: int, seeds: int = SEEDS) -> Made:
    """Differences of every tested score of two networks of one law."""
    sizes = group_sizes(np.random.default_rng(1), groups)
    group = np.repeat(np.arange(groups), sizes)

    def make(generator: np.random.Generator, seed: int) -> dict[str, Resampled]:
        y = generator.choice(CLASSES, len(group), p=SHARES)
        first, second = (
            resampled(
                classification_statistics(
                    probabilities(generator, y, sizes, seeds),
                    y.astype(np.float64),
                    group,
                ),
                groups,
                resamples=resamples,
                seed=seed,
            )
            for _ in range(2)
        )
        return {name: first[name] - second[name] for name in first}

    return make


def probabilities(
    generator: np.random.Generator, y: np.ndarray, sizes: np.ndarray, seeds: int
) -> np.ndarray:
    """Class probabilities of trainings that know something of the true class."""
    noise = [differences(TRAINING, sizes, generator, seeds) for _ in range(CLASSES)]
    logits = np.stack(noise, axis=-1) + SIGNAL * np.eye(CLASSES)[y]
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


if __name__ == "__main__":
    main()
