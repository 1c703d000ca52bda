"""Statistics by counts of drawn groups: scikit-learn on the samples drawn."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, roc_auc_score

from repro.metrics.bootstrap import group_counts, resampled
from repro.metrics.classification import (
    accuracy,
    macro_f1,
    one_versus_rest_auroc,
    quadratic_kappa,
    weighted_f1,
)
from repro.metrics.resampling import (
    auroc_statistic,
    confusion_statistic,
    mean_statistic,
)

LABELS = [0, 1, 2, 3]


def example(groups: int = 12, seeds: int = 3) -> tuple[np.ndarray, ...]:
    """Probabilities, labels, groups of unequal size, and how often each is drawn."""
    random = np.random.default_rng(5)
    group = np.repeat([f"p{g}" for g in range(groups)], random.integers(3, 9, groups))
    group = random.permutation(group)
    y = random.integers(0, 4, len(group))
    scores = random.random((seeds, len(group), 4)) + 0.5 * np.eye(4)[y]
    # Two digits, so that there are ties.
    probabilities = (scores / scores.sum(axis=-1, keepdims=True)).round(2)
    return probabilities, y, group, group_counts(groups, 40, random)


def f1(average: str) -> Callable[[np.ndarray, np.ndarray], float]:
    """scikit-learn's F1 over all four classes, in percent."""
    about = {"labels": LABELS, "average": average, "zero_division": 0}
    return lambda y, chosen: 100 * f1_score(y, chosen, **about)


def kappa(y: np.ndarray, chosen: np.ndarray) -> float:
    """scikit-learn's quadratic kappa over all four classes."""
    return cohen_kappa_score(y, chosen, labels=LABELS, weights="quadratic")


def percent(y: np.ndarray, chosen: np.ndarray) -> float:
    """scikit-learn's accuracy in percent."""
    return 100 * accuracy_score(y, chosen)


@pytest.mark.parametrize(
    ("statistic", "loop"),
    [
        (macro_f1, f1("macro")),
        (weighted_f1, f1("weighted")),
        (accuracy, percent),
        (quadratic_kappa, kappa),
    ],
)
def test_a_confusion_statistic_is_that_of_the_samples_drawn(statistic, loop) -> None:
    probabilities, y, group, counts = example()
    chosen = probabilities.argmax(axis=-1)
    of = confusion_statistic(chosen, y, group, classes=4, of=statistic)
    found = of(counts)
    names = np.unique(group)
    for row, times in enumerate(counts):
        drawn = np.repeat(names, times)
        taken = np.concatenate([np.flatnonzero(group == name) for name in drawn])
        expected = [loop(y[taken], one[taken]) for one in chosen]
        assert found[row] == pytest.approx(expected)


def test_auroc_is_scikit_learns_with_the_counts_as_weights() -> None:
    probabilities, y, group, counts = example()
    found = auroc_statistic(probabilities, y, group)(counts)
    _, index = np.unique(group, return_inverse=True)
    for row, times in enumerate(counts):
        weight = times[index]
        for seed, scores in enumerate(probabilities):
            areas = [
                roc_auc_score(y == k, scores[:, k], sample_weight=weight)
                for k in LABELS
            ]
            assert found[row, seed] == pytest.approx(np.mean(areas))
    once = auroc_statistic(probabilities, y, group)(np.ones((1, 12), dtype=int))[0]
    whole = [one_versus_rest_auroc(p, y) for p in probabilities]
    assert once == pytest.approx(whole)


def test_auroc_without_a_class_is_the_mean_over_the_others() -> None:
    probabilities, y, group, _ = example(groups=6)
    y = np.where(group == "p0", 3, y % 3)  # the only group of class 3
    counts = np.array([[0, 2, 1, 1, 1, 1], [6, 0, 0, 0, 0, 0]])
    found = auroc_statistic(probabilities, y, group)(counts)
    _, index = np.unique(group, return_inverse=True)
    areas = [
        roc_auc_score(y == k, probabilities[0, :, k], sample_weight=counts[0][index])
        for k in range(3)
    ]
    assert found[0, 0] == pytest.approx(np.mean(areas))
    assert np.isnan(found[1]).all()


def test_a_mean_weighs_every_sample_of_a_drawn_group() -> None:
    random = np.random.default_rng(0)
    group, values = np.repeat([0, 1, 2], [1, 2, 5]), random.normal(size=(2, 8))
    counts = np.array([[0, 1, 2], [3, 0, 0]])
    found = mean_statistic(values, group)(counts)
    weight = counts[:, group]
    assert found == pytest.approx(weight @ values.T / weight.sum(1, keepdims=True))


def test_ten_thousand_resamples_of_three_thousand_groups_take_seconds() -> None:
    random = np.random.default_rng(0)
    y, group = random.integers(0, 4, 4000), np.arange(4000) % 3000
    chosen = random.integers(0, 4, (6, 4000))
    of = confusion_statistic(chosen, y, group, classes=4, of=macro_f1)
    start = time.process_time()
    resampled({"macro_f1": of}, 3000)
    assert time.process_time() - start < 4  # 0.5 s on a free core


def test_two_thousand_resamples_of_auroc_take_less() -> None:
    random = np.random.default_rng(0)
    y, group = random.integers(0, 4, 600), np.arange(600) % 320
    of = auroc_statistic(random.random((6, 600, 4)), y, group)
    start = time.process_time()
    resampled({"auroc": of}, 320, resamples=2000)
    assert time.process_time() - start < 2  # 0.15 s on a free core


def test_bad_input_stops() -> None:
    y, group = np.array([0, 1, 2, 3]), np.array(list("aabb"))
    about = {"classes": 4, "of": macro_f1}
    with pytest.raises(ValueError, match="predictions: 3 values for 4 samples"):
        confusion_statistic(y[None, :3], y, group, **about)
    with pytest.raises(ValueError, match="group: 3 values for 4 samples"):
        confusion_statistic(y[None], y, group[:3], **about)
    with pytest.raises(ValueError, match="predictions: 4 is none of the classes"):
        confusion_statistic(y[None] + 1, y, group, **about)
    with pytest.raises(ValueError, match=r"y: 0\.5 is none of the classes 0 to 3"):
        confusion_statistic(y[None], y + 0.5, group, **about)
    with pytest.raises(ValueError, match="y: 3 is none of the classes 0 to 2"):
        auroc_statistic(np.full((1, 4, 3), 1 / 3), y, group)
    with pytest.raises(ValueError, match="at least two"):
        mean_statistic(np.zeros((1, 4)), np.zeros(4))
