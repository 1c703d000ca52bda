"""Methods set against each other: pairs, one seed, and what is left out."""

import numpy as np
import pytest

from repro.metrics.scores import CLASSIFICATION, REGRESSION
from repro.params.study import Statistics
from repro.results.comparing import differences, drawn, interval, seeds_of
from repro.results.runs import Predictions

STATISTICS = Statistics(resamples=300, auroc_resamples=100, confidence=0.95, seed=0)
Y = np.tile(np.arange(3.0), 20)
GROUP = np.repeat(np.arange(20), 3)


def predictions(seeds: int, start: int = 0, classes: int = 0) -> Predictions:
    """Made-up predictions of that many seeds."""
    random = np.random.default_rng(start)
    values = random.normal(size=(seeds, 60)) + Y
    if classes:
        shares = (
            random.random((seeds, 60, classes)) + 0.3 * np.eye(classes)[Y.astype(int)]
        )
        values = shares / shares.sum(axis=-1, keepdims=True)
    return Predictions("m", np.arange(seeds), np.arange(60), GROUP, Y, values)


def test_differences_are_those_of_the_metrics() -> None:
    one, other = predictions(3, 1, classes=3), predictions(1, 2, classes=3)
    pair = [drawn(CLASSIFICATION, p, STATISTICS) for p in (one, other)]
    found = differences(*pair, STATISTICS)
    assert list(found) == ["macro_f1", "weighted_f1", "accuracy", "auroc", "log_loss"]
    means = [
        {
            name: np.mean([CLASSIFICATION.compute(s, Y)[name] for s in p.prediction])
            for name in found
        }
        for p in (one, other)
    ]
    for name, value in found.items():
        assert value.mean == pytest.approx(means[0][name] - means[1][name])
        assert value.lower < value.mean < value.upper and value.se_seeds > 0
    assert seeds_of(*pair) == 3
    assert len(pair[0].scores["auroc"].drawn) == 100
    assert len(pair[0].scores["macro_f1"].drawn) == 300


def test_the_same_groups_are_drawn_for_all_methods() -> None:
    """Two methods that differ by a constant differ by it in every resample."""
    one = predictions(2)
    moved = Predictions("n", one.seeds, one.id, GROUP, Y, one.prediction)
    both = [drawn(REGRESSION, p, STATISTICS) for p in (one, moved)]
    found = differences(*both, STATISTICS)["mae"]
    assert (found.mean, found.lower, found.upper, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_one_seed_is_not_tested() -> None:
    both = [drawn(REGRESSION, predictions(1, k), STATISTICS) for k in (1, 2)]
    found = differences(*both, STATISTICS)["mae"]
    assert found.mean != 0
    assert (found.lower, found.upper, found.p, found.se_seeds) == (None,) * 4


def test_a_metric_without_value_is_left_out() -> None:
    given = predictions(2, classes=4)  # no sample of the last class
    assert "auroc" in drawn(CLASSIFICATION, given, STATISTICS).scores  # of the others
    folds = drawn(CLASSIFICATION, given, STATISTICS, is_cross_validated=True)
    assert "auroc" not in folds.scores and "log_loss" in folds.scores


def test_one_method_has_an_interval() -> None:
    own = drawn(CLASSIFICATION, predictions(3, classes=3), STATISTICS)
    found = interval(own, "macro_f1", STATISTICS)
    assert found.lower < found.mean < found.upper
    assert found.mean == pytest.approx(own.scores["macro_f1"].found.mean())


def test_other_seeds_or_samples_are_refused() -> None:
    one, other = predictions(3), predictions(2)
    with pytest.raises(ValueError, match="train both cells with the same seeds"):
        differences(
            drawn(REGRESSION, one, STATISTICS),
            drawn(REGRESSION, other, STATISTICS),
            STATISTICS,
        )
