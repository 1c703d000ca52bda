"""Metrics of class probabilities against scikit-learn and by hand."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    cohen_kappa_score,
    f1_score,
    recall_score,
    roc_auc_score,
)

from repro.metrics.classification import (
    accuracy,
    balanced_accuracy,
    calibration_error,
    classification_metrics,
    confusion_matrix,
    macro_f1,
    quadratic_kappa,
    recalls,
    weighted_f1,
)

ALL = [0, 1, 2, 3]


def example(seed: int, samples: int, present: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities with ties and labels of the first `present` classes."""
    random = np.random.default_rng(seed)
    scores = random.integers(1, 6, (samples, 4)).astype(float)
    return scores / scores.sum(axis=1, keepdims=True), random.integers(
        0, present, samples
    )


@settings(max_examples=50)
@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 4))
def test_agrees_with_scikit_learn(seed: int, samples: int, present: int) -> None:
    p, y = example(seed, samples, present)
    chosen = p.argmax(axis=1)
    found = classification_metrics(p, y.astype(float))
    about = {"labels": ALL, "zero_division": 0}
    assert found["accuracy"] == pytest.approx(100 * accuracy_score(y, chosen))
    for name, average in (("macro_f1", "macro"), ("weighted_f1", "weighted")):
        wanted = 100 * f1_score(y, chosen, average=average, **about)
        assert found[name] == pytest.approx(wanted)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        warnings.filterwarnings("ignore", "A single label was found")
        wanted = 100 * balanced_accuracy_score(y, chosen)
    assert found["balanced_accuracy"] == pytest.approx(wanted)
    recall = 100 * recall_score(y, chosen, average=None, **about)
    for c in ALL:
        assert (f"recall_{c}" in found) == bool((y == c).any())
        assert found.get(f"recall_{c}", 0.0) == pytest.approx(recall[c])
    if len(set(y) | set(chosen)) > 1:
        kappa = cohen_kappa_score(y, chosen, labels=ALL, weights="quadratic")
        assert found["quadratic_kappa"] == pytest.approx(kappa)
    else:
        assert "quadratic_kappa" not in found
    if len(set(y)) > 1:
        areas = [roc_auc_score(y == c, p[:, c]) for c in sorted(set(y))]
        assert found["auroc"] == pytest.approx(np.mean(areas))
        if set(y) == set(ALL):
            whole = roc_auc_score(y, p, multi_class="ovr", average="macro")
            assert found["auroc"] == pytest.approx(whole)
    else:
        assert "auroc" not in found


@given(st.integers(0, 10_000), st.integers(1, 60))
def test_calibration_error_is_that_of_a_loop_over_bins(seed: int, samples: int) -> None:
    random = np.random.default_rng(seed)
    p = random.dirichlet(np.full(4, 0.5), samples)
    y = random.integers(0, 4, samples)
    top, right = p.max(axis=1), p.argmax(axis=1) == y
    total = 0.0
    for k in range(15):
        inside = (top > k / 15) & (top <= (k + 1) / 15)
        if inside.any():
            gap = abs(right[inside].mean() - top[inside].mean())
            total += inside.mean() * gap
    assert calibration_error(p, y) == pytest.approx(total)


def test_metrics_by_hand() -> None:
    p = np.array(
        [
            [0.7, 0.1, 0.1, 0.1],
            [0.1, 0.7, 0.1, 0.1],
            [0.1, 0.7, 0.1, 0.1],
            [0.1, 0.1, 0.7, 0.1],
            [0.1, 0.7, 0.1, 0.1],
        ]
    )
    found = classification_metrics(p, np.array([0, 1, 1, 2, 3]))
    assert found["accuracy"] == pytest.approx(80)
    assert found["macro_f1"] == pytest.approx((100 + 80 + 100 + 0) / 4)
    assert found["weighted_f1"] == pytest.approx((100 + 2 * 80 + 100 + 0) / 5)
    assert found["balanced_accuracy"] == pytest.approx(75)
    assert found["recall_3"] == 0.0
    # Classes 0 and 2 are ranked perfectly; 1: 3 pairs, one tied on each of 2
    # positives; 3: all four pairs are ties.
    assert found["auroc"] == pytest.approx((1 + 1 + 5 / 6 + 0.5) / 4)
    assert found["calibration_error"] == pytest.approx(0.1)
    assert found["log_loss"] == pytest.approx(-(4 * np.log(0.7) + np.log(0.1)) / 5)
    assert list(found) == [
        "accuracy",
        "macro_f1",
        "weighted_f1",
        "balanced_accuracy",
        "auroc",
        "log_loss",
        "quadratic_kappa",
        "recall_0",
        "recall_1",
        "recall_2",
        "recall_3",
        "calibration_error",
    ]


def test_the_published_majority_baseline() -> None:
    """Class 1 for all of the authors' test set: 0.448, 0.155, 0.278."""
    y = np.repeat([0, 1, 2, 3], [237, 348, 132, 59])
    p = np.tile([0.0, 1.0, 0.0, 0.0], (776, 1))
    found = classification_metrics(p, y)
    assert found["accuracy"] == pytest.approx(44.8, abs=0.05)
    assert found["macro_f1"] == pytest.approx(15.5, abs=0.05)
    assert found["weighted_f1"] == pytest.approx(27.8, abs=0.05)
    assert found["auroc"] == 0.5
    assert found["quadratic_kappa"] == 0.0


@pytest.mark.parametrize(
    "statistic",
    [accuracy, macro_f1, weighted_f1, balanced_accuracy, quadratic_kappa, recalls],
)
def test_statistics_keep_leading_dimensions(
    statistic: Callable[[np.ndarray], np.ndarray],
) -> None:
    random = np.random.default_rng(0)
    stack = random.integers(0, 9, (2, 3, 4, 4))
    stack[0, 0, 1] = 0
    found = statistic(stack)
    assert found.shape[:2] == (2, 3)
    for i in range(2):
        for j in range(3):
            np.testing.assert_allclose(found[i, j], statistic(stack[i, j]))


def test_confusion_has_the_truth_in_rows() -> None:
    found = confusion_matrix(np.array([1, 1, 0]), np.array([0, 0, 2]), 3)
    assert found.tolist() == [[0, 2, 0], [0, 0, 0], [1, 0, 0]]


def test_bad_input_stops() -> None:
    good = np.full((2, 4), 0.25)
    with pytest.raises(ValueError, match="no samples"):
        classification_metrics(np.empty((0, 4)), np.empty(0))
    for bad in (good * 2, np.array([[-0.5, 1.5, 0, 0], [1.0, 0, 0, 0]])):
        with pytest.raises(ValueError, match="rows are no distribution, first row 0"):
            classification_metrics(bad, np.array([0, 1]))
    with pytest.raises(ValueError, match="1 of 2 rows"):
        nan = np.array([[1.0, 0, 0, 0], [np.nan, 0, 0, 0]])
        classification_metrics(nan, np.array([0, 1]))
    for label in (4.0, -1.0, 0.5, np.nan):
        with pytest.raises(ValueError, match="none of the classes 0 to 3"):
            classification_metrics(good, np.array([0.0, label]))
