"""Scores by task: the same numbers as their metrics, scikit-learn and plain loops."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss, mean_absolute_error

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
        "multilabel": random.random((60, 2)),
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


def test_the_tested_statistics_are_the_metrics() -> None:
    """On the groups as they are each gives the metric of its name, headline first."""
    random = np.random.default_rng(2)
    group, once = np.repeat(np.arange(20), 3), np.ones((1, 20), dtype=int)
    y = {
        "regression": random.normal(size=60),
        "classification": np.tile([0.0, 1, 2], 20),
        "multilabel": np.tile([0.0, 1, 2], 20),
    }
    given = {
        "regression": random.normal(size=(2, 60)),
        "classification": distributions(random, 2, 60, 3),
        "multilabel": random.random((2, 60, 2)),
    }
    for task, score in SCORES.items():
        statistics = score.statistics(given[task], y[task], group)
        assert next(iter(statistics)) == score.headline.name
        assert score.slow <= set(statistics)
        metrics = [score.compute(one, y[task]) for one in given[task]]
        for name, statistic in statistics.items():
            expected = [[one[name] for one in metrics]]
            np.testing.assert_allclose(statistic(once), expected, err_msg=name)
    statistics = CLASSIFICATION.statistics(
        given["classification"], y["classification"], group
    )
    wanted = {"macro_f1", "weighted_f1", "accuracy", "auroc", "log_loss"}
    assert set(statistics) == wanted


def test_log_loss_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(4)
    y, shares = random.integers(0, 4, 50), distributions(random, 50, 4)
    found = CLASSIFICATION.compute(shares, y.astype(np.float64))["log_loss"]
    assert found == pytest.approx(log_loss(y, shares, labels=range(4)))
