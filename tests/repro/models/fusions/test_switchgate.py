"""SwitchGate against a plain loop, its counts, balance, jitter and capacity."""

import gc
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from repro.models.fusions.interface import FusionInput
from repro.models.fusions.switchgate import SwitchExperts, is_sparse
from tests.repro.models.fusions.concat_cases import check_concat, dense, expert
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    SEEDS,
    concat,
    drawn,
    random_input,
    switch,
)


def plain_switch(
    layer: Any, z: Tensor, owners: Sequence[int], s: int, before: Any
) -> tuple[Tensor, Any]:
    """Every token through its most probable expert."""
    experts = layer.experts
    if experts is None:
        return dense(layer, z, owners, s, before)
    outputs = []
    for token, m in zip(z, owners, strict=True):
        router = 0 if experts.is_joint else m
        scores = token @ experts.router.weight[s, router]
        share = (scores + experts.router.bias[s, router]).softmax(0)
        e = int(share.argmax())
        outputs.append(share[e] * expert(experts.pool, s, e, token))
    return torch.stack(outputs), None


def sparse_layers(fusion: Any) -> list[SwitchExperts]:
    """The experts of all sparse layers."""
    return [layer.experts for layer in fusion.network.layers if layer.experts]


def generators() -> list[torch.Generator]:
    """One per seed."""
    return [torch.Generator().manual_seed(s) for s in range(SEEDS)]


@pytest.mark.parametrize("router", ["joint", "per_modality"])
@pytest.mark.parametrize(("modalities", "time"), [(1, 3), (3, 1), (2, 4)])
def test_agrees_with_a_plain_loop(modalities: int, time: int, router: str) -> None:
    fusion = drawn(switch(SEEDS, modalities, router=router, outputs=2))
    check_concat(fusion, fusion.network, modalities, time, plain_switch)


def test_the_first_layer_and_those_of_odd_number_are_sparse() -> None:
    fusion = switch(1, 2, layers=5)
    found = [layer.experts is not None for layer in fusion.network.layers]
    assert found == [True, True, False, True, False]
    assert [n for n in range(8) if is_sparse(n)] == [0, 1, 3, 5, 7]


@pytest.mark.parametrize(("router", "routers"), [("joint", 1), ("per_modality", 4)])
def test_parameter_count(router: str, routers: int) -> None:
    width, experts, modalities, tokens, outputs = 128, 16, 4, 16, 3
    fusion = switch(
        1,
        modalities,
        width=width,
        experts=experts,
        router=router,
        layers=3,
        time=tokens,
        outputs=outputs,
    )
    sparse = experts * (4 * width**2 + 3 * width)
    sparse += routers * (width * experts + experts)
    around = 4 * width**2 + 5 * width  # attention and both norms
    mlp = 4 * width**2 + 3 * width
    ends = modalities * (width * outputs + tokens * width) + outputs
    expected = 2 * (sparse + around) + (mlp + around) + ends
    assert sum(p.numel() for p in fusion.parameters()) == expected
    plain = concat(1, modalities, width=width, layers=3, time=tokens, outputs=outputs)
    extra = expected - sum(p.numel() for p in plain.parameters())
    assert extra == 2 * (sparse - mlp)


def test_balance_counts_the_tokens_of_all_modalities() -> None:
    fusion, inputs = drawn(switch(SEEDS, 3, layers=1)).double(), random_input(3, 2)
    inputs = replace(inputs, tokens=inputs.tokens.double())
    seen: list[tuple[Tensor, Tensor]] = []
    (layer,) = sparse_layers(fusion)
    layer.register_forward_hook(lambda _, given, out: seen.append((given[0], out[1])))
    found = fusion(inputs).losses["balance"]
    ((z, routed),) = seen
    for s in range(SEEDS):
        share = (z[s] @ layer.router.weight[s, 0] + layer.router.bias[s, 0]).softmax(3)
        kept = share[inputs.mask[s]]
        load = torch.bincount(kept.argmax(1), minlength=4) / len(kept)
        expected = 4 * (load * kept.mean(0)).sum()
        assert torch.allclose(found[s], expected, atol=1e-12)
        gates = routed.gates[s][inputs.mask[s]]
        assert torch.allclose(gates.sum(1), kept.max(1).values, atol=1e-12)
        assert (routed.gates[s][~inputs.mask[s]] == 0).all()


def test_balance_is_one_where_the_router_knows_nothing() -> None:
    fusion = drawn(switch(SEEDS, 3))
    with torch.no_grad():
        for layer in sparse_layers(fusion):
            layer.router.weight.zero_()
            layer.router.bias.zero_()
    balance = fusion(random_input(3, 2)).losses["balance"]
    assert torch.allclose(balance, torch.ones(SEEDS))


@pytest.mark.parametrize("router", ["joint", "per_modality"])
def test_balance_alone_moves_every_router(router: str) -> None:
    fusion = drawn(switch(SEEDS, 3, router=router))
    fusion(random_input(3, 2)).losses["balance"].sum().backward()
    for layer in sparse_layers(fusion):
        grad = layer.router.weight.grad
        assert (grad != 0).flatten(2).any(2).all()


def test_weight_zero_leaves_the_balance_loss_as_absence_does() -> None:
    fusion, inputs = drawn(switch(SEEDS, 3)), random_input(3, 2)
    weights, mask = torch.ones(SEEDS, BATCH, 3), inputs.mask.clone()
    weights[..., 2], mask[:, 2] = 0.0, False
    silent = fusion(replace(inputs, weights=weights)).losses["balance"]
    absent = fusion(replace(inputs, mask=mask)).losses["balance"]
    assert torch.allclose(silent, absent, atol=1e-6)


def test_jitter_is_noise_of_the_router_alone_and_off_in_evaluation() -> None:
    fusion, inputs = drawn(switch(SEEDS, 3, dropout=0.0)), random_input(3, 4)
    noisy = replace(inputs, router_generators=generators())
    assert not torch.equal(fusion(inputs).logits, fusion(noisy).logits)
    still = drawn(switch(SEEDS, 3, dropout=0.0, jitter=0.0))
    assert torch.equal(still(inputs).logits, still(noisy).logits)
    assert torch.equal(still(inputs).logits, fusion(inputs).logits)


def test_one_generator_for_several_slices_draws_on() -> None:
    fusion, inputs = drawn(switch(SEEDS, 3)), random_input(3, 2)
    shared = [torch.Generator().manual_seed(5)] * SEEDS
    found = fusion(replace(inputs, generators=shared, router_generators=shared))
    assert found.losses["balance"].shape == (SEEDS,)
    assert torch.isfinite(found.logits).all()


def alike(copies: int) -> FusionInput:
    """A row with one modality and one token, several times."""
    tokens = torch.ones(SEEDS, 1, copies, 1, 6)
    return FusionInput(tokens, torch.ones(SEEDS, 1, copies, 1, dtype=torch.bool))


def test_what_finds_no_room_skips_the_experts() -> None:
    limited = drawn(switch(SEEDS, 1, layers=1, capacity=1.0, dropout=0.0))
    free = drawn(switch(SEEDS, 1, layers=1))
    inputs = alike(8)  # all want the same expert of four: room for 8 / 4, or twice that
    gates = limited(inputs).gates["layer_0"].sum((1, 3, 4)) > 0
    assert gates.tolist() == [[True] * 4 + [False] * 4] * SEEDS
    found, expected = limited(inputs).logits, free(inputs).logits
    assert torch.equal(found[:, :4], expected[:, :4])
    assert torch.equal(found[:, 4:], found[:, 4:5].expand(-1, 4, -1))
    assert not torch.allclose(found[:, 4:], expected[:, 4:], atol=1e-4)
    training = replace(inputs, generators=generators())
    gates = limited(training).gates["layer_0"].sum((1, 3, 4)) > 0
    assert gates.sum(1).tolist() == [2] * SEEDS


def test_room_is_a_rounded_up_share() -> None:
    limited = drawn(switch(SEEDS, 1, layers=1, capacity=1.2))
    gates = limited(alike(5)).gates["layer_0"]
    assert (gates.sum((1, 3, 4)) > 0).sum(1).tolist() == [3] * SEEDS  # 2.4 * 5 / 4


def test_nothing_grows_with_the_number_of_calls() -> None:
    fusion, inputs = drawn(switch(SEEDS, 2)), random_input(2, 2)

    def living() -> int:
        for _ in range(20):
            output = fusion(replace(inputs, generators=generators()))
            (output.logits.sum() + output.losses["balance"].sum()).backward()
            fusion.zero_grad()
        del output
        gc.collect()
        return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())

    assert living() == living()
