import pytest
import torch
from torch import Generator, Tensor

from repro.models.layers.gates import GATES
from repro.models.layers.router import KINDS, Router, squared_variation
from repro.models.layers.stacked import initialize

SEEDS, WIDTH, EXPERTS, MODALITIES = 2, 4, 7, 3


def generators(seeds: int = SEEDS) -> list[Generator]:
    return [Generator().manual_seed(10 + seed) for seed in range(seeds)]


def router(seeds: int = SEEDS, **options) -> Router:
    router = Router(seeds, WIDTH, EXPERTS, MODALITIES, **{"top_k": 2, **options})
    initialize(router, [Generator().manual_seed(seed) for seed in range(seeds)])
    return router.double()


def normal(*shape: int) -> Tensor:
    generator = Generator().manual_seed(1)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def allowed_experts(kind: str, m: int) -> range:
    blocks = (range(0, 3), range(3, 5), range(5, 7))
    return blocks[m] if kind == "disjoint" else range(EXPERTS)


def plain_logit(z: Tensor, center: Tensor, gate: str) -> Tensor:
    if gate == "softmax":
        return (z * center).sum()
    square = (z - center).square().sum()
    return -square.sqrt() if gate == "laplace" else -square


def plain_variation(amount: list[Tensor]) -> Tensor:
    values = torch.stack(amount)
    mean = values.sum() / len(values)
    return ((values - mean) ** 2).sum() / (len(values) - 1) / (mean**2 + 1e-10)


def plain_token(
    model: Router, s: int, m: int, z: Tensor, noise: Tensor | None
) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """Gates of the chosen experts and load of every allowed expert, for one token."""
    column = m if model.kind == "per_modality" else 0
    pool = allowed_experts(model.kind, m)
    clean = {
        e: plain_logit(z, model.centers[s, column, :, e], model.gate) for e in pool
    }
    noisy, scale = dict(clean), {}
    if noise is not None:
        for e in pool:
            raw = (z * model.noise[s, column, :, e]).sum()
            scale[e] = torch.log1p(raw.exp()) + 0.01
            noisy[e] = clean[e] + noise[e] * scale[e]
    order = sorted(pool, key=lambda e: -noisy[e].item())
    chosen = order[: model.top_k]
    total = sum(noisy[e].exp() for e in chosen)
    gates = {e: noisy[e].exp() / total for e in chosen}
    load = {}
    for e in pool:
        others = [noisy[o] for o in order if o != e]
        if noise is None:
            load[e] = torch.tensor(float(e in chosen), dtype=z.dtype)
        elif len(others) < model.top_k:
            load[e] = torch.ones((), dtype=z.dtype)
        else:
            gap = (clean[e] - others[model.top_k - 1]) / scale[e]
            load[e] = 0.5 * (1 + torch.erf(gap / 2**0.5))
    return gates, load


def plain_routing(model, tokens, sizes, mask, noise):
    """Dense gates `(seeds, tokens, experts)` and balance loss, token by token."""
    owner = [m for m, size in enumerate(sizes) for _ in range(size)]
    dense, balance = [], []
    for s in range(tokens.shape[0]):
        zero = tokens.new_zeros(())
        routers = range(1) if model.kind == "joint" else range(MODALITIES)
        amounts = {
            (r, name): dict.fromkeys(allowed_experts(model.kind, r), zero)
            for r in routers
            for name in ("importance", "load")
        }
        for t, m in enumerate(owner):
            row = [zero] * EXPERTS
            if mask[s, t]:
                draws = None if noise is None else noise[s][t]
                gates, load = plain_token(model, s, m, tokens[s, t], draws)
                r = 0 if model.kind == "joint" else m
                for name, values in (("importance", gates), ("load", load)):
                    for e, value in values.items():
                        amounts[r, name][e] = amounts[r, name][e] + value
                row = [gates.get(e, zero) for e in range(EXPERTS)]
            dense.append(torch.stack(row))
        total = sum(plain_variation(list(a.values())) for a in amounts.values())
        balance.append(total / len(routers))
    return torch.stack(dense).view(*tokens.shape[:2], EXPERTS), torch.stack(balance)


def dense_gates(routing) -> Tensor:
    dense = routing.gate.new_zeros(*routing.chosen.shape[:2], EXPERTS + 1)
    chosen = torch.where(routing.chosen < 0, EXPERTS, routing.chosen)
    return dense.scatter(2, chosen, routing.gate)[..., :EXPERTS]


@pytest.mark.parametrize("is_noisy", [False, True])
@pytest.mark.parametrize("sizes", [[4, 4, 4], [5, 1, 3]])
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_plain_loop_in_gates_balance_and_gradients(
    kind, gate, sizes, is_noisy
):
    model, tokens = router(kind=kind, gate=gate), normal(SEEDS, sum(sizes), WIDTH)
    mask = torch.ones(SEEDS, sum(sizes), dtype=torch.bool)
    mask[0, 1], mask[1, -2] = False, False
    noise = None
    if is_noisy:
        shape = (sum(sizes), EXPERTS)
        noise = [
            torch.randn(shape, generator=g, dtype=tokens.dtype) for g in generators()
        ]
    slope = normal(*mask.shape, EXPERTS)
    results = []
    for is_plain in (False, True):
        model.zero_grad()
        x = tokens.clone().requires_grad_()
        if is_plain:
            dense, balance = plain_routing(model, x, sizes, mask, noise)
        else:
            routing = model(x, sizes, mask, generators() if is_noisy else None)
            dense, balance = dense_gates(routing), routing.balance
        ((dense * slope).sum() + 3 * balance.sum()).backward()
        to_noise = [model.noise.grad] if is_noisy else []
        results.append([dense, balance, x.grad, model.centers.grad, *to_noise])
    for value, expected in zip(*results, strict=True):
        torch.testing.assert_close(value, expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("k", [1, 3, EXPERTS])
def test_every_top_k_equals_the_plain_loop(k):
    model, tokens, sizes = router(top_k=k), normal(SEEDS, 6, WIDTH), [2, 2, 2]
    mask = torch.ones(SEEDS, 6, dtype=torch.bool)
    noise = [
        torch.randn(6, EXPERTS, generator=g, dtype=tokens.dtype) for g in generators()
    ]
    dense, balance = plain_routing(model, tokens, sizes, mask, noise)
    routing = model(tokens, sizes, None, generators())
    assert routing.chosen.shape == (SEEDS, 6, k)
    torch.testing.assert_close(dense_gates(routing), dense, atol=1e-9, rtol=0)
    torch.testing.assert_close(routing.balance, balance, atol=1e-9, rtol=0)


def test_squared_variation_by_hand():
    amount = torch.tensor([[[2.0, 2.0, 2.0, 9.0], [1.0, 3.0, 9.0, 9.0]]])
    allowed = torch.tensor([[True, True, True, False], [True, True, False, False]])
    # Equal amounts vary by 0; (1, 3) has mean 2 and sample variance 2.
    expected = torch.tensor([[0.0, 0.5]])
    torch.testing.assert_close(squared_variation(amount, allowed), expected)


def test_balance_by_hand():
    model = Router(1, 1, 2, 1, top_k=1, gate="softmax")
    with torch.no_grad():
        model.centers.copy_(torch.tensor([[[[1.0, -1.0]]]]))
    even = model(torch.tensor([[[1.0], [-1.0]]]), [2])
    assert even.balance.item() == 0.0
    uneven = model(torch.tensor([[[1.0], [-1.0], [2.0], [3.0]]]), [4])
    # Importance and load are both (3, 1): mean 2, sample variance 2, 0.5 each.
    assert uneven.balance.item() == pytest.approx(1.0)
    assert uneven.usage.tolist() == [[[0.75, 0.25]]]
    assert uneven.chosen.flatten().tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("garbage", [1e30, torch.nan])
def test_masked_tokens_have_no_influence(garbage, kind):
    model, clean = router(kind=kind), normal(SEEDS, 6, WIDTH)
    mask = torch.tensor([True, False, True, True, True, False]).expand(SEEDS, 6)
    dirty = clean.masked_fill(~mask.unsqueeze(2), garbage)
    results = []
    for x in (clean.requires_grad_(), dirty.requires_grad_()):
        model.zero_grad()
        routing = model(x, [2, 2, 2], mask, generators())
        (routing.balance.sum() + routing.gate.square().sum()).backward()
        values = [routing.gate, routing.chosen, routing.balance, routing.usage]
        results.append([*values, x.grad, *(p.grad for p in model.parameters())])
    for value, expected in zip(*results, strict=True):
        assert torch.equal(value, expected)
    assert (results[1][1][:, [1, 5]] == -1).all()
    assert results[1][0][:, [1, 5]].abs().max().item() == 0.0


def test_a_modality_without_tokens_adds_nothing_to_the_balance():
    model, x = router(), normal(SEEDS, 6, WIDTH)
    mask = torch.tensor([True, True, False, False, False, False]).expand(SEEDS, 6)
    routing = model(x, [2, 2, 2], mask)
    alone = router()
    expected = alone(x[:, :2], [2, 0, 0]).balance
    torch.testing.assert_close(routing.balance, expected)
    assert routing.usage[:, 1:].abs().max().item() == 0.0


def test_without_noise_a_token_is_routed_by_itself():
    model, x = router(), normal(SEEDS, 9, WIDTH)
    together = model(x, [3, 3, 3])
    for t in range(9):
        sizes = [int(t // 3 == m) for m in range(MODALITIES)]
        alone = model(x[:, t : t + 1], sizes)
        assert torch.equal(alone.chosen[:, 0], together.chosen[:, t])
        torch.testing.assert_close(alone.gate[:, 0], together.gate[:, t])


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_does_not_depend_on_its_neighbors(kind):
    two, alone, x = router(2, kind=kind), router(1, kind=kind), normal(2, 6, WIDTH)
    with torch.no_grad():
        for own, stacked in zip(alone.parameters(), two.parameters(), strict=True):
            own.copy_(stacked[1:])
    both = two(x, [2, 2, 2], None, generators())
    single = alone(x[1:], [2, 2, 2], None, generators()[1:])
    assert torch.equal(both.chosen[1:], single.chosen)
    torch.testing.assert_close(both.gate[1:], single.gate, atol=1e-12, rtol=0)
    torch.testing.assert_close(both.balance[1:], single.balance, atol=1e-12, rtol=0)


def test_noise_changes_the_routing_and_repeats_with_its_generator():
    model, x = router(), normal(SEEDS, 30, WIDTH)
    clean = model(x, [10, 10, 10])
    noisy, again = (model(x, [10, 10, 10], None, generators()) for _ in range(2))
    assert not torch.equal(clean.chosen, noisy.chosen)
    assert torch.equal(noisy.gate, again.gate)


@pytest.mark.parametrize("k", [1, 2])
def test_disjoint_modalities_use_their_own_block_with_finite_gradients(k):
    model, x = router(kind="disjoint", top_k=k).float(), normal(SEEDS, 30, WIDTH)
    routing = model(x.float(), [10, 10, 10], None, generators())
    for m, chosen in enumerate(routing.chosen.split(10, 1)):
        assert set(chosen.unique().tolist()) <= set(allowed_experts("disjoint", m))
    (routing.balance.sum() + routing.gate.square().sum()).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_usage_sums_to_one_per_modality():
    routing = router()(normal(SEEDS, 9, WIDTH), [3, 3, 3])
    total = routing.usage.sum(2)
    torch.testing.assert_close(total, torch.ones_like(total))
    assert not routing.usage.requires_grad


def test_the_balance_loss_moves_every_parameter():
    model = router()
    model(
        normal(SEEDS, 9, WIDTH), [3, 3, 3], None, generators()
    ).balance.sum().backward()
    assert all(p.grad.abs().amax((2, 3)).min() > 0 for p in model.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "own"}, "kind: got 'own'"),
        ({"gate": "cosine"}, "gate: got 'cosine'"),
        ({"top_k": 0}, "top_k: got 0"),
        ({"top_k": EXPERTS + 1}, "smallest pool of a modality holds 7"),
        ({"kind": "disjoint", "top_k": 3}, "smallest pool of a modality holds 2"),
    ],
)
def test_refuses_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        router(**options)


@pytest.mark.parametrize("sizes", [[3, 3], [3, 3, 4]])
def test_refuses_sizes_that_do_not_fit(sizes):
    with pytest.raises(ValueError, match="sizes"):
        router()(normal(SEEDS, 9, WIDTH), sizes)


def test_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"takes \(2, tokens, 4\)"):
        router()(normal(SEEDS, 9, WIDTH + 1), [3, 3, 3])
    with pytest.raises(ValueError, match="got 1 for 2 stacked seeds"):
        router()(normal(SEEDS, 9, WIDTH), [3, 3, 3], None, generators(1))
