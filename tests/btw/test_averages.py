"""What stands for the weights of train: the same in every pattern of absence."""

import numpy as np
import pytest

import btw
from btw import ModalityWeighting, combined_weights, scaled, shares
from tests.btw.made_training import JOINT_SPREAD, SPREAD, VARIANTS, fitted, train


@pytest.mark.parametrize("scale", ["mean_one", "sum_one"])
@pytest.mark.parametrize("variant", ["averaged_instance", "modality"])
def test_no_pattern_of_absence_weighs_otherwise_in_test(
    variant: str, scale: str
) -> None:
    own, joint, _, present = train()
    weighting = fitted(variant, scale=scale)
    for epoch, score in enumerate((1.0, 0.9, 0.95)):
        weighting.observe(joint + 0.3 * epoch * own[:, 1], **JOINT_SPREAD)
        prior = weighting.prior(present)
        np.testing.assert_array_equal(weighting.weights, prior)
        np.testing.assert_array_equal(weighting.infer(own, joint, present), prior)
        weighting.step(score)
    assert len(np.unique(present, axis=0)) > 4


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_modality_gets_more_in_the_first_pass_than_in_train(variant: str) -> None:
    _, joint, _, present = train()
    weighting = fitted(variant)
    weighting.update(joint[::-1], 1.0, **JOINT_SPREAD)
    given, prior = weighting.weights.sum(0), weighting.prior(present).sum(0)
    np.testing.assert_allclose(prior, given, rtol=1e-10)


@pytest.mark.parametrize("variant", VARIANTS)
def test_with_every_modality_present_nothing_depends_on_patterns(variant: str) -> None:
    own, joint, _, _ = train()
    weighting = ModalityWeighting("regression", variant)
    weighting.fit(own, joint, **SPREAD)
    rows, factor = weighting.weights, weighting.factor
    weighting.observe(joint[::-1], **JOINT_SPREAD)
    distance = btw.divergence(own, joint[::-1], "regression", None, *SPREAD.values())
    share, state = shares(distance), weighting.state()
    about = state.information, np.ones_like(own), variant
    new = combined_weights(share, *about, averaged=share.mean(0))
    expected = factor * new + (1 - factor) * rows
    np.testing.assert_allclose(weighting.step(1.0), expected, rtol=1e-15)
    mean = expected.mean(0)
    np.testing.assert_allclose(weighting.state().mean_weights, mean, rtol=1e-14)


def test_ones_to_start_from_keep_the_sum_of_each_row() -> None:
    own, joint, y, present = train()
    options = {"protocol": "published", "variant": "modality"}
    weighting = ModalityWeighting("regression", **options)
    weighting.fit(own, joint, present=present, targets=y)
    weights = weighting.update(joint, 0.5, targets=y)
    sums = 0.5 * present.any(1) + 0.5 * present.sum(1)
    np.testing.assert_allclose(weights.sum(1), sums, rtol=1e-12)
    information = btw.modality_information(own, joint, "regression", present)
    expected = scaled(np.tile(0.5 * information + 0.5, (60, 1)), present, "sum_one")
    np.testing.assert_allclose(weights, expected * sums[:, None], rtol=1e-12)
