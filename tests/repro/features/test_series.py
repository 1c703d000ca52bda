from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.features.series import (
    fitted_scale,
    read_scales,
    standardized,
    write_scales,
)
from repro.files import write_arrays
from repro.records import Ragged

OFFSETS = np.array([0, 2, 2, 5, 6])
IS_TRAIN = np.array([True, True, True, False])


def ragged(values: np.ndarray) -> Ragged:
    return Ragged(values.astype(np.float32), OFFSETS, np.arange(6.0))


def test_train_rows_have_mean_0_and_sd_1():
    values = np.random.default_rng(0).normal(5, 3, (6, 2))
    made = ragged(values)
    scaled, clipped = standardized(made, fitted_scale(made, IS_TRAIN))
    np.testing.assert_allclose(scaled.values[:5].mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.values[:5].std(0), 1, atol=1e-6)
    assert clipped == 0 and scaled.values.dtype == np.float32
    assert scaled.offsets is OFFSETS and scaled.times.tolist() == list(range(6))


@given(st.floats(-1e6, 1e6, width=32))
def test_other_rows_do_not_enter_the_scale(value):
    values = np.arange(12.0).reshape(6, 2)
    before = fitted_scale(ragged(values), IS_TRAIN)
    values[5] = value
    after = fitted_scale(ragged(values), IS_TRAIN)
    assert (before.mean == after.mean).all() and (before.sd == after.sd).all()


@pytest.mark.parametrize("level", [0.0, 1e-3, 7.3, -1e6])
def test_a_column_that_is_constant_in_train_is_zero_everywhere(level):
    values = np.arange(12.0).reshape(6, 2)
    values[:5, 1] = level
    values[5, 1] = level + 100
    made = ragged(values)
    scaled, _ = standardized(made, fitted_scale(made, IS_TRAIN))
    assert (scaled.values[:, 1] == 0).all()


def test_values_beyond_10_sd_are_clipped_and_counted():
    values = np.array([[-1.0], [1], [-1], [1], [0], [50]])
    made = ragged(values)
    scale = fitted_scale(made, IS_TRAIN)
    scaled, clipped = standardized(made, scale)
    assert scaled.values[5, 0] == 10 and clipped == 1
    assert scaled.values[0, 0] == pytest.approx(-1 / np.sqrt(0.8))


def test_no_train_row_is_an_error():
    with pytest.raises(ValueError, match="no training sample has this modality"):
        fitted_scale(ragged(np.ones((6, 2))), np.array([False, True, False, False]))


def test_a_stored_scale_puts_new_rows_where_train_rows_are(tmp_path: Path) -> None:
    made = ragged(np.arange(12.0).reshape(6, 2))
    scale = fitted_scale(made, IS_TRAIN)
    write_scales(tmp_path / "scales.safetensors", {"audio": scale, "a.b": scale})
    again = read_scales(tmp_path / "scales.safetensors")
    assert set(again) == {"audio", "a.b"}
    expected = standardized(made, scale)[0].values
    assert np.array_equal(standardized(made, again["audio"])[0].values, expected)


def test_a_file_without_a_scale_is_refused(tmp_path: Path) -> None:
    write_arrays(tmp_path / "scales.safetensors", {"audio.mean": np.zeros(2)})
    with pytest.raises(ValueError, match=r"has no array 'audio\.sd'; run the stage"):
        read_scales(tmp_path / "scales.safetensors")
