"""The bootstrap of macro-F1 over groups: a plain loop, hand numbers, coverage."""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score

from repro.metrics import bootstrap
from repro.metrics.bootstrap import Statistic, mean_difference
from repro.metrics.classification import accuracy, quadratic_kappa

confusion_difference = partial(bootstrap.confusion_difference, classes=4)
confusion_interval = partial(bootstrap.confusion_interval, classes=4)


def example(groups: int = 12, seeds: int = 3) -> tuple[np.ndarray, ...]:
    """Classes of two methods, labels and groups of unequal size."""
    random = np.random.default_rng(5)
    group = np.repeat([f"p{g}" for g in range(groups)], random.integers(1, 6, groups))
    group = random.permutation(group)
    y = random.integers(0, 4, len(group))
    right = random.random((seeds, len(group))) < 0.4
    chosen = np.where(right, y, random.integers(0, 4, (seeds, len(group))))
    reference = random.integers(0, 4, (1, len(group)))
    return chosen, reference, y, group


def percent_macro_f1(y: np.ndarray, chosen: np.ndarray) -> float:
    """scikit-learn's macro-F1 over all four classes."""
    about = {"labels": [0, 1, 2, 3], "average": "macro", "zero_division": 0}
    return 100 * f1_score(y, chosen, **about)


def kappa(y: np.ndarray, chosen: np.ndarray) -> float:
    """scikit-learn's quadratic kappa over all four classes."""
    labels = [0, 1, 2, 3]
    return cohen_kappa_score(y, chosen, labels=labels, weights="quadratic")


@pytest.mark.parametrize(
    ("statistic", "loop"), [(None, percent_macro_f1), (quadratic_kappa, kappa)]
)
def test_a_plain_loop_over_the_same_draws_agrees(
    statistic: Statistic | None, loop: Callable[[np.ndarray, np.ndarray], float]
) -> None:
    chosen, reference, y, group = example()
    about = {"resamples": 60, "confidence": 0.9, "seed": 3}
    if statistic is not None:
        about["statistic"] = statistic
    found = confusion_difference(chosen, reference, y, group, **about)
    alone = confusion_interval(chosen, y, group, **about)
    names = np.unique(group)
    rows = [np.flatnonzero(group == name) for name in names]
    drawn = np.random.default_rng(3).integers(len(names), size=(60, len(names)))
    own, differences = [], []
    for numbers in drawn:
        taken = np.concatenate([rows[number] for number in numbers])
        own.append(np.mean([loop(y[taken], c[taken]) for c in chosen]))
        differences.append(own[-1] - loop(y[taken], reference[0, taken]))
    mean = np.mean([loop(y, c) for c in chosen])
    assert alone.mean == pytest.approx(mean)
    assert found.mean == pytest.approx(mean - loop(y, reference[0]))
    assert alone.lower == pytest.approx(np.quantile(own, 0.05))
    assert alone.upper == pytest.approx(np.quantile(own, 0.95))
    assert found.lower == pytest.approx(np.quantile(differences, 0.05))
    assert found.upper == pytest.approx(np.quantile(differences, 0.95))
    smaller = min(
        (np.array(differences) <= 0).sum(), (np.array(differences) >= 0).sum()
    )
    assert found.p == pytest.approx(min(1.0, 2 * (1 + smaller) / 61))


def test_accuracy_agrees_with_the_bootstrap_of_means() -> None:
    """Both estimate one interval; the draws differ, so the ends agree roughly."""
    random = np.random.default_rng(0)
    y, group = random.integers(0, 4, 800), np.repeat(np.arange(200), 4)
    chosen = np.where(random.random((2, 800)) < 0.5, y, 0)
    reference = np.where(random.random((2, 800)) < 0.4, y, 1)
    found = confusion_difference(chosen, reference, y, group, statistic=accuracy)
    gap = 100.0 * ((chosen == y).astype(float) - (reference == y))
    means = mean_difference(gap, group)
    assert found.mean == pytest.approx(means.mean)
    assert found.lower == pytest.approx(means.lower, abs=0.25)
    assert found.upper == pytest.approx(means.upper, abs=0.25)


def test_chunks_and_order_of_samples_change_no_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen, reference, y, group = example()
    found = confusion_difference(chosen, reference, y, group, resamples=101)
    order = np.random.default_rng(1).permutation(len(y))
    shuffled = confusion_difference(
        chosen[:, order], reference[:, order], y[order], group[order], resamples=101
    )
    assert shuffled == found
    monkeypatch.setattr(bootstrap, "DRAWN_AT_ONCE", 7 * 12)
    assert confusion_difference(chosen, reference, y, group, resamples=101) == found
    other = confusion_difference(chosen, reference, y, group, resamples=101, seed=1)
    assert other != found


def test_the_same_predictions_differ_by_nothing() -> None:
    chosen, _, y, group = example()
    found = confusion_difference(chosen, chosen, y, group, resamples=50)
    assert (found.mean, found.lower, found.upper, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_groups_not_samples_are_drawn() -> None:
    """Copies within a group add nothing: the interval stays as wide."""
    random = np.random.default_rng(2)
    y, chosen = random.integers(0, 4, 30), random.integers(0, 4, (2, 30))
    alone = confusion_interval(chosen, y, np.arange(30), resamples=200)
    many = np.repeat(chosen, 20, axis=1), np.repeat(y, 20)
    copied = confusion_interval(*many, np.repeat(np.arange(30), 20), resamples=200)
    assert copied == alone


def test_coverage_and_error_rate_on_null_data() -> None:
    """Two methods equally good, errors shared within a patient: 90 to 98 %."""
    random = np.random.default_rng(11)
    runs, covered, rejected = 200, 0, 0
    group = np.repeat(np.arange(80), 4)
    for seed in range(runs):
        y = random.choice(4, 320, p=[0.28, 0.45, 0.18, 0.09])
        hard = random.random(80)[group]
        first, second = (
            np.where(random.random((2, 320)) < hard, y, random.integers(0, 4, (2, 320)))
            for _ in range(2)
        )
        found = confusion_difference(first, second, y, group, resamples=400, seed=seed)
        covered += found.lower <= 0 <= found.upper
        rejected += found.p < 0.05
    assert 0.90 <= covered / runs <= 0.98
    assert 0.02 <= rejected / runs <= 0.10


def test_ten_thousand_resamples_of_three_thousand_groups_take_seconds() -> None:
    random = np.random.default_rng(0)
    y, group = random.integers(0, 4, 4000), np.arange(4000) % 3000
    first, second = random.integers(0, 4, (2, 5, 4000))
    start = time.process_time()
    confusion_difference(first, second, y, group)
    assert time.process_time() - start < 4  # 0.4 s on a free core


def test_bad_input_stops() -> None:
    y, group = np.array([0, 1, 2, 3]), np.array(list("aabb"))
    good = y[None]
    with pytest.raises(ValueError, match="predictions: 3 values for 4 samples"):
        confusion_interval(good[:, :3], y, group)
    with pytest.raises(ValueError, match="group: 3 values for 4 samples"):
        confusion_interval(good, y, group[:3])
    with pytest.raises(ValueError, match="predictions: 4 is none of the classes"):
        confusion_interval(good + 1, y, group)
    with pytest.raises(ValueError, match=r"y: 0\.5 is none of the classes 0 to 3"):
        confusion_difference(good, good, y + 0.5, group)
    with pytest.raises(ValueError, match="at least two"):
        confusion_interval(good, y, np.zeros(4))
    with pytest.raises(ValueError, match="undefined in"):
        confusion_interval(
            np.array([[0, 0, 1, 1]]),
            np.array([0, 0, 1, 1]),
            group,
            statistic=quadratic_kappa,
            resamples=50,
        )
