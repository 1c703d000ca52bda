import math

import numpy as np
import pytest
import torch
from torch import Generator, nn

from repro.models.layers.stacked import (
    StackedLinear,
    by_seed,
    dropout,
    fill_dropout_scale,
    initialize,
    normal_draws,
)


def generators(*seeds: int) -> list[Generator]:
    return [Generator().manual_seed(seed) for seed in seeds]


def randomized(module: nn.Module) -> nn.Module:
    """Double precision, every parameter random: no gradient hides behind a zero."""
    generator = Generator().manual_seed(99)
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            draws = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(draws)
    return module


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [(5,), (2, 3)])
def test_linear_equals_one_linear_per_seed(bias, rows):
    layer = randomized(StackedLinear(3, 4, 2, bias=bias))
    x = torch.randn(3, *rows, 4, dtype=torch.float64, requires_grad=True)
    slope = torch.randn(3, *rows, 2, dtype=torch.float64)
    out = layer(x)
    out.backward(slope)
    for s in range(3):
        plain = nn.Linear(4, 2, bias=bias).double()
        with torch.no_grad():
            plain.weight.copy_(layer.weight[s].t())
            if bias:
                plain.bias.copy_(layer.bias[s])
        own = x.detach()[s].requires_grad_()
        expected = plain(own)
        expected.backward(slope[s])
        torch.testing.assert_close(out[s], expected, atol=1e-9, rtol=0)
        torch.testing.assert_close(x.grad[s], own.grad, atol=1e-9, rtol=0)
        torch.testing.assert_close(
            layer.weight.grad[s], plain.weight.grad.t(), atol=1e-9, rtol=0
        )
        if bias:
            torch.testing.assert_close(
                layer.bias.grad[s], plain.bias.grad, atol=1e-9, rtol=0
            )


def test_parameters_are_nan_until_initialized():
    layer = StackedLinear(1, 2, 2)
    assert layer(torch.ones(1, 1, 2)).isnan().all()


def test_a_seed_is_drawn_alike_however_many_are_stacked():
    def model(seeds):
        return nn.Sequential(StackedLinear(seeds, 3, 5), StackedLinear(seeds, 5, 2))

    three, alone = model(3), model(1)
    initialize(three, generators(4, 5, 6))
    initialize(alone, generators(6))
    for stacked, single in zip(three.parameters(), alone.parameters(), strict=True):
        assert torch.equal(stacked[2], single[0])
    assert not torch.equal(three[0].weight[0], three[0].weight[1])


def test_xavier_scale_and_zero_bias():
    layer = StackedLinear(1, 300, 500)
    initialize(layer, generators(0))
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / 800), rel=0.01)
    assert layer.bias.abs().max().item() == 0.0


def test_initialize_refuses_a_parameter_without_rule():
    with pytest.raises(ValueError, match=r"'1\.weight' has no initializer"):
        initialize(
            nn.Sequential(StackedLinear(1, 2, 2), nn.Linear(2, 2)), generators(0)
        )


def test_copies_of_a_seed_are_drawn_in_turn_or_alike():
    model = nn.Sequential(StackedLinear(4, 3, 5))
    initialize(model, generators(4, 5))
    apart = by_seed(model[0].weight, 2)
    assert not torch.equal(apart[1, 0], apart[1, 1])
    model.alike = ("0",)
    initialize(model, generators(4, 5))
    together = by_seed(model[0].weight, 2)
    assert torch.equal(together[:, 0], together[:, 1])
    assert torch.equal(together[:, 0], apart[:, 0])


def test_slices_are_a_multiple_of_the_seeds():
    with pytest.raises(ValueError, match="dimension 4 is no multiple of 3 seeds"):
        by_seed(torch.zeros(4, 2), 3)
    with pytest.raises(ValueError, match="dimension 0"):
        by_seed(torch.zeros(()), 1)


def test_initialize_refuses_a_wrong_number_of_generators():
    with pytest.raises(ValueError, match="stacks 2 seeds but 3 generators"):
        initialize(StackedLinear(2, 2, 2), generators(0, 1, 2))


@pytest.mark.parametrize("shape", [(3, 5, 4), (2, 5, 3)])
def test_layers_refuse_other_shapes(shape):
    with pytest.raises(ValueError, match=r"takes \(2, \.\.\., 4\)"):
        StackedLinear(2, 4, 3)(torch.ones(shape))


def test_dropout_mask_of_a_seed_comes_from_its_generator():
    x = torch.randn(3, 50, 20)
    stacked = dropout(x, 0.3, generators(1, 2, 3))
    alone = dropout(x[1:2], 0.3, generators(2))
    assert torch.equal(stacked[1], alone[0])
    assert not torch.equal(stacked[0] == 0, stacked[1] == 0)


def test_dropout_keeps_the_mean_and_masks_the_gradient():
    x = torch.ones(1, 100_000, requires_grad=True)
    out = dropout(x, 0.25, generators(0))
    assert out.mean().item() == pytest.approx(1.0, abs=0.01)
    assert out.unique().tolist() == [0.0, pytest.approx(4 / 3)]
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())


@pytest.mark.parametrize(("rate", "shape"), [(0.1, (7,)), (0.5, (3, 5)), (0.9, (64,))])
def test_dropout_draws_are_those_of_the_published_twister(rate, shape):
    # NumPy's Mersenne Twister, word by word: nothing depends on the processor's make.
    scale = torch.full(shape, torch.nan)
    fill_dropout_scale(scale, rate, Generator().manual_seed(5))
    bits = np.random.RandomState(5)
    wanted = []
    for _ in range(math.ceil(scale.numel() / 4)):
        high, low = (int(bits.randint(0, 2**32, dtype=np.uint64)) for _ in range(2))
        word = high << 32 | low
        for place in range(4):
            lane = word >> 16 * place & 0xFFFF
            signed = lane - 2**16 * (lane >= 2**15)
            wanted.append(signed + 2**15 >= round(rate * 2**16))
    kept = torch.tensor(wanted[: scale.numel()]).view(shape)
    share = 1 - round(rate * 2**16) / 2**16
    assert torch.equal(scale, kept / share)


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.75])
def test_dropout_drops_its_share_and_no_lane_follows_another(rate):
    scale = torch.empty(400_000)
    fill_dropout_scale(scale, rate, Generator().manual_seed(0))
    dropped = (scale == 0).double()
    assert abs(float(dropped.mean()) - rate) < 4 * math.sqrt(rate * (1 - rate) / 4e5)
    assert abs(float(scale.mean()) - 1) < 4 * math.sqrt(rate / (1 - rate) / 4e5)
    assert abs(torch.corrcoef(dropped.view(-1, 4).T).fill_diagonal_(0)).max() < 0.013


@pytest.mark.parametrize("rate", [1e-9, 1 - 1e-9])
def test_dropout_stays_finite_at_the_ends_of_its_range(rate):
    scale = torch.empty(1_000)
    fill_dropout_scale(scale, rate, Generator().manual_seed(0))
    assert torch.isfinite(scale).all()
    assert float((scale > 0).double().mean()) == pytest.approx(1 - rate, abs=1e-2)


def test_dropout_is_the_identity_in_evaluation():
    x = torch.randn(2, 3)
    assert dropout(x, 0.0, generators(0, 1)) is x
    assert dropout(x, 0.5, None) is x


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_dropout_refuses_a_rate_outside_its_range(rate):
    with pytest.raises(ValueError, match="rate"):
        dropout(torch.ones(1, 2), rate, generators(0))


def test_generators_must_be_one_per_seed():
    with pytest.raises(ValueError, match="got 1 for 2 stacked seeds"):
        dropout(torch.ones(2, 2), 0.5, generators(0))
    with pytest.raises(ValueError, match="got 3 for 2 stacked seeds"):
        normal_draws(torch.ones(2, 2), generators(0, 1, 2))
