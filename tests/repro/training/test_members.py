"""Rows, order and randomness of stacked members."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.training.members import (
    Member,
    cross_fitting_members,
    epoch_order,
    group_folds,
    seed_stream,
    torch_generators,
)

CPU = torch.device("cpu")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=4), st.integers(1, 20))
def test_every_row_comes_exactly_once_per_epoch(sizes: list[int], batch: int) -> None:
    members = [Member(7, f, np.arange(n) * 3 + 1) for f, n in enumerate(sizes)]
    order = epoch_order(members, batch, epoch=2)
    assert order.shape == (-(-max(sizes) // batch), len(sizes), batch)
    for s, member in enumerate(members):
        used = order[:, s][order[:, s] >= 0]
        assert sorted(used) == member.rows.tolist()
        per_step = (order[:, s] >= 0).sum(1)
        assert per_step.max() - per_step.min() <= 1


def test_order_changes_with_epoch_seed_and_fold_only() -> None:
    rows = np.arange(40)
    base = epoch_order([Member(0, 0, rows)], 8, 1)
    assert np.array_equal(base, epoch_order([Member(0, 0, rows)], 8, 1))
    for member, epoch in ((Member(0, 0, rows), 2), (Member(1, 0, rows), 1)):
        assert not np.array_equal(base, epoch_order([member], 8, epoch))
    assert not np.array_equal(base, epoch_order([Member(0, 1, rows)], 8, 1))


def test_a_member_ignores_who_is_stacked_beside_it() -> None:
    members = [Member(s, 0, np.arange(30)) for s in (3, 4, 5)]
    for epoch in (1, 2):
        together = epoch_order(members, 8, epoch)
        for s, member in enumerate(members):
            assert np.array_equal(epoch_order([member], 8, epoch)[:, 0], together[:, s])
    stacked = torch_generators(members, "training", CPU)
    for generator, member in zip(stacked, members, strict=True):
        alone = torch_generators([member], "training", CPU)[0]
        assert torch.equal(
            torch.randn(5, generator=generator), torch.randn(5, generator=alone)
        )


def test_streams_of_a_member_differ() -> None:
    names = ("initial", "training", "evaluation", "order", "control")
    draws = {
        tuple(seed_stream(seed, fold, name).generate_state(2))
        for seed in (0, 1)
        for fold in (0, 1)
        for name in names
    }
    assert len(draws) == 20
    epochs = {tuple(seed_stream(0, 0, "order", e).generate_state(2)) for e in (1, 2)}
    assert len(epochs) == 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=30, max_size=80), st.integers(2, 4))
def test_folds_keep_groups_together(groups: list[int], folds: int) -> None:
    names = [f"g{g}" for g in groups] + ["x0", "x1", "x2", "x3"]
    found = group_folds(names, folds, seed=1)
    assert set(found) == set(range(1, folds + 1))
    for name in set(names):
        assert len({f for f, n in zip(found, names, strict=True) if n == name}) == 1


def test_folds_are_even_where_sizes_allow() -> None:
    names = np.repeat([f"g{i}" for i in range(12)], 5)
    found = group_folds(names, 3, seed=0)
    assert np.bincount(found)[1:].tolist() == [20, 20, 20]
    assert not np.array_equal(found, group_folds(names, 3, seed=1))


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(ValueError, match=r"folds=3 .*only 2 groups.*training\.folds"):
        group_folds(["a", "b", "a"], 3, seed=0)


def test_members_of_a_fold_leave_its_rows_out() -> None:
    train = np.array([10, 11, 12, 13])
    folds = {5: np.array([1, 2, 1, 2]), 6: np.array([2, 2, 1, 1])}
    members = cross_fitting_members([5, 6], train, folds)
    assert [(m.seed, m.fold, m.rows.tolist()) for m in members] == [
        (5, 0, [10, 11, 12, 13]),
        (5, 1, [11, 13]),
        (5, 2, [10, 12]),
        (6, 0, [10, 11, 12, 13]),
        (6, 1, [10, 11]),
        (6, 2, [12, 13]),
    ]
