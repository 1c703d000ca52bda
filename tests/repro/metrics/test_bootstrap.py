"""The bootstrap over groups: hand numbers, plain loops, coverage on null data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.metrics.bootstrap import holm, mean_difference, summary


def test_summary_uses_the_sample_sd() -> None:
    found = summary(np.array([1.0, 2.0, 6.0]))
    assert (found.mean, found.n) == (3.0, 3)
    assert found.sd == pytest.approx(np.sqrt((4 + 1 + 9) / 2))
    assert summary(np.array([1.0])).sd is None
    with pytest.raises(ValueError, match="none to summarize"):
        summary(np.array([]))


def test_a_plain_loop_gives_the_same_interval_and_p() -> None:
    random = np.random.default_rng(5)
    group = np.repeat(np.arange(7), [1, 2, 3, 4, 5, 6, 7])
    difference = random.normal(0.1, 1.0, (2, 28))
    found = mean_difference(difference, group, resamples=200, confidence=0.9, seed=3)
    generator = np.random.default_rng(3)
    means = []
    for counts in generator.multinomial(7, np.full(7, 1 / 7), size=200):
        rows = np.concatenate(
            [np.tile(np.flatnonzero(group == g), c) for g, c in enumerate(counts)]
        )
        means.append(difference.mean(axis=0)[rows].mean())
    drawn = np.array(means)
    assert found.mean == pytest.approx(difference.mean())
    assert found.lower == pytest.approx(np.quantile(drawn, 0.05))
    assert found.upper == pytest.approx(np.quantile(drawn, 0.95))
    smaller = min((drawn <= 0).sum(), (drawn >= 0).sum())
    assert found.p == pytest.approx(min(1.0, 2 * (1 + smaller) / 201))


def test_no_difference_gives_p_one_and_an_empty_interval() -> None:
    found = mean_difference(np.zeros((3, 4)), np.array(list("aabb")), resamples=50)
    assert (found.mean, found.lower, found.upper, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_smallest_p_has_one_added() -> None:
    found = mean_difference(np.ones((1, 4)), np.array(list("abcd")), resamples=99)
    assert found.p == pytest.approx(2 / 100)


def test_groups_not_samples_are_drawn() -> None:
    """Copies within a group add nothing: the interval stays as wide."""
    few = np.random.default_rng(0).normal(size=(1, 20))
    many = np.repeat(few, 50, axis=1)
    alone = mean_difference(few, np.arange(20), resamples=400)
    copied = mean_difference(many, np.repeat(np.arange(20), 50), resamples=400)
    assert copied.upper - copied.lower == pytest.approx(alone.upper - alone.lower)


def test_chunks_change_no_number() -> None:
    difference = np.random.default_rng(1).normal(size=(2, 30))
    group = np.repeat(np.arange(10), 3)
    first = mean_difference(difference, group, resamples=2500)
    assert first == mean_difference(difference, group, resamples=2500)
    assert first != mean_difference(difference, group, resamples=2500, seed=1)


def test_coverage_and_error_rate_on_null_data() -> None:
    """95 % intervals over 40 groups with a shared group effect hold zero 90-98 %."""
    generator = np.random.default_rng(11)
    group = np.repeat(np.arange(40), 5)
    covered, rejected, runs = 0, 0, 400
    for seed in range(runs):
        effect = generator.normal(0, 1, 40)[group]
        noise = generator.normal(0, 1, (3, 200))
        found = mean_difference(effect + noise, group, resamples=400, seed=seed)
        covered += found.lower <= 0 <= found.upper
        rejected += found.p < 0.05
    assert 0.90 <= covered / runs <= 0.98
    assert 0.02 <= rejected / runs <= 0.10


def test_holm_by_hand() -> None:
    adjusted = holm(np.array([0.04, 0.001, 0.5, 0.02]))
    assert adjusted == pytest.approx([0.08, 0.004, 0.5, 0.06])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_monotone_and_never_smaller(values: list[float]) -> None:
    p = np.array(values)
    adjusted = holm(p)
    assert (adjusted >= p).all() and (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


def test_bad_groups_stop() -> None:
    with pytest.raises(ValueError, match="3 values for 4 samples"):
        mean_difference(np.zeros((1, 4)), np.arange(3))
    with pytest.raises(ValueError, match="at least two"):
        mean_difference(np.zeros((1, 4)), np.zeros(4))
