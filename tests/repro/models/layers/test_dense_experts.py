import pytest
import torch
from torch import Generator

from repro.models.layers import experts as pools
from repro.models.layers.dense_experts import FEW_ELEMENTS, dense_mixture, is_cheaper
from tests.repro.models.layers import test_experts as laws
from tests.repro.models.layers.test_experts import SEEDS, WIDTH, normal, pool, routes


@pytest.fixture(autouse=True)
def always_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way of a GPU, on any device."""
    monkeypatch.setattr(pools, "is_cheaper", lambda *of: True)


@pytest.mark.parametrize("log_space", [False, True])
@pytest.mark.parametrize("k", [1, 2, 4, 5])
@pytest.mark.parametrize("count", [1, 7])
def test_equals_the_plain_loop(count, k, log_space):
    chosen, gate = routes(count, k)
    laws.check_against_plain(normal(SEEDS, count, WIDTH), chosen, gate, log_space)


@pytest.mark.parametrize("log_space", [False, True])
def test_equals_the_plain_loop_with_masked_tokens_and_slots(log_space):
    laws.test_equals_the_plain_loop_with_masked_tokens_and_slots(log_space)


def test_equals_the_plain_loop_when_one_expert_takes_all():
    laws.test_equals_the_plain_loop_when_one_expert_takes_all()


def test_experts_without_rows_get_a_zero_gradient():
    laws.test_experts_without_rows_get_a_zero_gradient()


@pytest.mark.parametrize("log_space", [False, True])
def test_gradcheck(log_space):
    laws.test_gradcheck(log_space)


@pytest.mark.parametrize("log_space", [False, True])
def test_a_token_without_a_route_may_hold_anything(log_space):
    experts, x, (chosen, gate) = pool(), normal(SEEDS, 4, WIDTH), routes(4, 2)
    chosen[0, 1] = -1
    before = experts(x, chosen, gate, log_space=log_space)
    x[0, 1] = torch.nan
    x.requires_grad_()
    after = experts(x, chosen, gate, log_space=log_space)
    assert torch.equal(before, after)
    after.sum().backward()
    assert all(p.grad.isfinite().all() for p in experts.parameters())
    assert x.grad[0, 1].abs().max().item() == 0.0


def test_dropout_keeps_the_mean_and_needs_a_generator_per_seed():
    experts, x, (chosen, gate) = pool(), normal(SEEDS, 2, WIDTH), routes(2, 2)
    draws = [Generator().manual_seed(seed) for seed in range(SEEDS)]
    several = [
        experts(x, chosen, gate, dropout=0.25, generators=draws) for _ in range(4000)
    ]
    expected = experts(x, chosen, gate)
    spread = torch.stack(several).std(0) / 4000**0.5
    assert ((torch.stack(several).mean(0) - expected).abs() < 5 * spread).all()
    with pytest.raises(ValueError, match="got 1 for 2 stacked seeds"):
        experts(x, chosen, gate, dropout=0.25, generators=draws[:1])


def test_dropout_of_a_seed_does_not_depend_on_its_neighbours():
    two, alone = pool(2), pool(2)
    x, (chosen, gate) = normal(2, 6, WIDTH), routes(6, 2)
    both = [Generator().manual_seed(seed) for seed in (1, 2)]
    out = two(x, chosen, gate, dropout=0.5, generators=both)
    layers = [
        (alone.weight_in[1:], alone.bias_in[1:]),
        (alone.weight_out[1:], alone.bias_out[1:]),
    ]
    single = [Generator().manual_seed(2)]
    own = dense_mixture(
        x[1:], chosen[1:], gate[1:], layers, dropout=0.5, generators=single
    )
    torch.testing.assert_close(out[1:], own, atol=1e-12, rtol=0)


def test_large_batches_and_processors_keep_to_sorted_rows():
    pool_of = (3, 16, 128, 512)
    most = FEW_ELEMENTS // (3 * 16 * 512)
    assert is_cheaper(torch.device("cuda"), most, pool_of)
    assert not is_cheaper(torch.device("cuda"), most + 1, pool_of)
    assert not is_cheaper(torch.device("cpu"), 1, pool_of)
