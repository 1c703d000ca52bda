"""Metrics by hand and against scikit-learn and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, f1_score

from repro.metrics.regression import (
    METRICS,
    rounded_class,
    sentiment_metrics,
    weighted_f1,
)


def test_hand_numbers() -> None:
    y = np.array([-2.6, -0.4, 0.0, 0.8, 2.5])
    p = np.array([-3.7, 0.2, -0.1, 0.5, 1.4])
    found = sentiment_metrics(p, y)
    assert found["mae"] == pytest.approx((1.1 + 0.6 + 0.1 + 0.3 + 1.1) / 5)
    # 7 classes: -3|-3, 0|0, 0|0, 0|1, 1|2 (2.5 rounds half to even)
    assert found["acc7"] == pytest.approx(60.0)
    # 5 classes: -2|-2, 0|0, 0|0, 0|1, 1|2
    assert found["acc5"] == pytest.approx(60.0)
    # >= 0: F|F, T|F, F|T, T|T, T|T
    assert found["acc2_has0"] == pytest.approx(60.0)
    # without y = 0, > 0: F|F, T|F, T|T, T|T
    assert found["acc2_non0"] == pytest.approx(75.0)
    # F1 of negatives 2/3 (support 2), of positives 4/5 (support 2)
    assert found["f1_non0"] == pytest.approx(100 * (2 / 3 + 4 / 5) / 2)


def test_rounds_half_to_even_after_clipping() -> None:
    scores = np.array([0.5, 1.5, -0.5, -2.5, 7.0, -7.0])
    assert rounded_class(scores, 3).tolist() == [0, 2, 0, -2, 3, -3]
    assert rounded_class(scores, 2).tolist() == [0, 2, 0, -2, 2, -2]


@given(st.integers(0, 2**32 - 1), st.integers(2, 60))
def test_agrees_with_scikit_learn_and_scipy(seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    y = np.clip(np.round(random.normal(0, 1.5, size) * 5) / 5, -3, 3)
    p = y + random.normal(0, 1.0, size)
    found = sentiment_metrics(p, y)
    pairs = {"has0": (y >= 0, p >= 0), "non0": (y[y != 0] > 0, p[y != 0] > 0)}
    for name, (truth, predicted) in pairs.items():
        if len(truth) == 0:
            continue
        accuracy = 100 * accuracy_score(truth, predicted)
        f1 = 100 * f1_score(truth, predicted, average="weighted", zero_division=0)
        assert found[f"acc2_{name}"] == pytest.approx(accuracy)
        assert found[f"f1_{name}"] == pytest.approx(f1)
    if "corr" in found:
        assert found["corr"] == pytest.approx(pearsonr(p, y).statistic, abs=1e-9)
    assert list(found) == [m for m in METRICS if m in found]


def test_f1_weights_by_the_truth_not_by_the_prediction() -> None:
    truth = np.array([True, True, True, False, False])
    predicted = np.array([True, False, False, False, False])
    assert weighted_f1(predicted, truth) != pytest.approx(weighted_f1(truth, predicted))
    expected = 100 * f1_score(truth, predicted, average="weighted")
    assert weighted_f1(predicted, truth) == pytest.approx(expected)


def test_constant_predictions_have_no_correlation() -> None:
    found = sentiment_metrics(np.full(3, 0.2), np.array([0.0, 1.0, -1.0]))
    assert "corr" not in found
    assert all(np.isfinite(value) for value in found.values())


def test_all_zero_labels_have_no_non0_pair() -> None:
    found = sentiment_metrics(np.array([0.1, -0.1]), np.zeros(2))
    assert not {"acc2_non0", "f1_non0", "corr"} & set(found)
    assert found["acc2_has0"] == 50.0


def test_bad_values_are_counted() -> None:
    with pytest.raises(ValueError, match="prediction: 1 of 2 values are not finite"):
        sentiment_metrics(np.array([np.nan, 0.0]), np.zeros(2))
    with pytest.raises(ValueError, match="no samples"):
        sentiment_metrics(np.zeros(0), np.zeros(0))
