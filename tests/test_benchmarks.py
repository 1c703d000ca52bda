"""The plain models of the benchmarks compute what the fast ones do."""

import pytest
from benchmarks import coverage, fusions, training_step
from benchmarks.null_data import MIXES


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
