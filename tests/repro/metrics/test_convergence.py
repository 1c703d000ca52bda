"""The mark of a training that ended too early, on histories made by hand."""

import numpy as np
import pytest

from repro.metrics.convergence import is_falling, trends


def history(*seeds: list[float]) -> list[dict]:
    """Rows of every epoch of every seed, seeds interleaved as in a stack."""
    return [
        {"seed": 7 + s, "epoch": epoch + 1, "valid_error": losses[epoch]}
        for epoch in range(len(seeds[0]))
        for s, losses in enumerate(seeds)
    ]


def test_slope_of_the_last_third_by_hand() -> None:
    first = [9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 1.2, 1.0, 0.8]
    second = [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 2.0, 2.0, 2.0]
    assert trends(history(first, second)) == pytest.approx([-0.2, 0.0])


def test_short_histories() -> None:
    assert trends(history([4.0, 3.0, 2.0, 1.0])) == pytest.approx([-0.5])
    assert trends(history([4.0, 3.0])) == [0.0]
    assert trends([]) == [] and not is_falling([])


def test_a_loss_that_falls_in_every_seed_is_marked() -> None:
    falling = [[1.0 - 0.02 * e + 0.002 * (e % 2) for e in range(9)] for _ in range(3)]
    assert is_falling(trends(history(*falling)))
    assert is_falling(trends(history(falling[0])))


def test_a_flat_or_rising_loss_is_not_wherever_its_minimum_lies() -> None:
    flat = [1.0, 0.8, 0.7, 0.65, 0.62, 0.62, 0.621, 0.62, 0.619]
    assert np.argmin(flat) == 8 and not is_falling(trends(history(flat, flat, flat)))
    rising = [1.0, 0.8, 0.7, 0.65, 0.62, 0.62, 0.63, 0.64, 0.65]
    assert not is_falling(trends(history(rising, rising)))


def test_noise_on_a_flat_end_is_seldom_marked_where_its_minimum_often_is_last() -> None:
    random = np.random.default_rng(0)
    curve = 1 + np.exp(-np.arange(9.0) * 1.5)
    marked = late = 0
    for _ in range(400):
        losses = curve + 0.004 * random.normal(size=(3, 9))
        marked += is_falling(trends(history(*losses.tolist())))
        late += (losses.argmin(1) == 8).sum() >= 2
    assert marked < 10 and late > 20
