"""How often the intervals of the crossed bootstrap hold the truth, on null data.

Two equally good methods, six seeds, groups of unequal size, and noise of training: a
main effect of seeds and of groups, their interaction, and noise of each sample. For
means the shares of `MIXES` vary; for scores of classes two networks of one law are
trained with that noise in their logits.
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.null_data import GROUPS, MIXES, Mix, differences, group_sizes
from repro.metrics.bootstrap import Resampled, crossed_difference, resampled
from repro.metrics.resampling import mean_statistic
from repro.metrics.scores import classification_statistics

CLASSES, SIGNAL = 4, 1.2
SHARES = (0.28, 0.45, 0.18, 0.09)
TRAINING = Mix(seed=0.3, group=0.3, both=0.3, sample=0.8)  # noise of a logit
Made = Callable[[np.random.Generator, int], dict[str, Resampled]]


def main() -> None:
    """Print the share of intervals that hold zero, and of p below 0.05."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sets", type=int, default=2000, help="null data sets")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--groups", type=int, default=GROUPS)
    given = parser.parse_args()
    print(f"{given.sets} sets, {given.resamples} resamples, {given.groups} groups")
    for name, mix in MIXES.items():
        for _, held in covered(means(mix, given.groups, given.resamples), given.sets):
            print(f"mean, {name}: {100 * held:.1f} %", flush=True)
    scored = scores(given.groups, given.resamples)
    for name, held in covered(scored, max(1, given.sets // 10)):
        print(f"{name}: {100 * held:.1f} %", flush=True)


def covered(make: Made, sets: int) -> Iterator[tuple[str, float]]:
    """Share of the sets whose interval holds zero, by statistic."""
    generator = np.random.default_rng(20)
    held: dict[str, int] = {}
    for seed in range(sets):
        for name, values in make(generator, seed).items():
            found = crossed_difference(values, seed=seed)
            assert found.lower is not None and found.upper is not None
            inside = found.lower <= 0 <= found.upper
            held[name] = held.get(name, 0) + inside
    for name, count in held.items():
        yield name, count / sets


def means(mix: Mix, groups: int, resamples: int) -> Made:
    """Mean differences of a mix."""
    sizes = group_sizes(np.random.default_rng(1), groups)
    group = np.repeat(np.arange(groups), sizes)

    def make(generator: np.random.Generator, seed: int) -> dict[str, Resampled]:
        of_mean = {"mean": mean_statistic(differences(mix, sizes, generator), group)}
        return resampled(of_mean, groups, resamples=resamples, seed=seed)

    return make


def scores(groups: int, resamples: int) -> Made:
    """Differences of every tested score of two networks of one law."""
    sizes = group_sizes(np.random.default_rng(1), groups)
    group = np.repeat(np.arange(groups), sizes)

    def make(generator: np.random.Generator, seed: int) -> dict[str, Resampled]:
        y = generator.choice(CLASSES, len(group), p=SHARES)
        first, second = (
            resampled(
                classification_statistics(
                    probabilities(generator, y, sizes), y.astype(np.float64), group
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
    generator: np.random.Generator, y: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    """Class probabilities of six trainings that know something of the true class."""
    noise = [differences(TRAINING, sizes, generator) for _ in range(CLASSES)]
    logits = np.stack(noise, axis=-1) + SIGNAL * np.eye(CLASSES)[y]
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


if __name__ == "__main__":
    main()
