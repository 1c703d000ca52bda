"""Who trains: the members of a stack, their rows, their order, their randomness."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int

Stream = Literal["initial", "training", "evaluation", "order", "control"]
_STREAMS: tuple[Stream, ...] = (
    "initial",
    "training",
    "evaluation",
    "order",
    "control",
)


@dataclass(frozen=True)
class Member:
    """One model of a stack: a seed, a fold (0 = all of train) and its train rows."""

    seed: int
    fold: int
    rows: Int[np.ndarray, " rows"]


def leaders(members: Sequence[Member]) -> list[int]:
    """Places of the members that learn from all of train.

    >>> leaders([Member(0, 0, np.arange(3)), Member(0, 1, np.arange(2))])
    [0]
    """
    return [i for i, member in enumerate(members) if member.fold == 0]


def seed_stream(
    seed: int, fold: int, stream: Stream, *more: int
) -> np.random.SeedSequence:
    """An independent source of random numbers, named by what it is for."""
    return np.random.SeedSequence([seed, fold, _STREAMS.index(stream), *more])


def torch_generators(
    members: Sequence[Member], stream: Stream, device: torch.device, *more: int
) -> list[torch.Generator]:
    """One generator per member; a member's stream ignores who trains beside it."""
    generators = []
    for member in members:
        sequence = seed_stream(member.seed, member.fold, stream, *more)
        generator = torch.Generator(device=device)
        generator.manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> 1))
        generators.append(generator)
    return generators


def epoch_order(
    members: Sequence[Member], batch: int, epoch: int
) -> Int[np.ndarray, "steps seeds batch"]:
    """Row indices of every step of an epoch; -1 pads.

    All members take the same number of steps, `ceil(largest / batch)`. A member
    with fewer rows (a fold) spreads them evenly: slightly smaller batches, no
    ragged last one.

    >>> members = [Member(0, 0, np.arange(5)), Member(0, 1, np.arange(3))]
    >>> epoch_order(members, 2, 0).shape
    (3, 2, 2)
    """
    steps = -(-max(len(member.rows) for member in members) // batch)
    order = np.full((steps, len(members), batch), -1, dtype=np.int64)
    for s, member in enumerate(members):
        sequence = seed_stream(member.seed, member.fold, "order", epoch)
        shuffled = np.random.default_rng(sequence).permutation(member.rows)
        for step, rows in enumerate(np.array_split(shuffled, steps)):
            order[step, s, : len(rows)] = rows
    return order


def group_folds(
    groups: Sequence[str] | np.ndarray, folds: int, seed: int
) -> Int[np.ndarray, " samples"]:
    """Fold 1..folds of each sample; a group (video, patient) is never divided.

    Groups are dealt largest first to the smallest fold, ties broken by a draw of
    `seed`, so that folds differ by less than one group where sizes allow.

    Raises:
        ValueError: there are fewer groups than folds.

    >>> group_folds(["a", "a", "b", "c"], 2, seed=0).tolist() in (
    ...     [1, 1, 2, 2], [2, 2, 1, 1])
    True
    """
    names, codes, counts = np.unique(
        np.asarray(groups), return_inverse=True, return_counts=True
    )
    if len(names) < folds:
        raise ValueError(
            f"folds={folds} but train has only {len(names)} groups; lower "
            "training.folds in the preset"
        )
    draw = np.random.default_rng(seed_stream(seed, 0, "order")).permutation(len(names))
    fold_of_group = np.zeros(len(names), dtype=np.int64)
    sizes = np.zeros(folds, dtype=np.int64)
    for group in draw[np.argsort(-counts[draw], kind="stable")]:
        fold_of_group[group] = np.argmin(sizes) + 1
        sizes[fold_of_group[group] - 1] += counts[group]
    return fold_of_group[codes]


def cross_fitting_members(
    seeds: Sequence[int],
    train: Int[np.ndarray, " rows"],
    folds: Mapping[int, np.ndarray],
) -> list[Member]:
    """Per seed: one member on all of train, then one per fold on the others.

    `folds[seed]` gives each train row's fold, 1..K, in the order of `train`.
    """
    members = []
    for seed in seeds:
        members.append(Member(seed, 0, train))
        for fold in range(1, int(folds[seed].max()) + 1):
            members.append(Member(seed, fold, train[folds[seed] != fold]))
    return members
