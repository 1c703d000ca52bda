"""Stacked attention against torch's own, explicit formulas and empty rows."""

import math

import pytest
import torch
from torch import Tensor, nn

from repro.models.layers.attention import (
    FEW_KEYS,
    MultiHeadAttention,
    attended,
    key_bias,
    positions,
    sinusoids,
)
from repro.models.layers.stacked import initialize

SEEDS, GROUPS, BATCH, TIME, WIDTH, HEADS = 2, 3, 4, 5, 6, 2


def layer(**changes: object) -> MultiHeadAttention:
    """Attention in float64 with drawn parameters, biases included."""
    made = MultiHeadAttention(SEEDS, GROUPS, width=WIDTH, heads=HEADS, **changes)
    initialize(made, [torch.Generator().manual_seed(s) for s in range(SEEDS)])
    draw = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=draw)
    return made.double()


def streams(time: int, seed: int) -> Tensor:
    """Random streams with gradient."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(SEEDS, GROUPS, BATCH, time, WIDTH, generator=draw)
    return x.double().requires_grad_()


def key_mask(time: int) -> Tensor:
    """A random mask with at least one key per row."""
    draw = torch.Generator().manual_seed(4)
    mask = torch.rand(SEEDS, GROUPS, BATCH, time, generator=draw) < 0.6
    mask[..., 1] = True
    return mask


def torch_attention(ours: MultiHeadAttention, s: int, g: int) -> nn.MultiheadAttention:
    """The module of torch with the values of one seed and group."""
    other = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True).double()
    assert ours.bias is not None
    with torch.no_grad():
        other.in_proj_weight.copy_(ours.weight[s, g].transpose(1, 2).flatten(0, 1))
        other.in_proj_bias.copy_(ours.bias[s, g].flatten())
        other.out_proj.weight.copy_(ours.output.weight[s, g].t())
        other.out_proj.bias.copy_(ours.output.bias[s, g])
    return other


@pytest.mark.parametrize("is_self", [False, True])
def test_agrees_with_torch(is_self: bool) -> None:
    ours, x, source = layer(), streams(TIME, 1), streams(7, 2)
    source = x if is_self else source
    mask = key_mask(source.shape[3])
    bias = key_bias(mask, None, torch.float64)
    found = ours(x, bias, None if is_self else source)
    found.square().sum().backward()
    gradient = x.grad.clone()
    x.grad = None
    for s in range(SEEDS):
        for g in range(GROUPS):
            other = torch_attention(ours, s, g)
            keys = source[s, g]
            expected, _ = other(
                x[s, g], keys, keys, key_padding_mask=~mask[s, g], need_weights=False
            )
            assert torch.allclose(found[s, g], expected, atol=1e-12)
            expected.square().sum().backward()
            expected_gradient = other.in_proj_weight.grad.unflatten(0, (3, -1))
            assert torch.allclose(
                ours.weight.grad[s, g], expected_gradient.transpose(1, 2), atol=1e-10
            )
            assert (ours.weight.grad[s, g].abs().amax((1, 2)) > 1e-3).all()
    assert torch.allclose(gradient, x.grad, atol=1e-10)


def random_problem(keys: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of 3 problems with 2 heads."""
    draw = torch.Generator().manual_seed(5)
    times = (4, keys, keys)
    q, k, v = (
        torch.randn(3, 2, time, 3, generator=draw, dtype=torch.float64)
        for time in times
    )
    return q, k, v


def explicit(
    q: Tensor, k: Tensor, v: Tensor, weight: Tensor, extra: float = 0.0
) -> Tensor:
    """sum w exp(s) v / (extra + sum w exp(s))."""
    factor = (q @ k.transpose(2, 3) / math.sqrt(3)).exp() * weight[:, None, None]
    return factor @ v / (extra + factor.sum(-1, keepdim=True))


def test_key_weights_are_the_explicit_formula() -> None:
    q, k, v = random_problem(5)
    weight = torch.tensor([1.0, 0.5, 0.0, 2.0, 1e-12]).double().expand(3, 5)
    found = attended(q, k, v, weight.log())
    assert torch.allclose(found, explicit(q, k, v, weight), atol=1e-12)


@pytest.mark.parametrize("keys", [FEW_KEYS, FEW_KEYS + 1])
def test_both_kernels_are_the_explicit_formula(keys: int) -> None:
    q, k, v = (own.requires_grad_() for own in random_problem(keys))
    weight = torch.rand(3, keys, generator=torch.Generator().manual_seed(6)).double()
    weight[:, ::3] = 0.0
    weight[1] = 0.0
    found = attended(q, k, v, weight.log())
    kept = torch.tensor([0, 2])
    expected = explicit(q[kept], k[kept], v[kept], weight[kept])
    assert torch.allclose(found[kept], expected, atol=1e-12)
    assert (found[1] == 0).all()
    ours = torch.autograd.grad(found.square().sum(), (q, k, v))
    plain = torch.autograd.grad(expected.square().sum(), (q, k, v))
    for own, other in zip(ours, plain, strict=True):
        assert torch.allclose(own, other, atol=1e-12)


def test_zero_key_adds_one_to_the_denominator() -> None:
    ours, x, source = layer(), streams(TIME, 1), streams(7, 2)
    mask = key_mask(7)
    weights = torch.rand(SEEDS, BATCH, GROUPS).double() * 3
    bias = key_bias(mask, weights, torch.float64)
    found = ours(x, bias, source, zero_key=True)
    mapped = [
        (own @ ours.weight[:, :, n, None] + ours.bias[:, :, n, None, None])
        .unflatten(-1, (HEADS, -1))
        .transpose(3, 4)
        .flatten(0, 2)
        for n, own in enumerate((x, source, source))
    ]
    out = explicit(*mapped, weight=bias.exp().flatten(0, 2), extra=1.0)
    out = out.transpose(1, 2).flatten(2).view(x.shape)
    assert torch.allclose(found, ours.output(out), atol=1e-12)


@pytest.mark.parametrize("zero_key", [False, True])
@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_rows_without_a_key_attend_to_zero(zero_key: bool, rate: float) -> None:
    ours, x, source = layer(rate=rate), streams(TIME, 1), streams(7, 2)
    mask = key_mask(7)
    mask[0, 1, 2] = False
    generators = [torch.Generator().manual_seed(s) for s in range(SEEDS)]
    bias = key_bias(mask, None, torch.float64)
    found = ours(x, bias, source, zero_key=zero_key, generators=generators)
    expected = ours.output.bias[0, 1].expand(TIME, WIDTH)
    assert torch.equal(found[0, 1, 2], expected)
    assert not torch.equal(found[0, 1, 1], expected)
    found.sum().backward()
    leaves = [x, source, *ours.parameters()]
    assert all(torch.isfinite(leaf.grad).all() for leaf in leaves)
    assert (source.grad[0, 1, 2] == 0).all()


def test_scores_of_any_size_stay_finite() -> None:
    q, k, v = random_problem(5)
    weight = torch.full((3, 5), 1e-30).double()
    found = attended(200 * q, 200 * k, v, weight.log())
    assert torch.isfinite(found).all()
    assert torch.allclose(
        attended(q, k, v, weight.log()), explicit(q, k, v, weight * 1e30), atol=1e-10
    )


def test_attention_dropout_keeps_the_mean_and_the_seed() -> None:
    ours, x = layer(rate=0.5), streams(TIME, 1)
    bias = key_bias(key_mask(TIME), None, torch.float64)

    def dropped(seed: int) -> Tensor:
        generators = [torch.Generator().manual_seed(seed + s) for s in range(SEEDS)]
        return ours(x, bias, generators=generators).detach()

    plain = ours(x, bias).detach()
    assert torch.equal(dropped(3), dropped(3))
    assert not torch.allclose(dropped(3), plain)
    mean = torch.stack([dropped(2 * n) for n in range(400)]).mean(0)
    assert (mean - plain).abs().mean() < 0.1 * (dropped(0) - plain).abs().mean()


def test_no_generators_switch_attention_dropout_off() -> None:
    ours, x = layer(rate=0.5), streams(TIME, 1)
    bias = key_bias(key_mask(TIME), None, torch.float64)
    plain = layer()
    plain.load_state_dict(ours.state_dict())
    assert torch.equal(ours(x, bias), plain(x, bias))


def test_positions_and_sinusoids_by_hand() -> None:
    mask = torch.tensor([[True, True, False], [False, False, True]])
    assert positions(mask).tolist() == [[0, 1, 1], [0, 0, 0]]
    code = sinusoids(3, 5, torch.zeros(1, dtype=torch.float64))
    rate = 10_000 ** (-2 / 5)
    row = [math.sin(2), math.sin(2 * rate), math.sin(2 * rate**2)]
    row += [math.cos(2), math.cos(2 * rate)]
    assert torch.allclose(code[2], torch.tensor(row, dtype=torch.float64), atol=1e-12)
    assert sinusoids(4, 1, torch.zeros(1)).shape == (4, 1)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="heads=4 does not divide width=6"):
        MultiHeadAttention(1, 1, width=6, heads=4)
    with pytest.raises(ValueError, match=r"rate: got 1\.0"):
        MultiHeadAttention(1, 1, width=6, heads=2, rate=1.0)
