"""What several tests share must be the same whatever ran before."""

from tests.repro.models.fusions.fusion_cases import small_sizes
from tests.repro.small_study import small_params


def test_changed_sizes_are_of_one_study_only() -> None:
    before = small_params()
    assert small_params(model={"expert_hidden": 99}) != before
    assert small_params() == before
    small_sizes("moe")["expert_hidden"] = 99
    assert small_params() == before
