"""What a recipe asks for in vain is told before any data are read."""

import pytest

from repro.cells.refusal import refuse_impossible
from repro.params import Params
from repro.params.cells import Recipe
from tests.repro.small_study import small_params


def with_sizes(**changes: object) -> Params:
    """Params with changed sizes of the MoE."""
    return small_params((0,), model=changes)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"hiden": 3}, "hiden: key of .*'hiden' is unknown; .*Known: "),
        ({"expert_hiden": 3}, "did you mean 'expert_hidden'"),
        ({"layers": 0}, "layers = 0: Input should be greater than or equal to 1"),
    ],
)
def test_a_size_that_is_not_the_fusions_is_named_with_its_preset(
    sizes: dict[str, object], message: str
) -> None:
    recipe = Recipe(dataset="mosi", fusion="moe", trains=["moe"])
    wanted = rf"presets/tiny\.yaml: last_state\.fusions\.moe: .*{message}"
    with pytest.raises(ValueError, match=wanted):
        refuse_impossible(with_sizes(**sizes), "base/mosi", recipe)


def test_a_row_is_named_where_it_stands() -> None:
    recipe = Recipe(dataset="mosi", fusion="mmim", trains=["unimodal"])
    with pytest.raises(ValueError, match=r"params\.yaml: cells\.a\.b\.rows\.c: fusion"):
        refuse_impossible(small_params((0,)), "a/b/c", recipe)
