"""Scores by task: the same numbers as their metrics, scikit-learn and plain loops."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, mean_absolute_error

from repro.metrics.bootstrap import mean_difference
from repro.metrics.scores import CLASSIFICATION, REGRESSION, SCORES, known_metric


def distributions(random: np.random.Generator, *shape: int) -> np.ndarray:
    """Random class probabilities."""
    drawn = random.random(shape)
    return drawn / drawn.sum(axis=-1, keepdims=True)


def test_every_computed_metric_is_known_with_its_label() -> None:
    random = np.random.default_rng(0)
    y = np.tile(np.arange(3.0), 20)
    given = {
        "regression": random.normal(size=60),
        "classification": distributions(random, 60, 3),
    }
    for task, score in SCORES.items():
        found = score.compute(given[task], y)
        metrics = [score.metric(name) for name in found]
        assert None not in metrics and score.headline in metrics
        assert found[score.headline.name] == score.headline_of(given[task], y)
    assert known_metric("macro_f1_vs_moe") is None
    assert REGRESSION.metric("recall_1") is None


def test_headlines_agree_with_scikit_learn() -> None:
    random = np.random.default_rng(1)
    y, prediction = random.normal(size=(2, 50))
    assert REGRESSION.headline_of(prediction, y) == pytest.approx(
        mean_absolute_error(y, prediction)
    )
    classes = random.integers(0, 4, 50).astype(np.float64)
    shares = distributions(random, 50, 4)
    found = 100 * f1_score(classes, shares.argmax(axis=1), average="macro")
    assert CLASSIFICATION.headline_of(shares, classes) == pytest.approx(found)


def test_the_better_direction_is_that_of_the_headline() -> None:
    values = {"a": 1.0, "b": 2.0, "c": 2.0}
    assert REGRESSION.best(values) == "a"
    assert CLASSIFICATION.best(values) == "b"


def test_mae_difference_is_the_bootstrap_of_absolute_errors() -> None:
    random = np.random.default_rng(2)
    y, group = random.normal(size=40), np.repeat(np.arange(10), 4)
    three, one = random.normal(size=(3, 40)), random.normal(size=(1, 40))
    about = {"resamples": 200, "confidence": 0.9, "seed": 4}
    found = REGRESSION.difference(one, three, y, group, **about)
    errors = np.abs(one - y) - np.abs(three - y)
    assert found == mean_difference(errors, group, **about)


def test_macro_f1_differs_by_the_means_over_seeds() -> None:
    random = np.random.default_rng(3)
    y = random.integers(0, 3, 60).astype(np.float64)
    group = np.repeat(np.arange(20), 3)
    method, reference = distributions(random, 2, 60, 3), distributions(random, 1, 60, 3)
    about = {"resamples": 100, "confidence": 0.9, "seed": 0}
    found = CLASSIFICATION.difference(method, reference, y, group, **about)
    assert CLASSIFICATION.interval is not None
    alone = CLASSIFICATION.interval(method, y, group, **about)
    own = np.mean([CLASSIFICATION.headline_of(p, y) for p in method])
    assert alone.mean == pytest.approx(own)
    other = CLASSIFICATION.headline_of(reference[0], y)
    assert found.mean == pytest.approx(own - other)
