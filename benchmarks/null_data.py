"""Per-seed differences of two equally good methods, with noise of training in them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

SEEDS, GROUPS, LEVEL = 6, 31, 0.95


@dataclass(frozen=True)
class Mix:
    """Standard deviations of what a difference is made of."""

    seed: float
    group: float
    both: float  # seed x group
    sample: float


MIXES: Mapping[str, Mix] = {
    "seeds dominate": Mix(1.0, 0.2, 0.2, 1.0),
    "groups dominate": Mix(0.1, 1.0, 0.2, 1.0),
    "interaction dominates": Mix(0.05, 0.05, 1.0, 1.0),
    "seeds and interaction": Mix(0.1, 0.1, 0.5, 1.0),
    "realistic": Mix(0.02, 0.08, 0.05, 1.0),
}


def group_sizes(generator: np.random.Generator, groups: int = GROUPS) -> np.ndarray:
    """Sizes as of videos: unequal, 17 samples in the middle."""
    return np.maximum(2, generator.lognormal(2.8, 0.5, groups).astype(int))


def differences(
    mix: Mix, sizes: np.ndarray, generator: np.random.Generator, seeds: int = SEEDS
) -> np.ndarray:
    """Seeds by samples, without any true difference."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    both = mix.both * generator.normal(size=(seeds, len(sizes)))
    both += mix.group * generator.normal(size=len(sizes))
    both += mix.seed * generator.normal(size=(seeds, 1))
    return both[:, group] + mix.sample * generator.normal(size=(seeds, len(group)))
