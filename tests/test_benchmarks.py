"""The plain models of the benchmarks compute what the fast ones do."""

from benchmarks import training_step


def test_the_plain_model_and_its_gradients_agree() -> None:
    assert training_step.largest_difference() < training_step.TOLERANCE
