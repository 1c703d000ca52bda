"""Which residuals a variance is made of."""

import numpy as np
import pytest

from repro.training.weighting.evidence import (
    multimodal_variance,
    unimodal_variance,
)
from tests.repro.training.weighting.fake_training import evidence, made_plan


def test_multimodal_variance_is_pooled_over_the_split_of_the_plan() -> None:
    known = evidence()
    train, valid = known.unweighted[0, :60], known.unweighted[0, 60:90]
    for split, predictions in (("valid", valid), ("train", train)):
        chosen = made_plan(multimodal_variance=split)
        expected = np.mean((predictions - known.y_in(split)) ** 2)
        found = multimodal_variance(known, chosen, train, valid)
        assert found == pytest.approx(expected)


def test_pooled_variances_are_floored_at_a_share_of_the_label_variance() -> None:
    known = evidence()
    exact = multimodal_variance(
        known, made_plan(), known.y_in("train"), known.y_in("valid")
    )
    assert exact == pytest.approx(1e-3 * known.y[:60].var())


def test_own_label_variance_is_the_squared_error_of_each_instance() -> None:
    known = evidence()
    chosen = made_plan("instance", "own_label_variance")
    own = unimodal_variance(known, chosen, 1)
    assert own == pytest.approx((known.unimodal[1] - known.y[:, None]) ** 2)
    joint = known.unweighted[1, :60]
    found = multimodal_variance(known, chosen, joint, known.unweighted[1, 60:90])
    assert found == pytest.approx((joint - known.y[:60]) ** 2)


def test_unimodal_variance_reads_train_labels_only() -> None:
    known = evidence()
    for kind in ("pooled", "conditional"):
        chosen = made_plan(unimodal_variance=kind)
        before = unimodal_variance(known, chosen, 0)
        known.y[60:] += 3.0
        assert np.array_equal(before, unimodal_variance(known, chosen, 0))
        known.y[60:] -= 3.0


def test_seeds_are_chosen_by_position() -> None:
    known = evidence()
    part = known.of_seeds([1])
    assert np.array_equal(part.unimodal[0], known.unimodal[1])
    assert np.array_equal(part.unweighted[0], known.unweighted[1])
