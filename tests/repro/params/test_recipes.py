"""A recipe that cannot be meant stops where params.yaml states it."""

from pathlib import Path

import pytest

from repro.params.cells import Recipe
from tests.repro.params.test_study import BASE, loaded


@pytest.mark.parametrize(
    ("recipe", "parts"),
    [
        (
            "dataset: icu_all, encoder: bert, trains: [fusemoe]",
            ["encoder = 'bert'", "encoder of the preset", "drop the key"],
        ),
        (
            "dataset: mosi, trains: [unimodl]",
            ["trains: ", "'unimodl' is unknown; did you mean 'unimodal'?", "mult"],
        ),
        (
            "dataset: mosi, trains: [unimodal, moe, bi_levl]",
            ["trains: ", "'bi_levl' is unknown; did you mean 'bi_level'?"],
        ),
        (
            "dataset: mosi, fusion: mlt, trains: [late_fusion]",
            ["fusion: fusion with sizes in last_state", "did you mean 'mult'?"],
        ),
        (
            "dataset: icu_all, trains: [unimodal]",
            ["fusion: fusion with sizes in query", "'moe' is unknown"],
        ),
        (
            "dataset: mmimdb, fusion: moe, trains: [unimodal, moe, instance]",
            ["trains: instance: has no meaning for a multilabel task", "leave it out"],
        ),
        (
            "dataset: mmimdb, fusion: concat_transformer, "
            "trains: [concat_transformer], interaction: {losses: centred}",
            ["interaction.losses = 'centred': what all labels", "use paper"],
        ),
        (
            "dataset: mmimdb, fusion: moe, trains: [unimodal, moe, first_weights]",
            ["trains: first_weights: has no meaning for a multilabel task"],
        ),
    ],
)
def test_a_bad_recipe_is_named(recipe: str, parts: list[str], tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught:
        loaded(tmp_path, BASE, f"    mosi: {{{recipe}}}")
    message = str(caught.value)
    for part in ["cells/base.yaml: cells.base.mosi.", *parts]:
        assert part in message, message


def test_stacking_needs_what_it_stacks() -> None:
    with pytest.raises(ValueError, match="stacked is made of what unimodal predicts"):
        Recipe(dataset="mosi", trains=["moe", "stacked"])
    recipe = Recipe(dataset="mosi", trains=["unimodal", "stacked"])
    assert recipe.fusions == [] and recipe.built == ["moe"]
