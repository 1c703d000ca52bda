"""MulT against a loop over pairs, its parameter count, padding and its weights."""

from dataclasses import replace

import pytest
import torch
from benchmarks.fusions import PlainMulT, largest_difference
from torch import Tensor

from repro.models.fusions.interface import FusionInput
from repro.models.fusions.mult import MulT, embedded, last_token, ordered_pairs
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    RATES,
    SEEDS,
    WIDTH,
    drawn,
    mult,
    random_input,
)


def in_double(fusion: MulT, inputs: FusionInput) -> tuple[MulT, FusionInput]:
    """Both in float64."""
    return fusion.double(), replace(inputs, tokens=inputs.tokens.double())


def weighted_input(modalities: int, time: int) -> FusionInput:
    """A random input with weights, a few of them 0."""
    inputs = random_input(modalities, time)
    draw = torch.Generator().manual_seed(7)
    weights = torch.rand(SEEDS, BATCH, modalities, generator=draw) * 3
    weights[:, ::4, 0] = 0.0
    return replace(inputs, weights=weights.double())


@pytest.mark.parametrize(("modalities", "time"), [(1, 3), (2, 4), (3, 1), (4, 3)])
def test_agrees_with_a_loop_over_pairs(modalities: int, time: int) -> None:
    fusion = drawn(mult(SEEDS, modalities, outputs=2))
    fusion, inputs = in_double(fusion, weighted_input(modalities, time))
    plain_inputs = replace(inputs, weights=None)
    for given in (inputs, plain_inputs):
        found = fusion(given).logits
        for s in range(SEEDS):
            weights = None if given.weights is None else given.weights[s]
            plain = PlainMulT(fusion, s)
            expected = plain(given.tokens[s], given.mask[s], weights)
            assert torch.allclose(found[s], expected, atol=1e-10)
    assert not torch.allclose(fusion(inputs).logits, fusion(plain_inputs).logits)


def test_gradients_agree_with_the_loop() -> None:
    assert largest_difference(width=8) < 1e-9


@pytest.mark.parametrize(
    ("layers", "inputs", "expected"),
    [
        (5, (300, 5, 20), 1_071_211),
        (5, (300, 74, 35), 1_073_731),
        (5, (300, 74, 47), 1_074_091),
        (5, (768, 5, 20), 1_085_251),
        (4, (300, 5, 20), 872_131),
    ],
)
def test_parameter_count_is_the_published_one(
    layers: int, inputs: tuple[int, ...], expected: int
) -> None:
    sizes = {"heads": 5, "cross_layers": layers, "self_layers": layers}
    fusion = mult(1, 3, width=30, **sizes)
    # The released count holds the bias-free convolutions (kernel 1) ahead of it.
    convolutions = 30 * sum(inputs)
    own = sum(parameter.numel() for parameter in fusion.parameters())
    assert own + convolutions == expected


@pytest.mark.parametrize("readout", ["mean", "last"])
def test_padding_may_stand_anywhere(readout: str) -> None:
    fusion = drawn(mult(SEEDS, 3, readout=readout))
    fusion, inputs = in_double(fusion, random_input(3, 4))
    draw = torch.Generator().manual_seed(8)
    spread = [
        torch.randperm(6, generator=draw)[:4].sort().values
        for _ in range(SEEDS * 3 * BATCH)
    ]
    index = torch.stack(spread).view(SEEDS, 3, BATCH, 4)
    mask = torch.zeros(SEEDS, 3, BATCH, 6, dtype=torch.bool)
    mask.scatter_(3, index, inputs.mask)
    tokens = torch.full((SEEDS, 3, BATCH, 6, WIDTH), torch.nan).double()
    wide = index[..., None].expand(-1, -1, -1, -1, WIDTH)
    tokens.scatter_(3, wide, inputs.tokens)
    found = fusion(FusionInput(tokens, mask)).logits
    assert torch.allclose(found, fusion(inputs).logits, atol=1e-10)


def response(fusion: MulT, inputs: FusionInput, sender: int, weight: float) -> Tensor:
    """What reaches modality 0 when only the weight of one sender changes."""
    weights = torch.ones(SEEDS, BATCH, 3).double()
    weights[..., sender] = weight
    fused = fusion(replace(inputs, weights=weights)).fused
    return fused.detach().unflatten(2, (3, -1))[:, :, 0]


def test_a_positive_weight_cancels_in_a_pair_without_a_zero_key() -> None:
    fusion, inputs = in_double(drawn(mult(SEEDS, 3)), random_input(3, 4))
    plain = response(fusion, inputs, 2, 1.0)
    assert torch.allclose(response(fusion, inputs, 2, 0.01), plain, atol=1e-10)
    assert not torch.allclose(response(fusion, inputs, 2, 0.0), plain, atol=1e-3)


def test_a_zero_key_makes_the_weight_of_a_sender_continuous() -> None:
    fusion = drawn(mult(SEEDS, 3, zero_key=True))
    fusion, inputs = in_double(fusion, random_input(3, 4))
    silent = response(fusion, inputs, 2, 0.0)
    sizes = [
        float((response(fusion, inputs, 2, weight) - silent).abs().mean())
        for weight in (1e-7, 0.5, 1.0, 2.0)
    ]
    assert sizes[0] < 1e-5
    assert sizes == sorted(sizes)
    assert sizes[1] < 0.9 * sizes[3]


def test_queries_keys_and_values_of_every_pair_get_a_gradient() -> None:
    fusion = drawn(mult(SEEDS, 3))
    fusion(random_input(3, 4)).logits.square().sum().backward()
    assert fusion.cross is not None
    for block in (*fusion.cross.blocks, *fusion.own.blocks):
        assert (block.attention.weight.grad.abs().amax((3, 4)) > 0).all()


def test_last_token_by_hand() -> None:
    tokens = torch.tensor([[[[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]]]]])
    mask = torch.tensor([[[[False, True, False], [False, False, False]]]])
    assert last_token(tokens, mask).flatten().tolist() == [2.0, 0.0]


def test_embedded_by_hand() -> None:
    tokens = torch.tensor([[[[[1.0, 0.0], [0.0, 2.0]]]]])
    code = embedded(tokens, torch.tensor([[[[True, True]]]])).view(2, 2)
    root = 2**0.5
    expected = torch.tensor([[root, 1.0], [0.8414710, 2 * root + 0.5403023]])
    assert torch.allclose(code, expected, atol=1e-6)


def test_one_modality_has_no_pairs() -> None:
    assert mult(1, 1).cross is None
    assert ordered_pairs(1) == ([], [])


def test_dropout_of_each_kind_has_an_effect() -> None:
    inputs = random_input(2, 3)
    generators = [torch.Generator().manual_seed(s) for s in range(SEEDS)]
    plain = drawn(mult(SEEDS, 2, rates=replace(RATES)))
    for name in ("embedding", "attention", "hidden", "residual", "head"):
        rates = replace(RATES, **dict.fromkeys(vars(RATES), 0.0) | {name: 0.5})
        fusion = mult(SEEDS, 2, rates=rates)
        fusion.load_state_dict(plain.state_dict())
        noisy = fusion(replace(inputs, generators=generators)).logits
        assert not torch.equal(noisy, fusion(inputs).logits), name


def test_unknown_choices_are_refused() -> None:
    with pytest.raises(ValueError, match=r"readout='first'.*'mean', 'last'"):
        mult(1, 2, readout="first")
