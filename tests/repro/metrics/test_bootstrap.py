"""The crossed bootstrap: hand numbers, plain loops, coverage on null data."""

import numpy as np
import pytest
from benchmarks.null_data import LEVEL, MIXES, differences, group_sizes
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from repro.metrics import bootstrap
from repro.metrics.bootstrap import (
    Resampled,
    Variances,
    crossed_difference,
    crossed_interval,
    degrees_of_freedom,
    holm,
    resampled,
    summary,
    variances,
)
from repro.metrics.resampling import mean_statistic


def drawn(values: np.ndarray, group: np.ndarray, **about: int) -> Resampled:
    """The mean of values by seed, on resamples of groups."""
    groups = len(np.unique(group))
    return resampled({"mean": mean_statistic(values, group)}, groups, **about)["mean"]


def test_summary_uses_the_sample_sd() -> None:
    found = summary(np.array([1.0, 2.0, 6.0]))
    assert (found.mean, found.n) == (3.0, 3)
    assert found.sd == pytest.approx(np.sqrt((4 + 1 + 9) / 2))
    assert summary(np.array([1.0])).sd is None
    with pytest.raises(ValueError, match="none to summarize"):
        summary(np.array([]))


def test_a_plain_loop_gives_the_same_variances() -> None:
    random = np.random.default_rng(5)
    group = np.repeat(np.arange(7), [1, 2, 3, 4, 5, 6, 7])
    values = random.normal(0.1, 1.0, (3, 28))
    found = variances(drawn(values, group, resamples=300, seed=3), seed=3)
    of_groups = np.random.default_rng(3).integers(7, size=(300, 7))
    of_seeds = np.random.default_rng([3, 1]).multinomial(3, [1 / 3] * 3, 300)
    alone, grouped, both = [], [], []
    for numbers, times in zip(of_groups, of_seeds, strict=True):
        rows = np.concatenate([np.flatnonzero(group == g) for g in numbers])
        seeds = np.repeat(np.arange(3), times)
        alone.append(values[seeds].mean())
        grouped.append(values[:, rows].mean())
        both.append(values[seeds][:, rows].mean())
    v_seeds, v_groups, v_both = (np.var(part) for part in (alone, grouped, both))
    assert found.seeds == pytest.approx(v_seeds * 3 / 2)
    assert found.groups == pytest.approx(v_groups * 7 / 6)
    beyond = (v_both - v_seeds - v_groups) * 3 / 2 * 7 / 6
    assert beyond > 0 and found.interaction == pytest.approx(beyond)


def test_variances_are_those_of_the_two_way_layout() -> None:
    """Groups of one size: mean squares of a crossed layout give the same, unbiased."""
    random = np.random.default_rng(2)
    cells = random.normal(size=(5, 20)) + random.normal(size=(5, 1))
    found = variances(drawn(cells, np.arange(20), resamples=40_000))
    rows, columns, mean = cells.mean(1), cells.mean(0), cells.mean()
    rest = cells - rows[:, None] - columns + mean
    assert found.seeds == pytest.approx(rows.var(ddof=1) / 5, rel=0.05)
    assert found.groups == pytest.approx(columns.var(ddof=1) / 20, rel=0.05)
    both = (rest**2).sum() / (4 * 19) / (5 * 20)
    assert found.interaction == pytest.approx(both, rel=0.2)


@given(*[st.floats(0, 10)] * 3)
def test_the_total_is_never_below_a_part(a: float, b: float, c: float) -> None:
    found = Variances(a, b, c)
    assert found.total >= max(a, b) >= 0
    assert degrees_of_freedom(found, 6, 31) >= 5


def test_degrees_of_freedom_by_hand() -> None:
    both = Variances(seeds=4.0, groups=3.0, interaction=1.0)  # total 6
    expected = 36 / (16 / 5 + 9 / 30 + 1 / 150)
    assert degrees_of_freedom(both, 6, 31) == pytest.approx(max(expected, 5))
    few = Variances(seeds=1.0, groups=9.0, interaction=2.0)  # seeds bring nothing
    assert degrees_of_freedom(few, 6, 31) == pytest.approx(81 / (81 / 30 + 4 / 150))
    assert degrees_of_freedom(Variances(0.0, 2.0, 0.0), 1, 12) == 11


def test_one_prediction_for_all_seeds_leaves_the_groups() -> None:
    """As the t interval of the mean over groups of one size."""
    values = np.random.default_rng(4).normal(0.3, 1, (1, 25))
    found = crossed_difference(drawn(values, np.arange(25), resamples=20_000))
    low, high = stats.t.interval(
        LEVEL, 24, values.mean(), values.std(ddof=1) / np.sqrt(25)
    )
    assert (found.lower, found.upper) == (
        pytest.approx(low, abs=0.01),
        pytest.approx(high, abs=0.01),
    )
    assert found.p == pytest.approx(stats.ttest_1samp(values[0], 0).pvalue, abs=0.01)
    assert found.se_seeds is None


def test_seeds_widen_the_interval_and_have_an_error_of_their_own() -> None:
    random = np.random.default_rng(6)
    group, noise = np.repeat(np.arange(30), 4), random.normal(size=(6, 120))
    shift = random.normal(0, 1, (6, 1))
    calm, moved = (drawn(noise + s, group, resamples=4000) for s in (0 * shift, shift))
    one, other = crossed_difference(calm), crossed_difference(moved)
    assert other.upper - other.lower > 3 * (one.upper - one.lower)
    per_seed = (noise + shift).mean(axis=1)
    assert other.se_seeds == pytest.approx(per_seed.std(ddof=1) / np.sqrt(6))
    interval = crossed_interval(moved)
    assert (interval.lower, interval.upper) == (other.lower, other.upper)


def test_a_method_of_one_seed_is_set_against_every_seed() -> None:
    random = np.random.default_rng(7)
    group = np.arange(20)
    one, three = random.normal(size=(1, 20)), random.normal(size=(3, 20))
    apart = drawn(one, group, resamples=50) - drawn(three, group, resamples=50)
    joint = drawn(one - three, group, resamples=50)
    np.testing.assert_allclose(apart.found, joint.found)
    np.testing.assert_allclose(apart.drawn, joint.drawn)
    paired = drawn(three, group, resamples=50) - drawn(three, group, resamples=50)
    found = crossed_difference(paired)
    assert (found.mean, found.lower, found.upper, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_groups_not_samples_are_drawn() -> None:
    """Copies within a group add nothing: the interval stays as wide."""
    few = np.random.default_rng(0).normal(size=(2, 20))
    many = np.repeat(few, 50, axis=1)
    alone = crossed_difference(drawn(few, np.arange(20), resamples=400))
    copied = drawn(many, np.repeat(np.arange(20), 50), resamples=400)
    assert crossed_difference(copied).upper == pytest.approx(alone.upper)


def test_chunks_change_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).normal(size=(2, 30))
    group = np.repeat(np.arange(10), 3)
    first = drawn(values, group, resamples=2500)
    monkeypatch.setattr(bootstrap, "DRAWN_AT_ONCE", 7 * 10)
    again = drawn(values, group, resamples=2500)
    np.testing.assert_allclose(first.drawn, again.drawn, rtol=1e-12)
    other = drawn(values, group, resamples=2500, seed=1)
    assert not np.allclose(first.drawn, other.drawn)


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_coverage_on_null_data_with_noise_of_training(mix) -> None:
    """95 % intervals hold zero; 600 sets, so 2 sd beyond 93 and 97 % are let pass.

    `python -m benchmarks.coverage` measures it with 20,000 sets of each mix.
    """
    random, runs = np.random.default_rng(11), 600
    sizes = group_sizes(random)
    group = np.repeat(np.arange(len(sizes)), sizes)
    covered = 0
    for seed in range(runs):
        values = drawn(differences(mix, sizes, random), group, resamples=300, seed=seed)
        found = crossed_difference(values, seed=seed)
        holds = found.lower <= 0 <= found.upper
        assert holds == (found.p >= 0.05)
        covered += holds
    assert 0.93 - 0.02 <= covered / runs <= 0.97 + 0.014


@given(st.floats(-3, 3), st.integers(2, 8), st.integers(0, 1000))
def test_p_and_interval_agree(shift: float, seeds: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(shift, 1, (seeds, 12))
    found = crossed_difference(drawn(values, np.arange(12), resamples=60))
    assert (found.p < 0.05) == (not found.lower <= 0 <= found.upper)


def test_resamples_without_a_value_are_left_out_up_to_half() -> None:
    values = np.ones((40, 2)) * np.arange(40)[:, None]
    gaps = np.where(np.arange(40)[:, None] < 10, np.nan, values)
    known = variances(Resampled(np.array([1.0, 2.0]), values[10:], 5))
    assert variances(Resampled(np.array([1.0, 2.0]), gaps, 5)) == known
    gaps[:20] = np.nan
    with pytest.raises(ValueError, match="undefined in 20 of 40 resamples"):
        variances(Resampled(np.array([1.0, 2.0]), gaps, 5))


def test_holm_by_hand() -> None:
    adjusted = holm(np.array([0.04, 0.001, 0.5, 0.02]))
    assert adjusted == pytest.approx([0.08, 0.004, 0.5, 0.06])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_monotone_and_never_smaller(values: list[float]) -> None:
    p = np.array(values)
    adjusted = holm(p)
    assert (adjusted >= p).all() and (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


def test_rounding_makes_no_difference() -> None:
    group = np.repeat(np.arange(5), 4)
    values = np.random.default_rng(2).random((3, 20))
    same = values * (1 + 1e-13 * np.random.default_rng(3).standard_normal((3, 20)))
    found = crossed_difference(drawn(values, group) - drawn(same, group))
    assert (found.mean, found.lower, found.upper, found.p) == (0.0, 0.0, 0.0, 1.0)
