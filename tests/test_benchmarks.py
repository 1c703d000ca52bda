"""The plain models of the benchmarks compute what the fast ones do."""

import pytest
from benchmarks import coverage, fusions, site_reach, training_step
from benchmarks.null_data import MIXES

from tests.repro.small_study import small_params, small_study


def test_the_plain_model_and_its_gradients_agree() -> None:
    assert training_step.largest_difference() < training_step.TOLERANCE


@pytest.mark.parametrize("name", fusions.FUSIONS)
def test_a_plain_fusion_and_its_gradients_agree(name: str) -> None:
    assert fusions.largest_difference(name) < fusions.TOLERANCE


def test_coverage_is_measured_for_means_and_scores() -> None:
    mix = MIXES["realistic"]
    found = coverage.covered(coverage.means(mix, 12, 50), 5)
    found |= coverage.covered(coverage.scores(12, 50), 2)
    wanted = {"mean", "macro_f1", "weighted_f1", "accuracy", "auroc", "log_loss"}
    assert set(found) == wanted
    for shares in found.values():
        assert list(shares) == ["this", "percentiles", "percentiles of groups alone"]
        assert all(0 <= share <= 1 for share in shares.values())


def test_a_weight_ahead_of_no_normalization_reaches_the_logits_whole() -> None:
    study = small_study(small_params((0,)))
    # Early fusion has no normalization ahead of its first layer.
    assert 0 < site_reach.reach(study, "moe") < 1
    assert site_reach.reach(study, "early_fusion") > 0.5
