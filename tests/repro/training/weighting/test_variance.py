"""Variances from train residuals only."""

import numpy as np
import pytest

from repro.training.weighting.variance import conditional_variance, pooled_variances

FLOOR = 1e-6


def data(samples: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Predictions, labels, presence and train rows; noise grows with |u|."""
    draw = np.random.default_rng(0)
    u = draw.normal(0, 1.5, (samples, 2))
    noise = draw.standard_normal((samples, 2)) * np.exp(0.4 * u - 0.5)
    y = (u + noise)[:, 0]
    u[:, 1] = y + draw.normal(0, 0.7, samples)
    present = draw.random((samples, 2)) > 0.1
    return u, y, present, np.arange(samples // 2)


def test_pooled_is_the_mean_square_over_present_train_rows() -> None:
    u = np.array([[1.0, 0.0], [3.0, 9.0], [0.0, 5.0], [7.0, 7.0]])
    y = np.array([0.0, 1.0, 0.0, 0.0])
    present = np.array([[True, True], [True, False], [False, True], [True, True]])
    found = pooled_variances(u, y, present, np.array([0, 1, 2]), FLOOR)
    assert found == pytest.approx([(1 + 4) / 2, (0 + 25) / 2])
    assert pooled_variances(u, y, present, np.array([0]), 3.0).tolist() == [3.0, 3.0]


def test_conditional_follows_the_noise_and_keeps_the_pooled_mean() -> None:
    u, y, present, train = data()
    found = conditional_variance(u, y, present, train, FLOOR)
    pooled = pooled_variances(u, y, present, train, FLOOR)
    for m in range(2):
        rows = train[present[train, m]]
        assert found[rows, m].mean() == pytest.approx(pooled[m], rel=1e-6)
    true = np.exp(0.8 * u[:, 0] - 1.0)
    middle = np.abs(u[:, 0]) < 2
    ratio = found[middle, 0] / true[middle]
    assert np.median(np.abs(np.log(ratio))) < 0.3
    flat = found[middle, 1]
    assert flat.max() / flat.min() < 3


def test_conditional_reads_no_label_outside_train() -> None:
    u, y, present, train = data(400)
    before = conditional_variance(u, y, present, train, FLOOR)
    y[200:] = 1e6
    assert np.array_equal(before, conditional_variance(u, y, present, train, FLOOR))


def test_conditional_ignores_what_absent_modalities_store() -> None:
    u, y, present, train = data(400)
    before = conditional_variance(u, y, present, train, FLOOR)
    u[~present] = 50.0
    after = conditional_variance(u, y, present, train, FLOOR)
    assert np.array_equal(before[present], after[present])


def test_conditional_is_floored() -> None:
    u, y, present, train = data(400)
    assert conditional_variance(u, y, present, train, 2.0).min() >= 2.0
