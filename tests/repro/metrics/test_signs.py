"""A regression scored by signs: by hand, and as the classification it amounts to."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from repro.metrics.bootstrap import resampled
from repro.metrics.resampling import grouped
from repro.metrics.signs import SIGNS, sign_metrics

DRAW = np.random.default_rng(3)
Y = np.round(DRAW.normal(size=60) * 2) / 2  # several are 0
P = Y + DRAW.normal(size=(2, 60))


def test_zero_is_not_above_zero() -> None:
    y = np.array([0.0, 0.0, 2.0, -1.0])
    found = sign_metrics(np.array([0.1, -0.1, 1.0, 0.5]), y)
    assert found["accuracy"] == 50.0  # wrong on the first and the last
    assert found["acc2_has0"] == 50.0  # 0 counts as positive there: wrong on the others
    assert found["acc2_non0"] == 50.0


def test_it_is_the_accuracy_of_two_classes() -> None:
    for one in P:
        expected = 100 * accuracy_score(Y > 0, one > 0)
        assert sign_metrics(one, Y)["accuracy"] == pytest.approx(expected)


def test_the_bootstrap_tests_what_is_shown() -> None:
    group = np.array([f"g{k // 4}" for k in range(len(Y))])
    wanted = SIGNS.statistics(P, Y, group)
    assert list(wanted) == ["accuracy", "mae"]
    found = resampled(wanted, grouped(group, len(Y))[0], resamples=50, seed=0)
    for name, values in found.items():
        own = [SIGNS.compute(one, Y)[name] for one in P]
        assert values.found == pytest.approx(own)
