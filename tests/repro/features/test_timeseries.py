import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.features.series import Scale
from repro.features.timeseries import hourly, irregular, observed_scale
from repro.records import Ragged

NAN = np.nan


def series(rows: list[list[float]], lengths: list[int], times: list[float]) -> Ragged:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Ragged(np.array(rows, np.float32), offsets, np.array(times, np.float32))


HAND = series(
    [[1, NAN, 7], [3, 10, 7], [NAN, 20, 7], [100, 100, 9], [NAN, NAN, NAN]],
    [3, 0, 2],
    [0.5, 0.9, 48.0, 2.0, 3.5],
)
FIRST_ONLY = np.array([True, True, False])


def test_scale_by_hand():
    scale = observed_scale(HAND, FIRST_ONLY)
    np.testing.assert_allclose(scale.mean, [2, 15, 7])
    np.testing.assert_allclose(scale.sd, [1, 5, 0])
    assert scale.mean.dtype == np.float64


def test_irregular_by_hand():
    result = irregular(HAND, observed_scale(HAND, FIRST_ONLY))
    expected = [
        [-1, 0, 0, 1, 0, 1],
        [1, -1, 0, 1, 1, 1],
        [0, 1, 0, 0, 1, 1],
        [10, 10, 0, 1, 1, 1],  # clipped; a constant is 0 although it differs here
        [0, 0, 0, 0, 0, 0],
    ]
    np.testing.assert_array_equal(result.values, np.array(expected, np.float32))
    assert result.values.dtype == np.float32
    assert result.offsets is HAND.offsets and result.times is HAND.times


def test_hourly_by_hand():
    result = hourly(irregular(HAND, observed_scale(HAND, FIRST_ONLY)))
    assert result.values.shape == (3 * 48, 6)
    assert result.offsets.tolist() == [0, 48, 96, 144]
    first, empty, last = result.values.reshape(3, 48, 6)
    np.testing.assert_array_equal(first[0], [0, -1, 0, 1, 1, 1])  # mean of -1 and 1
    np.testing.assert_array_equal(first[1:47], np.tile([0, -1, 0, 0, 0, 0], (46, 1)))
    np.testing.assert_array_equal(first[47], [0, 1, 0, 0, 1, 1])  # 48.0 is in the last
    assert not empty.any()
    assert not last[:2].any()
    np.testing.assert_array_equal(last[2], [10, 10, 0, 1, 1, 1])
    np.testing.assert_array_equal(last[3:], np.tile([10, 10, 0, 0, 0, 0], (45, 1)))


def test_hours_of_rows_are_their_beginnings():
    result = hourly(irregular(HAND, observed_scale(HAND, FIRST_ONLY)), hours=48)
    assert result.times.tolist() == list(range(48)) * 3


def loop(ragged: Ragged, scale: Scale, hours: int) -> np.ndarray:
    """The definition, one cell at a time."""
    variables = ragged.values.shape[1]
    out = np.zeros((len(ragged.lengths), hours, 2 * variables))
    for s, (a, b) in enumerate(zip(ragged.offsets, ragged.offsets[1:], strict=False)):
        for v in range(variables):
            carried = 0.0
            for h in range(hours):
                found = []
                for r in range(a, b):
                    hour = min(int(ragged.times[r]), hours - 1)
                    if hour == h and not np.isnan(ragged.values[r, v]):
                        sd = scale.sd[v]
                        z = (ragged.values[r, v] - scale.mean[v]) / sd if sd else 0.0
                        found.append(min(max(z, -10), 10))
                if found:
                    carried = sum(found) / len(found)
                    out[s, h, variables + v] = 1
                out[s, h, v] = carried
    return out


@st.composite
def random_series(draw) -> tuple[Ragged, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    lengths = rng.integers(0, 9, draw(st.integers(1, 5)))
    lengths[0] = 3
    values = rng.normal(5, 3, (lengths.sum(), 3)).astype(np.float32)
    values[rng.random(values.shape) < 0.4] = np.nan
    values[0, 0] = 1.0
    times = [np.sort(rng.uniform(0, 6, n)).astype(np.float32) for n in lengths]
    is_train = rng.random(len(lengths)) < 0.5
    is_train[0] = True
    joined = np.concatenate(times)
    joined[lengths[0] - 1] = 6.0
    return series(values.tolist(), lengths.tolist(), joined.tolist()), is_train


@settings(max_examples=40, deadline=None)
@given(random_series())
def test_hourly_is_the_plain_loop(case):
    ragged, is_train = case
    scale = observed_scale(ragged, is_train)
    fast = hourly(irregular(ragged, scale), hours=6)
    expected = loop(ragged, scale, 6)
    np.testing.assert_allclose(fast.values.reshape(expected.shape), expected, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(random_series())
def test_scale_is_that_of_numpy(case):
    ragged, is_train = case
    rows = ragged.values[np.repeat(is_train, ragged.lengths)].astype(np.float64)
    scale = observed_scale(ragged, is_train)
    for v in range(3):
        seen = rows[~np.isnan(rows[:, v]), v]
        if len(seen):
            np.testing.assert_allclose(scale.mean[v], seen.mean())
        if len(seen) > 1:
            np.testing.assert_allclose(scale.sd[v], seen.std())
        else:
            assert scale.sd[v] == 0


def test_blocks_do_not_show(monkeypatch):
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 20, 50)
    times = np.concatenate([np.sort(rng.uniform(0, 48, n)) for n in lengths])
    rows = rng.normal(size=(lengths.sum(), 4))
    ragged = series(rows.tolist(), lengths.tolist(), times.tolist())
    scale = observed_scale(ragged, np.ones(50, bool))
    whole = hourly(irregular(ragged, scale)).values
    monkeypatch.setattr("repro.features.timeseries.BLOCK", 100)
    again = observed_scale(ragged, np.ones(50, bool))
    np.testing.assert_allclose(again.sd, scale.sd)
    np.testing.assert_array_equal(hourly(irregular(ragged, scale)).values, whole)


def test_other_splits_do_not_change_the_scale():
    changed = series(
        [*HAND.values[:3].tolist(), [-5, 0, 3], [4, NAN, 1]], [3, 0, 2], [0, 1, 2, 3, 4]
    )
    one, two = observed_scale(HAND, FIRST_ONLY), observed_scale(changed, FIRST_ONLY)
    assert (one.mean == two.mean).all() and (one.sd == two.sd).all()


def test_a_variable_never_seen_in_train_is_zero():
    ragged = series([[1, NAN], [2, NAN], [3, 8]], [2, 1], [0, 1, 2])
    result = irregular(ragged, observed_scale(ragged, np.array([True, False])))
    assert result.values[2].tolist() == [3.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("time", "message"),
    [(-0.1, "outside"), (48.5, "outside"), (NAN, "outside"), (1.0, "descend")],
)
def test_bad_times_are_refused(time: float, message: str):
    ragged = series([[1, 1], [2, 1]], [2], [3.0, time])
    with pytest.raises(ValueError, match=message):
        hourly(ragged)


def test_times_may_start_again_in_the_next_stay():
    assert hourly(series([[1, 1], [2, 1]], [1, 1], [48.0, 0.0])).values[48, 0] == 2


def test_missing_times_are_refused():
    with pytest.raises(ValueError, match="no times"):
        hourly(Ragged(np.zeros((1, 2), np.float32), np.array([0, 1])))


@pytest.mark.parametrize(
    ("value", "message"), [(NAN, "no training stay"), (np.inf, "variable 0: infinite")]
)
def test_a_scale_needs_finite_values(value: float, message: str):
    with pytest.raises(ValueError, match=message):
        observed_scale(series([[value]], [1], [0]), np.array([True]))
