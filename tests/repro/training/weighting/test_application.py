"""Weights as the model takes them: placement, controls, exchange."""

import numpy as np
import pytest

from repro.training.weighting.application import (
    Application,
    exchanged,
    shuffled_rows,
)
from tests.repro.training.weighting.fake_training import evidence, made_plan, members

KNOWN = evidence()


def apply(shuffled: bool, split: str, epoch: int = 1) -> np.ndarray:
    """What is applied instead of distinct weights, for both seeds."""
    weights = np.arange(len(KNOWN.rows[split]) * 3.0).reshape(-1, 3) + 1
    weights *= KNOWN.present_in(split)
    application = Application(KNOWN, members(), made_plan(shuffled=shuffled))
    return application(split, [weights, 2 * weights], [epoch, epoch]).numpy()


def test_weights_stand_at_their_samples_and_nowhere_else() -> None:
    applied = apply(False, "valid")
    assert applied.shape == (2, 115, 3)
    rows = KNOWN.rows["valid"]
    expected = np.arange(90.0).reshape(-1, 3) + 1
    expected *= KNOWN.present_in("valid")
    assert np.array_equal(applied[0, rows], expected.astype(np.float32))
    assert np.array_equal(applied[1], 2 * applied[0])
    assert not np.delete(applied, rows, axis=1).any()


def test_audio_and_video_are_exchanged_where_both_are_there() -> None:
    weights = np.array([[0.2, 0.5, 0.3], [0.4, 0.6, 0.0], [0.7, 0.0, 0.3]])
    found = exchanged(weights, weights > 0, ("text", "audio", "video"))
    assert found.tolist() == [[0.2, 0.3, 0.5], [0.4, 0.6, 0.0], [0.7, 0.0, 0.3]]


def test_the_released_exchange_starts_with_the_second_epoch() -> None:
    application = Application(
        KNOWN, members(), made_plan("instance", "swap_audio_video")
    )
    present = KNOWN.present_in("valid")
    weights = present * np.array([1.0, 2.0, 3.0])
    rows = KNOWN.rows["valid"]
    first, second = (
        application("valid", [weights, weights], [epoch, epoch])[0, rows].numpy()
        for epoch in (1, 2)
    )
    assert np.array_equal(first, weights.astype(np.float32))
    both = present[:, 1] & present[:, 2]
    assert both.any() and not both.all()
    assert (second[both, 1:] == [3.0, 2.0]).all()
    assert np.array_equal(second[~both], first[~both])


@pytest.mark.parametrize("split", ["train", "test"])
def test_shuffling_keeps_the_presence_pattern(split: str) -> None:
    rows, present = KNOWN.rows[split], KNOWN.present_in(split)
    plain, shuffled = apply(False, split)[0, rows], apply(True, split)[0, rows]
    assert np.array_equal(shuffled > 0, present)
    assert not np.array_equal(plain, shuffled)
    for pattern in np.unique(present, axis=0):
        same = (present == pattern).all(1)
        assert sorted(map(tuple, plain[same])) == sorted(map(tuple, shuffled[same]))


def test_shuffling_is_drawn_anew_per_epoch_and_repeats() -> None:
    assert np.array_equal(apply(True, "train", 2), apply(True, "train", 2))
    assert not np.array_equal(apply(True, "train", 1), apply(True, "train", 2))


def test_a_pattern_of_one_row_stays() -> None:
    weights = np.array([[1.0, 0.0], [2.0, 3.0], [4.0, 5.0]])
    draw = np.random.default_rng(0)
    shuffled = shuffled_rows(weights, weights > 0, draw)
    assert shuffled[0].tolist() == [1.0, 0.0]
