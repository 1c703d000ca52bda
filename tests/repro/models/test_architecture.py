"""From an architecture to its parts: sizes, tokens, sites, loss weights."""

from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from repro.models.architecture import (
    Architecture,
    auxiliary_lr,
    fusion_of,
    loss_weights,
    tokens_of,
)
from repro.models.fusions.interface import fusion_class, fusion_names
from repro.models.predictor import Predictor
from repro.models.tokens.last_state import LastStateTokens
from repro.models.tokens.query import QueryTokens
from repro.models.tokens.series import SeriesTokens
from repro.params.presets import LastStateModels, QueryModels
from tests.repro.models.architectures import QUERY, small_architecture
from tests.repro.small_icu import small_icu_inputs
from tests.repro.small_study import small_inputs

PRESETS = sorted((Path(__file__).parents[3] / "presets").glob("*.yaml"))


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_fusion_of_a_preset_is_built_with_its_sizes(path: Path) -> None:
    preset = YAML(typ="safe").load(path)
    sides = {
        "last_state": (LastStateModels, small_inputs()),
        "query": (QueryModels, small_icu_inputs()),
    }
    built = set()
    for name, (kind, inputs) in sides.items():
        models = kind.model_validate(preset[name])
        # Other than sizes of a whole model, for a short test.
        tokens = models.tokens.model_copy(update={"width": 16})
        for fusion, sizes in models.fusions.items():
            heads = {"heads": 4} if "heads" in sizes else {}
            layers = {n: 1 for n in sizes if "layers" in n}
            changed = sizes | heads | layers
            shape = Architecture(fusion, changed, tokens, experts=4, top_k=2)
            fusion_of(1, inputs, shape)
            fusion_class(fusion).Sizes.model_validate(sizes)
            built.add(fusion)
    assert built == set(fusion_names())


@pytest.mark.parametrize(
    ("fusion", "kind"), [("moe", LastStateTokens), ("mult", SeriesTokens)]
)
def test_a_fusion_gets_the_tokens_that_it_takes(fusion: str, kind: type) -> None:
    assert isinstance(tokens_of(1, small_inputs(), small_architecture(fusion)), kind)
    query = small_architecture(fusion, QUERY)
    assert isinstance(tokens_of(1, small_icu_inputs(), query), QueryTokens)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"hidden": 0},
            r"sizes of fusion late_fusion: hidden = 0: .*greater than or eq",
        ),
        ({"dropout": 1.0}, r"dropout = 1\.0: .*less than 1"),
        ({"hiden": 3}, r"hiden: key of .*'hiden' is unknown; did you mean 'hidden'\?"),
    ],
)
def test_sizes_that_are_not_the_fusions_are_named(
    changes: dict[str, object], message: str
) -> None:
    shape = small_architecture("late_fusion")
    shape = replace(shape, sizes={**shape.sizes, **changes})
    with pytest.raises(ValueError, match=message):
        Predictor(1, small_inputs(), shape)


@pytest.mark.parametrize("fusion", [n for n in fusion_names() if n != "ithp"])
def test_a_site_that_no_fusion_has_is_refused(fusion: str) -> None:
    is_query = fusion in ("fusemoe", "flattened")
    inputs = small_icu_inputs() if is_query else small_inputs()
    tokens = {"tokens": QUERY} if is_query else {}
    shape = small_architecture(fusion, weight_site="pooling", **tokens)
    with pytest.raises(ValueError, match=r"weight_site='pooling'.*contribution"):
        fusion_of(1, inputs, shape)


def test_an_anchor_must_be_there() -> None:
    inputs = small_inputs().only("audio", "video")
    for fusion in ("mmim", "ithp"):
        with pytest.raises(ValueError, match="anchor=None"):
            fusion_of(1, inputs, small_architecture(fusion))


def test_losses_are_weighted_by_the_sizes() -> None:
    mmim, ithp = small_architecture("mmim"), small_architecture("ithp")
    assert loss_weights(replace(mmim, sizes={**mmim.sizes, "contrast": 0.5})) == {
        "likelihood": 0.1,
        "contrast": 0.5,
        "entropy": 0.1,
    }
    assert loss_weights(ithp) == {"bottleneck": 2 / 40}
    assert loss_weights(small_architecture("moe")) == {}
    assert auxiliary_lr(mmim) == 0.001
    assert auxiliary_lr(ithp) == 0.0


def test_a_loss_without_a_weight_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        fusion_class("ithp"), "losses", ("balance", "bottleneck", "odd")
    )
    with pytest.raises(ValueError, match=r"fusions/ithp\.py: losses states odd, which"):
        loss_weights(small_architecture("ithp"))
