"""Weights as the model takes them: placement, controls, exchange."""

import numpy as np
import pytest

from repro.training.weighting.application import Application, shuffled_rows
from tests.repro.training.weighting.fake_training import evidence, made_plan, members

KNOWN = evidence()


def apply(control: str, split: str, epoch: int = 1) -> np.ndarray:
    """What is applied instead of distinct weights, for both seeds."""
    weights = np.arange(len(KNOWN.rows[split]) * 3.0).reshape(-1, 3) + 1
    weights *= KNOWN.present_in(split)
    application = Application(KNOWN, members(), made_plan(control=control))
    return application(split, [weights, 2 * weights], [epoch, epoch]).numpy()


def test_weights_stand_at_their_samples_and_nowhere_else() -> None:
    applied = apply("none", "valid")
    assert applied.shape == (2, 115, 3)
    rows = KNOWN.rows["valid"]
    expected = np.arange(90.0).reshape(-1, 3) + 1
    expected *= KNOWN.present_in("valid")
    assert np.array_equal(applied[0, rows], expected.astype(np.float32))
    assert np.array_equal(applied[1], 2 * applied[0])
    assert not np.delete(applied, rows, axis=1).any()


def test_controls_replace_the_weights() -> None:
    rows, present = KNOWN.rows["train"], KNOWN.present_in("train")
    assert np.array_equal(apply("ones", "train")[0, rows], present.astype(np.float32))
    uniform = apply("uniform", "train")[1, rows]
    assert np.allclose(uniform, present / 3)


@pytest.mark.parametrize("split", ["train", "test"])
def test_shuffling_keeps_the_presence_pattern(split: str) -> None:
    rows, present = KNOWN.rows[split], KNOWN.present_in(split)
    plain, shuffled = apply("none", split)[0, rows], apply("shuffled", split)[0, rows]
    assert np.array_equal(shuffled > 0, present)
    assert not np.array_equal(plain, shuffled)
    for pattern in np.unique(present, axis=0):
        same = (present == pattern).all(1)
        assert sorted(map(tuple, plain[same])) == sorted(map(tuple, shuffled[same]))


def test_shuffling_is_drawn_anew_per_epoch_and_repeats() -> None:
    assert np.array_equal(apply("shuffled", "train", 2), apply("shuffled", "train", 2))
    assert not np.array_equal(
        apply("shuffled", "train", 1), apply("shuffled", "train", 2)
    )


def test_a_pattern_of_one_row_stays() -> None:
    weights = np.array([[1.0, 0.0], [2.0, 3.0], [4.0, 5.0]])
    draw = np.random.default_rng(0)
    shuffled = shuffled_rows(weights, weights > 0, draw)
    assert shuffled[0].tolist() == [1.0, 0.0]
