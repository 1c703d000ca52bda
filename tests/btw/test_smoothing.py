from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from btw import Smoothing


def test_factor_by_hand() -> None:
    smoothing = Smoothing(alpha=0.5, step=0.05)
    factors = []
    for score in (0.9, 1.0, 0.9, 0.8, 0.7):  # better, worse, equal, better, better
        smoothing.adapt(score)
        factors.append(round(smoothing.factor, 10))
    assert factors == [0.55, 0.5, 0.45, 0.5, 0.55]
    assert smoothing.best == 0.7


def test_blend_by_hand() -> None:
    blended = Smoothing(alpha=0.25).blend(np.array([1.0, 0.0]), np.array([0.0, 2.0]))
    assert blended.tolist() == [0.25, 1.5]


def test_higher_can_be_better() -> None:
    smoothing = Smoothing(alpha=0.5, step=0.1)
    for score, factor in ((0.3, 0.6), (0.2, 0.5), (0.4, 0.6)):
        smoothing.adapt(score, higher_is_better=True)
        assert smoothing.factor == pytest.approx(factor)


@given(st.lists(st.floats(-10, 10), max_size=60), st.floats(0, 1), st.floats(0, 1))
def test_factor_stays_in_bounds(scores: list, alpha: float, step: float) -> None:
    smoothing = Smoothing(alpha, step)
    for score in scores:
        smoothing.adapt(score)
        assert 0 <= smoothing.factor <= 1
    assert smoothing.best == min(scores, default=inf)


@pytest.mark.parametrize("arguments", [{"alpha": 1.1}, {"alpha": nan}, {"step": -0.1}])
def test_bad_numbers_are_named(arguments: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Smoothing(**arguments)


@pytest.mark.parametrize("score", [nan, inf, -inf])
def test_bad_score_is_named(score: float) -> None:
    with pytest.raises(ValueError, match="score: got"):
        Smoothing().adapt(score)
