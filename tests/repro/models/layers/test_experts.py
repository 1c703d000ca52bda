import copy

import pytest
import torch
from torch import Generator, Tensor

from repro.models.layers.experts import Experts
from repro.models.layers.stacked import initialize

SEEDS, EXPERTS, WIDTH, HIDDEN, OUTPUTS = 2, 5, 3, 4, 6


def pool(seeds: int = SEEDS) -> Experts:
    experts = Experts(seeds, EXPERTS, WIDTH, HIDDEN, OUTPUTS)
    initialize(experts, [Generator().manual_seed(seed) for seed in range(seeds)])
    experts.double()
    with torch.no_grad():
        for bias in (experts.bias_in, experts.bias_out):
            bias.copy_(torch.randn(bias.shape, generator=Generator().manual_seed(9)))
    return experts


def normal(*shape: int, seed: int = 3) -> Tensor:
    generator = Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def routes(tokens: int, k: int, seeds: int = SEEDS) -> tuple[Tensor, Tensor]:
    """Distinct experts per token and gates that sum to 1."""
    logits = normal(seeds, tokens, EXPERTS, seed=4)
    top, chosen = logits.topk(k, 2)
    return chosen, top.softmax(2)


def plain_mixture(
    experts: Experts, tokens: Tensor, chosen: Tensor, gate: Tensor, log_space: bool
) -> Tensor:
    """Token by token, expert by expert."""
    rows = []
    for s in range(tokens.shape[0]):
        for t in range(tokens.shape[1]):
            total = tokens.new_zeros(OUTPUTS)
            for e, g in zip(chosen[s, t].tolist(), gate[s, t], strict=True):
                if e < 0:
                    continue
                before = tokens[s, t] @ experts.weight_in[s, e] + experts.bias_in[s, e]
                hidden = before * torch.special.ndtr(before)
                out = hidden @ experts.weight_out[s, e] + experts.bias_out[s, e]
                total = total + g * (out.exp() if log_space else out)
            is_logarithm = log_space and bool((chosen[s, t] >= 0).any())
            rows.append(total.log() if is_logarithm else total)
    return torch.stack(rows).view(*tokens.shape[:2], OUTPUTS)


def outputs_and_gradients(run, experts, tokens, gate):
    tokens, gate = (v.detach().clone().requires_grad_() for v in (tokens, gate))
    experts.zero_grad()
    out = run(tokens, gate)
    out.backward(normal(*out.shape, seed=7))
    weights = [p.grad for p in experts.parameters()]
    return [out.detach(), tokens.grad, gate.grad, *weights]


def check_against_plain(tokens, chosen, gate, log_space):
    experts = pool(tokens.shape[0])
    ours = outputs_and_gradients(
        lambda x, g: experts(x, chosen, g, log_space=log_space), experts, tokens, gate
    )
    plain = outputs_and_gradients(
        lambda x, g: plain_mixture(experts, x, chosen, g, log_space),
        experts,
        tokens,
        gate,
    )
    for value, expected in zip(ours, plain, strict=True):
        torch.testing.assert_close(value, expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("log_space", [False, True])
@pytest.mark.parametrize("k", [1, 2, 4, EXPERTS])
@pytest.mark.parametrize("count", [1, 7])
def test_equals_the_plain_loop(count, k, log_space):
    chosen, gate = routes(count, k)
    check_against_plain(normal(SEEDS, count, WIDTH), chosen, gate, log_space)


@pytest.mark.parametrize("log_space", [False, True])
def test_equals_the_plain_loop_with_masked_tokens_and_slots(log_space):
    chosen, gate = routes(6, 2)
    chosen[0, 1], chosen[1, :3], chosen[0, 4, 1] = -1, -1, -1
    gate = gate.masked_fill(chosen < 0, 0.0)
    check_against_plain(normal(SEEDS, 6, WIDTH), chosen, gate, log_space)


def test_equals_the_plain_loop_when_one_expert_takes_all():
    chosen = torch.full((SEEDS, 9, 1), EXPERTS - 1)
    gate = torch.ones(SEEDS, 9, 1, dtype=torch.float64)
    check_against_plain(normal(SEEDS, 9, WIDTH), chosen, gate, False)


def test_experts_without_rows_get_a_zero_gradient():
    experts, chosen = pool(), torch.full((SEEDS, 3, 1), 2)
    gate = torch.ones(SEEDS, 3, 1, dtype=torch.float64)
    experts(normal(SEEDS, 3, WIDTH), chosen, gate).sum().backward()
    for parameter in experts.parameters():
        idle = parameter.grad[:, [0, 1, 3, 4]]
        assert idle.abs().max().item() == 0.0
        assert parameter.grad[:, 2].abs().max().item() > 0.0


@pytest.mark.parametrize("log_space", [False, True])
def test_gradcheck(log_space):
    experts, tokens = pool(), normal(SEEDS, 3, WIDTH).requires_grad_()
    chosen, gate = routes(3, 2)
    chosen[0, 0] = -1
    names = [name for name, _ in experts.named_parameters()]

    def mixture(x, g, *parameters):
        values = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(
            experts, values, (x, chosen, g), {"log_space": log_space}
        )

    # Another seed than the tokens' own, and no gate at the edge of its range.
    inputs = (tokens, gate.requires_grad_(), *experts.parameters())
    assert torch.autograd.gradcheck(mixture, inputs)


def test_a_gate_of_zero_still_has_a_gradient():
    experts = pool(1)
    gate = torch.tensor([[[1.0, 0.0]]], dtype=torch.float64, requires_grad=True)
    tokens, chosen = normal(1, 1, WIDTH), torch.tensor([[[0, 3]]])
    experts(tokens, chosen, gate).sum().backward()
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    expected = experts(tokens, torch.tensor([[[3]]]), one).sum()
    assert gate.grad[0, 0, 1].item() == pytest.approx(expected.item(), abs=1e-12)


@pytest.mark.parametrize("log_space", [False, True])
@pytest.mark.parametrize("garbage", [1e30, torch.nan])
def test_masked_tokens_have_no_influence(garbage, log_space):
    experts, (chosen, gate) = pool(), routes(4, 2)
    chosen[:, 1] = -1
    gate = gate.masked_fill(chosen < 0, 0.0)
    clean = normal(SEEDS, 4, WIDTH)
    dirty = clean.clone()
    dirty[:, 1] = garbage
    results = [
        outputs_and_gradients(
            lambda x, g: experts(x, chosen, g, log_space=log_space), experts, x, gate
        )
        for x in (clean, dirty)
    ]
    for value, expected in zip(*results, strict=True):
        assert torch.equal(value, expected)
    assert results[1][0][:, 1].abs().max().item() == 0.0
    assert results[1][1][:, 1].abs().max().item() == 0.0


@pytest.mark.parametrize("count", [0, 3])
@pytest.mark.parametrize("log_space", [False, True])
def test_nothing_routed_gives_zeros(count, log_space):
    experts = pool()
    chosen = torch.full((SEEDS, count, 2), -1)
    gate = torch.zeros(SEEDS, count, 2, dtype=torch.float64)
    out = experts(normal(SEEDS, count, WIDTH), chosen, gate, log_space=log_space)
    assert out.shape == (SEEDS, count, OUTPUTS)
    out.sum().backward()
    assert out.abs().sum().item() == 0.0
    assert all(p.grad.abs().max().item() == 0.0 for p in experts.parameters())


def test_log_space_does_not_overflow():
    experts = pool(1).float()
    with torch.no_grad():
        experts.bias_out.fill_(200.0)
    chosen, gate = routes(4, 2, 1)
    out = experts(normal(1, 4, WIDTH).float(), chosen, gate.float(), log_space=True)
    out.sum().backward()
    assert out.isfinite().all()
    assert all(p.grad.isfinite().all() for p in experts.parameters())


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_a_seed_does_not_depend_on_its_neighbors(rate):
    two, alone = pool(2), pool(1)
    with torch.no_grad():
        for own, stacked in zip(alone.parameters(), two.parameters(), strict=True):
            own.copy_(stacked[1:])
    x, (chosen, gate) = normal(2, 6, WIDTH), routes(6, 2)
    both = [Generator().manual_seed(seed) for seed in (1, 2)]
    out = two(x, chosen, gate, dropout=rate, generators=both)
    single = [Generator().manual_seed(2)]
    expected = alone(x[1:], chosen[1:], gate[1:], dropout=rate, generators=single)
    torch.testing.assert_close(out[1:], expected, atol=1e-12, rtol=0)


def test_dropout_scales_kept_activations_and_masks_the_gradient():
    experts = Experts(1, 1, 1, 1000, 1000).double()
    with torch.no_grad():
        for name, value in (("weight_in", 0.0), ("bias_in", 1.0), ("bias_out", 0.0)):
            getattr(experts, name).fill_(value)
        experts.weight_out.copy_(torch.eye(1000))
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    out = experts(
        one,
        torch.zeros(1, 1, 1, dtype=torch.int64),
        one,
        dropout=0.25,
        generators=[Generator().manual_seed(0)],
    )
    kept = out[0, 0] > 0
    assert kept.double().mean().item() == pytest.approx(0.75, abs=0.05)
    gelu_of_one = 0.8413447460685429
    assert out[0, 0, kept].unique().item() == pytest.approx(gelu_of_one / 0.75)
    out.sum().backward()
    assert torch.equal(experts.bias_in.grad[0, 0] != 0, kept)


def test_dropout_is_off_without_generators():
    experts, x, (chosen, gate) = pool(), normal(SEEDS, 4, WIDTH), routes(4, 2)
    assert torch.equal(experts(x, chosen, gate, dropout=0.5), experts(x, chosen, gate))


def test_two_runs_are_equal_bit_for_bit():
    experts, x, (chosen, gate) = pool(), normal(SEEDS, 20, WIDTH), routes(20, 2)
    first, second = (
        outputs_and_gradients(lambda x, g: experts(x, chosen, g), experts, x, gate)
        for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_refuses_bad_input():
    experts, x, (chosen, gate) = pool(), normal(SEEDS, 4, WIDTH), routes(4, 2)
    with pytest.raises(ValueError, match="got expert 5 for a pool of 5"):
        experts(x, torch.where(chosen == 0, EXPERTS, chosen), gate)
    with pytest.raises(ValueError, match=r"takes \(2, tokens, 3\)"):
        experts(x[:, :, :2], chosen, gate)
    with pytest.raises(ValueError, match="rate"):
        experts(x, chosen, gate, dropout=1.0)
    with pytest.raises(ValueError, match="got 1 for 2 stacked seeds"):
        experts(x, chosen, gate, dropout=0.5, generators=[Generator()])


@pytest.mark.parametrize("outputs", [8, 6])
@pytest.mark.parametrize("routed", [True, False])
def test_single_precision_agrees_with_double(outputs, routed):
    # Eight outputs take the product of all groups in one call, six the loop.
    double = Experts(SEEDS, EXPERTS, 4, 12, outputs)
    initialize(double, [Generator().manual_seed(seed) for seed in range(SEEDS)])
    single, double = copy.deepcopy(double), double.double()
    tokens, (chosen, gate) = normal(SEEDS, 9, 4), routes(9, 2)
    chosen = chosen.masked_fill(chosen == 2, -1) if routed else chosen.fill_(-1)
    results = []
    for experts, kind in ((double, torch.float64), (single, torch.float32)):
        own = tokens.to(kind, copy=True).requires_grad_()
        out = experts(own, chosen, gate.to(kind))
        out.square().sum().backward()
        results.append([out, own.grad, *(p.grad for p in experts.parameters())])
    for value, expected in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(value.double(), expected, atol=1e-5, rtol=1e-5)
    assert single.weight_in.grad[:, 2].abs().max().item() == 0.0
