"""MoE++ against a plain loop, its experts by hand, its chain of layers and counts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from repro.models.fusions.moe_plus_plus import CheapExperts, PathwayExperts
from tests.repro.models.fusions.concat_cases import check_concat, expert
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    SEEDS,
    WIDTH,
    drawn,
    moe_plus_plus,
    random_input,
)


def plain_cheap(cheap: Any, s: int, number: int, x: Tensor) -> Tensor:
    """One of the four experts without a network."""
    if number == 2:
        return x
    if number == 3:
        return torch.zeros_like(x)
    a, b = (x @ cheap.mixing[s, number]).softmax(0)
    return a * x + b * cheap.constants[s, number]


def plain_pathway(
    layer: Any, z: Tensor, owners: Sequence[int], s: int, before: Any
) -> tuple[Tensor, Any]:
    """Every token through its two experts."""
    experts = layer.experts
    scores = torch.tanh(z @ experts.narrow.weight[s]) @ experts.score.weight[s]
    if before is not None:
        scores = scores + before @ experts.pathway.weight[s]
    outputs = []
    for x, own in zip(z, scores, strict=True):
        share = own.softmax(0)
        two = sorted(range(len(share)), key=lambda e: -share[e])[:2]
        gates = {e: share[e] for e in two if e != len(share) - 1}
        made = torch.zeros_like(x)
        for e, gate in gates.items():
            if e < experts.networks:
                out = expert(experts.pool, s, e, x)
            else:
                out = plain_cheap(experts.cheap, s, e - experts.networks, x)
            made = made + gate / sum(gates.values()) * out
        outputs.append(made)
    return torch.stack(outputs), scores


def layers_of(fusion: Any) -> list[PathwayExperts]:
    """The experts of all layers."""
    return [layer.experts for layer in fusion.network.layers]


@pytest.mark.parametrize(("modalities", "time"), [(1, 3), (3, 1), (2, 4)])
@pytest.mark.parametrize("experts", [5, 8])
def test_agrees_with_a_plain_loop(modalities: int, time: int, experts: int) -> None:
    fusion = drawn(moe_plus_plus(SEEDS, modalities, experts=experts, outputs=2))
    check_concat(fusion, fusion.network, modalities, time, plain_pathway)


def cheap(*, a: float) -> CheapExperts:
    """Experts of width 2 with constants (5, 7) and (-1, 0); a share `a` of x."""
    made = CheapExperts(1, 2)
    with torch.no_grad():
        made.constants.copy_(torch.tensor([[[5.0, 7.0], [-1.0, 0.0]]]))
        made.mixing.zero_()  # of x = (1, 2) the scores are (log a/(1-a), 0)
        made.mixing[..., 0, 0] = torch.tensor(a / (1 - a)).log()
    return made


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        ((0.0, 0.0, 0.0, 1.0), (0.0, 0.0)),
        ((0.0, 0.0, 1.0, 0.0), (1.0, 2.0)),
        ((1.0, 0.0, 0.0, 0.0), (0.25 * 1 + 0.75 * 5, 0.25 * 2 + 0.75 * 7)),
        ((0.0, 1.0, 0.0, 0.0), (0.25 * 1 - 0.75, 0.25 * 2)),
        ((0.0, 0.4, 0.6, 0.0), (0.6 + 0.4 * -0.5, 1.2 + 0.4 * 0.5)),
    ],
)
def test_zero_copy_and_constant_by_hand(
    gate: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    x, given = torch.tensor([[[1.0, 2.0]]]), torch.tensor([[gate]])
    assert cheap(a=0.25)(x, given).flatten().tolist() == pytest.approx(expected)


def one_layer(*scores: float) -> tuple[Any, Any]:
    """Experts of one layer whose router gives tokens of ones the same scores."""
    fusion = drawn(moe_plus_plus(SEEDS, 2, layers=1, experts=6))
    (layer,) = layers_of(fusion)
    with torch.no_grad():
        layer.narrow.weight.fill_(1.0)
        layer.score.weight.copy_(torch.tensor(scores).expand(layer.score.weight.shape))
        layer.score.weight /= torch.tanh(torch.tensor(float(WIDTH))) * 48
    inputs = replace(random_input(2, 1), tokens=torch.ones(SEEDS, 2, BATCH, 1, WIDTH))
    return layer, replace(inputs, mask=torch.ones_like(inputs.mask))


def test_the_zero_expert_leaves_its_part_to_the_other_one() -> None:
    layer, inputs = one_layer(0.0, 0.0, 0.0, 0.0, 1.0, 2.0)  # copy and zero
    mixed, routed = layer(inputs.tokens, inputs.mask, inputs, None)
    assert torch.allclose(mixed, inputs.tokens)
    assert routed.gates.flatten(0, 3).unique(dim=0).tolist() == [[0, 0, 0, 0, 1, 0]]
    layer, inputs = one_layer(1.0, 0.0, 0.0, 0.0, 2.0, 0.0)  # copy and a network
    _, routed = layer(inputs.tokens, inputs.mask, inputs, None)
    share = torch.tensor([1.0, 2.0]).softmax(0)
    assert torch.allclose(routed.gates[..., [0, 4]], share)


def test_the_input_is_left_as_it_was() -> None:
    layer, inputs = one_layer(1.0, 0.0, 0.0, 0.0, 2.0, 0.0)
    before = inputs.tokens.clone()
    layer(inputs.tokens, inputs.mask, inputs, None)
    assert torch.equal(inputs.tokens, before)


def test_balance_by_hand() -> None:
    layer, inputs = one_layer(2.0, 0.0, 0.0, 0.0, 0.0, 1.0)  # a network and zero
    layer.cost.copy_(torch.tensor([1.0, 1.0, 0.5, 0.5, 0.5, 0.5]))
    _, routed = layer(inputs.tokens, inputs.mask, inputs, None)
    share = torch.tensor([2.0, 0.0, 0.0, 0.0, 0.0, 1.0]).softmax(0)
    expected = (2 + 4 * 2) * (1.0 * 0.5 * share[0] + 0.5 * 0.5 * share[5])
    assert torch.allclose(routed.balance, expected)


def test_tau_is_the_cost_of_what_computes_nothing() -> None:
    for layer in layers_of(moe_plus_plus(1, 2, experts=6, tau=0.75)):
        assert layer.cost.tolist() == [1.0, 1.0, 0.75, 0.75, 0.75, 0.75]


def test_balance_alone_moves_every_router() -> None:
    fusion = drawn(moe_plus_plus(SEEDS, 3))
    fusion(random_input(3, 2)).losses["balance"].sum().backward()
    for number, layer in enumerate(layers_of(fusion)):
        maps = [layer.narrow, layer.score, *([layer.pathway] if number else [])]
        for own in maps:
            assert (own.weight.grad != 0).flatten(1).any(1).all()


def test_every_layer_acts_and_reads_the_scores_of_the_one_before() -> None:
    fusion, inputs = drawn(moe_plus_plus(SEEDS, 3, layers=3)), random_input(3, 2)
    whole = fusion(inputs)
    assert list(whole.gates) == ["layer_0", "layer_1", "layer_2"]
    layers = fusion.network.layers
    fusion.network.layers = layers[:2]
    assert not torch.allclose(fusion(inputs).logits, whole.logits, atol=1e-3)
    fusion.network.layers = layers
    with torch.no_grad():
        layers_of(fusion)[1].pathway.weight.zero_()
    cut = fusion(inputs)
    assert torch.equal(cut.gates["layer_0"], whole.gates["layer_0"])
    assert not torch.allclose(cut.gates["layer_1"], whole.gates["layer_1"], atol=1e-3)


def test_every_chosen_expert_gets_a_gradient() -> None:
    fusion, inputs = drawn(moe_plus_plus(SEEDS, 3)), random_input(3, 4)
    output = fusion(inputs)
    output.logits.square().sum().backward()
    for number, layer in enumerate(layers_of(fusion)):
        used = (output.gates[f"layer_{number}"] > 0).flatten(1, 3).any(1)
        for weight in (layer.pool.weight_in, layer.pool.weight_out):
            moved = (weight.grad != 0).flatten(2).any(2)
            assert torch.equal(moved, used[:, : layer.networks])
        for weight in (layer.cheap.constants, layer.cheap.mixing):
            moved = (weight.grad != 0).flatten(2).any(2)
            assert torch.equal(moved, used[:, layer.networks : layer.networks + 2])


def test_weight_zero_leaves_the_balance_loss_as_absence_does() -> None:
    fusion, inputs = drawn(moe_plus_plus(SEEDS, 3)), random_input(3, 2)
    weights, mask = torch.ones(SEEDS, BATCH, 3), inputs.mask.clone()
    weights[..., 2], mask[:, 2] = 0.0, False
    silent = fusion(replace(inputs, weights=weights)).losses["balance"]
    absent = fusion(replace(inputs, mask=mask)).losses["balance"]
    assert torch.allclose(silent, absent, atol=1e-6)


@pytest.mark.parametrize("experts", [5, 8, 16])
def test_parameter_count(experts: int) -> None:
    d, h, m, p, c, layers = 64, 48, 4, 16, 3, 2
    fusion = moe_plus_plus(
        1,
        m,
        width=d,
        experts=experts,
        expert_hidden=h,
        layers=layers,
        time=p,
        outputs=c,
    )
    networks = (experts - 4) * (2 * d * h + h + d)
    router = 8 * d * experts + 8 * experts**2
    layer = (4 * d**2 + 5 * d) + networks + 6 * d + router
    ends = m * (d * c + p * d) + c
    expected = layers * layer + (layers - 1) * experts**2 + ends
    assert sum(parameter.numel() for parameter in fusion.parameters()) == expected


@pytest.mark.parametrize("experts", [1, 4])
def test_without_an_ffn_expert_it_is_refused_by_name(experts: int) -> None:
    wanted = r"moe_plus_plus has no FFN expert then.* take 5 or more"
    with pytest.raises(ValueError, match=wanted):
        moe_plus_plus(1, 2, experts=experts)
