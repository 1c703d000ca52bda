"""Statistics of irregular series against scipy, a plain loop, and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import find_peaks

from repro.baselines.series_statistics import (
    STATISTICS,
    last_mean,
    series_statistics,
    statistic_names,
)
from repro.records import Ragged


def ragged(stays: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Ragged:
    """Values, masks and times of each stay as contract: [values, masks]."""
    offsets = np.concatenate([[0], np.cumsum([len(times) for *_, times in stays])])
    rows = [np.hstack([values, mask]) for values, mask, _ in stays]
    times = np.concatenate([times for *_, times in stays])
    return Ragged(np.vstack(rows).astype(np.float32), offsets, times.astype(np.float32))


def loop(values: np.ndarray, times: np.ndarray) -> list[float]:
    """The statistics of the observed values of one series, one at a time."""
    n, nan = len(values), np.nan
    if n == 0:
        return [nan] * 11 + [0.0, nan, nan]
    change = np.diff(values)
    size = np.abs(change)
    several = n > 1
    return [
        values.max(),
        values.min(),
        values.mean(),
        values.var(),
        change.mean() if several else nan,
        size.mean() if several else nan,
        size.max() if several else nan,
        size.sum() if several else nan,
        values[-1] - values[0] if several else nan,
        len(find_peaks(values)[0]),
        np.polyfit(np.arange(n), values, 1)[0] if several else nan,
        n,
        values[-1],
        48 - times[-1],
    ]


@st.composite
def stays(draw: st.DrawFn) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """One to four stays of two variables; few levels, so plateaus are common."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        rows = draw(st.integers(0, 12))
        values = draw(arrays(np.int64, (rows, 2), elements=st.integers(-2, 2)))
        mask = draw(arrays(np.bool_, (rows, 2)))
        times = np.sort(draw(arrays(np.int64, rows, elements=st.integers(0, 48))))
        found.append((values / 2, mask, times))
    return found


@given(stays())
def test_a_plain_loop_and_find_peaks_agree(
    given_stays: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> None:
    found = series_statistics(ragged(given_stays))
    assert found.shape == (len(given_stays), 2 * len(STATISTICS))
    for row, (values, mask, times) in zip(found, given_stays, strict=True):
        wanted = []
        for v in range(2):
            wanted += loop(values[mask[:, v], v], times[mask[:, v]])
        np.testing.assert_allclose(row, wanted, rtol=1e-5, atol=1e-6)


def test_real_values_and_long_series_agree() -> None:
    random = np.random.default_rng(0)
    given_stays = [
        (
            random.normal(3, 100, (n, 3)).astype(np.float32),
            random.random((n, 3)) < 0.6,
            np.sort(random.random(n) * 48).astype(np.float32),
        )
        for n in (200, 1, 0, 57)
    ]
    found = series_statistics(ragged(given_stays)).reshape(4, 3, -1)
    for row, (values, mask, times) in zip(found, given_stays, strict=True):
        for v in range(3):
            seen = mask[:, v]
            wanted = loop(values[seen, v].astype(np.float64), times[seen])
            np.testing.assert_allclose(row[v], wanted, rtol=1e-4, atol=1e-4)


def test_statistics_by_hand() -> None:
    values = np.array([[1.0], [9.0], [4.0], [4.0], [2.0]])
    mask = np.array([[1], [0], [1], [1], [1]])
    times = np.array([1.0, 2.0, 3.0, 5.0, 40.0])
    found = series_statistics(ragged([(values, mask, times)]), window=50.0)[0]
    named = dict(zip(statistic_names(1), found.tolist(), strict=True))
    assert named["0_maximum"] == 4 and named["0_minimum"] == 1
    assert named["0_mean"] == 2.75
    assert named["0_variance"] == pytest.approx(6.75 / 4)
    assert named["0_mean_change"] == pytest.approx(1 / 3)
    assert named["0_mean_absolute_change"] == pytest.approx(5 / 3)
    assert named["0_largest_absolute_change"] == 3
    assert named["0_total_absolute_change"] == 5
    assert named["0_last_minus_first"] == 1
    assert named["0_peaks"] == 1
    assert named["0_slope"] == pytest.approx(0.3)
    assert (named["0_count"], named["0_last"]) == (4, 2)
    assert named["0_hours_since_last"] == 10


def test_values_that_are_not_observed_change_nothing() -> None:
    random = np.random.default_rng(1)
    values, mask = random.normal(size=(30, 4)), random.random((30, 4)) < 0.5
    times = np.sort(random.random(30))
    first = series_statistics(ragged([(values, mask, times)]))
    junk = np.where(mask, values, 1e6)
    np.testing.assert_array_equal(
        series_statistics(ragged([(junk, mask, times)])), first
    )


def test_no_rows_at_all() -> None:
    empty = Ragged(np.empty((0, 4), np.float32), np.zeros(3, np.int64), np.empty(0))
    found = series_statistics(empty).reshape(2, 2, -1)
    assert (found[:, :, STATISTICS.index("count")] == 0).all()
    assert np.isnan(found).sum() == 4 * (len(STATISTICS) - 1)


@given(st.lists(st.integers(0, 8), min_size=1, max_size=6), st.integers(1, 6))
def test_last_mean_is_the_mean_of_the_last_rows(lengths: list[int], last: int) -> None:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    values = np.random.default_rng(0).normal(size=(offsets[-1], 3)).astype(np.float32)
    found = last_mean(Ragged(values, offsets), last)
    for i, length in enumerate(lengths):
        rows = values[offsets[i] : offsets[i + 1]][-last:]
        if length:
            np.testing.assert_allclose(found[i], rows.mean(axis=0), atol=1e-6)
        else:
            assert np.isnan(found[i]).all()


def test_bad_input_stops() -> None:
    offsets = np.array([0, 1])
    with pytest.raises(ValueError, match="times are absent"):
        series_statistics(Ragged(np.ones((1, 2), np.float32), offsets))
    with pytest.raises(ValueError, match="3 columns"):
        series_statistics(
            Ragged(np.ones((1, 3), np.float32), offsets, np.zeros(1, np.float32))
        )
