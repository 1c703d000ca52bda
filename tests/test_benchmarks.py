"""The plain models of the benchmarks compute what the fast ones do."""

import pytest
from benchmarks import fusions, training_step


def test_the_plain_model_and_its_gradients_agree() -> None:
    assert training_step.largest_difference() < training_step.TOLERANCE


@pytest.mark.parametrize("name", fusions.FUSIONS)
def test_a_plain_fusion_and_its_gradients_agree(name: str) -> None:
    assert fusions.largest_difference(name) < fusions.TOLERANCE
