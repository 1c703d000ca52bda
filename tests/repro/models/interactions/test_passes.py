"""One call of experts and masked variants against a plain loop over both."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from benchmarks.interaction import (
    CASES,
    TOLERANCE,
    Setting,
    difference,
    is_bit_equal,
    looped,
    split,
)
from torch import Generator

from repro.models.fusions.interface import FusionInput
from repro.models.interactions.passes import passes
from repro.params.interactions import Interaction
from tests.repro.models.fusions.all_fusions import WRAPPED_NAMES
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    SEEDS,
    drawn,
    experts_of,
    random_input,
    small,
    small_sizes,
)

DROPPED = ("dropout", "expert_dropout", "head_dropout")


def generators() -> list[Generator]:
    return [Generator().manual_seed(seed) for seed in range(SEEDS)]


def undropped(name: str) -> dict[str, Any]:
    return {rate: 0.0 for rate in DROPPED if rate in small_sizes(name)}


def experts(name: str, modalities: int, **settings: Any) -> Any:
    """Experts without dropout, every one with values of its own."""
    return drawn(
        experts_of(
            name,
            SEEDS,
            modalities,
            sizes=undropped(name),
            initial="independent",
            **settings,
        )
    )


def with_weights(inputs: FusionInput) -> FusionInput:
    draw = Generator().manual_seed(8)
    shape = (SEEDS, BATCH, inputs.tokens.shape[1])
    weights = torch.rand(shape, generator=draw, dtype=inputs.tokens.dtype)
    return replace(inputs, weights=weights)


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize(("modalities", "time"), [(2, 3), (3, 1), (4, 2)])
@pytest.mark.parametrize("name", WRAPPED_NAMES)
def test_the_fold_equals_the_loop(
    name: str, modalities: int, time: int, is_weighted: bool
) -> None:
    model, inputs = experts(name, modalities).double(), random_input(modalities, time)
    inputs = replace(inputs, tokens=inputs.tokens.double())
    inputs = with_weights(inputs) if is_weighted else inputs
    present = model._present(inputs)
    found = model._masked(inputs, present, "random", generators())
    shape = (len(model.names), modalities, BATCH, time, inputs.tokens.shape[4])
    draws = [torch.randn(shape, generator=g, dtype=torch.double) for g in generators()]
    noise = torch.stack(draws)
    plain = split(
        model,
        lambda seeds: small(name, seeds, modalities, outputs=3, **undropped(name)),
    )
    anchors, masked = looped(plain, inputs, noise)
    assert torch.allclose(found.logits, anchors, atol=1e-10)
    for e, own in enumerate(masked):
        for m, logits in enumerate(own):
            assert torch.allclose(found.masked_logits[:, e, m], logits, atol=1e-10)
    assert torch.equal(found.exists, inputs.mask.any(3))


@pytest.mark.parametrize("setting", CASES, ids=str)
def test_the_fold_is_bit_equal_to_the_loop(setting: Setting) -> None:
    # Products of a few rows are summed in another order than those of many: the sizes
    # are those of training.
    assert is_bit_equal(setting)
    assert difference(setting) < TOLERANCE


@pytest.mark.parametrize("name", ["moe", "concat_transformer"])
def test_gradients_equal_those_of_the_loop(name: str) -> None:
    model = experts(name, 3).double()
    inputs = random_input(3, 2)
    inputs = replace(inputs, tokens=inputs.tokens.double().requires_grad_())
    found = model._masked(inputs, model._present(inputs), "random", generators())
    (found.masked_logits.square().sum() + found.logits.sum()).backward()
    assert inputs.tokens.grad is not None
    ours, inputs.tokens.grad = inputs.tokens.grad, None
    shape = (5, *inputs.tokens.shape[1:])
    noise = [torch.randn(shape, generator=g, dtype=torch.double) for g in generators()]
    plain = split(
        model, lambda seeds: small(name, seeds, 3, outputs=3, **undropped(name))
    )
    anchors, masked = looped(plain, inputs, torch.stack(noise))
    total = sum((p.square().sum() for own in masked for p in own), anchors.sum())
    assert isinstance(total, torch.Tensor)
    total.backward()
    assert torch.allclose(ours, inputs.tokens.grad, atol=1e-10)


def test_less_forward_draws_two_of_what_a_sample_has() -> None:
    few = Interaction(variant="less_forward")
    present = torch.ones(SEEDS, 4, 200, dtype=torch.bool)
    present[:, 0, ::2] = False
    chosen = passes(few, present, generators())
    assert chosen.slots.shape == (SEEDS, 2, 200)
    assert (chosen.slots[:, 0] < chosen.slots[:, 1]).all()
    assert (chosen.exists.sum(1) == 2).all()
    assert not (chosen.exists & ~present).any()
    share = chosen.exists[:, :, 1::2].double().mean((0, 2))
    assert torch.allclose(share, torch.full_like(share, 0.5), atol=0.12)
    assert (chosen.exists != chosen.exists[:, :, :1]).any()
    common = passes(few.model_copy(update={"drawn": "batch"}), present, generators())
    assert (common.slots == common.slots[:, :, :1]).all()


def test_less_forward_with_two_modalities_is_the_full_method() -> None:
    settings = {"variant": "less_forward"}
    full, few = (experts("moe", 2, **s) for s in ({}, settings))
    inputs = replace(random_input(2, 3), generators=generators())
    one, other = full(inputs), few(replace(inputs, generators=generators()))
    assert torch.equal(one.logits, other.logits)
    for name, loss in one.losses.items():
        assert torch.equal(loss, other.losses[name])


def test_less_forward_compares_only_what_it_drew() -> None:
    few = experts("early_fusion", 4, variant="less_forward", losses="released")
    inputs = random_input(4, 1)
    draws = generators()
    found = few._masked(inputs, few._present(inputs), "zero", draws)
    full = experts("early_fusion", 4)
    every = full._masked(inputs, full._present(inputs), "zero", generators())
    where = found.exists.unsqueeze(1).unsqueeze(4).expand_as(found.masked_logits)
    assert torch.allclose(found.masked_logits[where], every.masked_logits[where])
    assert (found.exists.sum(1) <= 2).all()
