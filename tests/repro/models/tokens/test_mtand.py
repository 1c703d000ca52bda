"""Attention over irregular times against materialized softmaxes and plain loops."""

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError
from scipy.special import softmax
from torch import Generator, Tensor, nn

from repro.models.layers.stacked import initialize
from repro.models.tokens.mtand import (
    TimeAttention,
    TimeEmbedding,
    TimeSeriesEncoder,
    masked_averages,
)

SEEDS, BATCH, TIME, FEATURES, WIDTH, QUERIES, HEADS = 2, 5, 7, 3, 6, 4, 2


def generators() -> list[Generator]:
    """One fixed generator per seed."""
    return [Generator().manual_seed(seed) for seed in range(SEEDS)]


def drawn(module: nn.Module) -> nn.Module:
    """The module in float64 with parameters of some size, biases included."""
    initialize(module, generators())
    noise = Generator().manual_seed(9)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=noise)
    return module.double()


def attention(seeds: int = SEEDS, **changes: object) -> TimeAttention:
    """A small attention over times with drawn parameters."""
    settings = {
        "queries": QUERIES,
        "heads": HEADS,
        "embedding": TimeEmbedding(seeds, 8),
        "mask_in_values": True,
    }
    return TimeAttention(seeds, FEATURES, WIDTH, **(settings | changes))


def series_encoder(**changes: object) -> TimeSeriesEncoder:
    """A small encoder of series over 12 hours."""
    settings = {
        "queries": QUERIES,
        "heads": HEADS,
        "hours": 12,
        "embedding": TimeEmbedding(SEEDS, 8),
    }
    return TimeSeriesEncoder(SEEDS, FEATURES, WIDTH, **(settings | changes))


def random_series() -> tuple[Tensor, Tensor, Tensor]:
    """Values, times and masks: a feature and an instance nobody observed, padding."""
    draw = Generator().manual_seed(3)
    shape = (SEEDS, BATCH, TIME)
    values = torch.randn(*shape, FEATURES, generator=draw).double()
    times = torch.rand(shape, generator=draw).double()
    mask = torch.rand(*shape, FEATURES, generator=draw) < 0.5
    mask[:, 0, :, 1] = False
    mask[:, 1] = False
    mask[:, 2, 4:] = False
    return values, times, mask


def materialized(scores: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """Every weight of every group, target and feature at once."""
    masks = mask.expand_as(values)
    weights = scores.unsqueeze(3).masked_fill(~masks.unsqueeze(2), -torch.inf)
    weights = torch.nan_to_num(weights.softmax(1))
    averages = (weights * values.unsqueeze(2)).sum(1)
    seen = (weights * mask.unsqueeze(2)).sum(1)[..., : mask.shape[2]]
    return torch.cat([averages, seen], 2)


def random_scores(spread: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """Scores, values and masks of all seeds and instances as groups."""
    values, _, mask = random_series()
    scores = torch.randn(SEEDS * BATCH, TIME, 6, generator=Generator().manual_seed(1))
    return spread * scores.double(), values.flatten(0, 1), mask.flatten(0, 1)


@pytest.mark.parametrize("spread", [1.0, 20.0, 400.0])
@pytest.mark.parametrize("shared", [False, True])
def test_averages_equal_the_materialized_softmax(spread: float, shared: bool) -> None:
    scores, values, mask = random_scores(spread)
    mask = mask[..., :1] if shared else mask
    found = masked_averages(scores.requires_grad_(), values, mask)
    assert torch.allclose(found, materialized(scores, values, mask), atol=1e-10)
    # A softmax over nothing has no gradient: give unobserved features weight 0.
    slope = torch.randn(found.shape, generator=Generator().manual_seed(2))
    observed = mask.any(1, keepdim=True)
    counted = torch.cat([observed.expand(-1, -1, values.shape[2]), observed], 2)
    plain = materialized(scores, values, mask | ~observed)
    (expected,) = torch.autograd.grad((plain * slope * counted).sum(), scores)
    (gradient,) = torch.autograd.grad((found * slope).sum(), scores)
    assert torch.allclose(gradient, expected, atol=1e-10)


def test_a_feature_far_below_the_highest_score_is_averaged_exactly() -> None:
    scores = torch.tensor([[[500.0], [0.0], [1.0], [900.0]]], requires_grad=True)
    values = torch.tensor([[[7.0, 9.0], [9.0, 2.0], [9.0, 4.0], [9.0, 9.0]]])
    mask = torch.tensor([[[1, 0], [0, 1], [0, 1], [0, 0]]]).bool()
    out = masked_averages(scores, values, mask)
    share = 1 / (1 + np.e)
    expected = [7.0, 2 * share + 4 * (1 - share), 1.0, 1.0]
    assert torch.allclose(out.flatten(), torch.tensor(expected))
    out.sum().backward()
    slope = 2 * share * (1 - share)
    assert scores.grad is not None
    expected = torch.tensor([0.0, -slope, slope, 0.0])
    assert torch.allclose(scores.grad.flatten(), expected, atol=1e-6)


@pytest.mark.parametrize("spread", [1.0, 400.0])
def test_scale_multiplies_the_weights(spread: float) -> None:
    scores, values, mask = random_scores(spread)
    scale = torch.rand(scores.shape, generator=Generator().manual_seed(6)).double()
    out = masked_averages(scores, values, mask, scale)
    for g, q, f in ((0, 0, 0), (3, 5, 2), (7, 2, 1)):
        own = mask[g, :, f]
        weights = scores[g, own, q].softmax(0) * scale[g, own, q]
        assert torch.isclose(out[g, q, f], weights @ values[g, own, f])
        assert torch.isclose(out[g, q, FEATURES + f], weights.sum())


def embedded(embedding: nn.Module, s: int, time: float) -> np.ndarray:
    """One time, embedded."""
    frequency = embedding.frequency[s].detach().numpy()
    angle = time * frequency + embedding.phase[s].detach().numpy()
    return np.concatenate([angle[:1], np.sin(angle[1:])])


def plain_tokens(
    module: TimeAttention, series: tuple[Tensor, Tensor, Tensor], s: int, b: int
) -> np.ndarray:
    """Tokens of one instance by loops over queries, heads and columns."""
    values, times, mask = (part[s, b].numpy() for part in series)
    joined = mask.ndim == 2
    columns = np.concatenate([values, mask], 1) if joined else values
    masks = np.concatenate([mask, mask], 1) if joined else mask[:, None] & (values < 99)
    keys = np.array([embedded(module.embedding, s, t) for t in times])
    keys = keys @ module.to_key.weight[s].detach().numpy()
    each = keys.shape[1] // HEADS
    tokens = []
    for time in (np.arange(QUERIES) + 0.5) / QUERIES:
        query = embedded(module.embedding, s, time)
        query = query @ module.to_query.weight[s].detach().numpy()
        query = query + module.to_query.bias[s].detach().numpy()
        averages = np.zeros((HEADS, columns.shape[1]))
        for h in range(HEADS):
            own = slice(h * each, (h + 1) * each)
            scores = keys[:, own] @ query[own] / np.sqrt(each)
            for d in range(columns.shape[1]):
                seen = masks[:, d]
                if seen.any():
                    averages[h, d] = softmax(scores[seen]) @ columns[seen, d]
        weight, bias = module.output.weight[s], module.output.bias[s]
        tokens.append(averages.reshape(-1) @ weight.detach().numpy() + bias.tolist())
    return np.array(tokens)


@pytest.mark.parametrize("joined", [True, False])
def test_tokens_equal_plain_loops(joined: bool) -> None:
    module = drawn(attention(mask_in_values=joined))
    values, times, mask = random_series()
    mask = mask if joined else mask.any(3)
    found = module(values, times, mask).detach().numpy()
    for s in range(SEEDS):
        for b in range(BATCH):
            expected = plain_tokens(module, (values, times, mask), s, b)
            assert np.allclose(found[s, b], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1e30])
@pytest.mark.parametrize("joined", [True, False])
def test_masked_cells_have_no_influence(value: float, joined: bool) -> None:
    module = drawn(attention(mask_in_values=joined, attention_dropout=0.2))
    values, times, mask = random_series()
    given = mask if joined else mask.any(3)
    cells = given if joined else given.unsqueeze(3)
    outputs, slopes = [], []
    for fill in (0.0, value):
        dirty = values.masked_fill(~cells, fill).requires_grad_()
        late = times.masked_fill(~mask.any(3), fill)
        module.zero_grad()
        outputs.append(module(dirty, late, given, generators()))
        outputs[-1].square().sum().backward()
        grads = [dirty.grad, *(p.grad for p in module.parameters())]
        slopes.append([g.clone() for g in grads if g is not None])
    assert torch.equal(*outputs)
    assert len(slopes[0]) == 1 + len(list(module.parameters()))
    for clean, dirty in zip(*slopes, strict=True):
        assert torch.isfinite(clean).all()
        assert torch.equal(clean, dirty)


def test_order_and_padding_do_not_matter() -> None:
    module = drawn(attention())
    values, times, mask = random_series()
    expected = module(values, times, mask)
    order = torch.tensor([3, 0, 6, 2, 5, 1, 4])
    shuffled = module(values[:, :, order], times[:, :, order], mask[:, :, order])
    assert torch.allclose(shuffled, expected, atol=1e-12)
    longer = module(
        nn.functional.pad(values, (0, 0, 2, 3), value=4.0),
        nn.functional.pad(times, (2, 3), value=0.5),
        nn.functional.pad(mask, (0, 0, 2, 3)),
    )
    assert torch.allclose(longer, expected, atol=1e-12)
    bias = module.output.bias.unsqueeze(1).expand(-1, QUERIES, -1)
    assert torch.allclose(expected[:, 1], bias)  # nothing was observed here


def test_seeds_and_instances_do_not_depend_on_each_other() -> None:
    both, alone = drawn(attention()), attention(1).double()
    with torch.no_grad():
        for own, stacked in zip(alone.parameters(), both.parameters(), strict=True):
            own.copy_(stacked[1:])
    values, times, mask = random_series()
    part = (slice(1, None), slice(2, 4))
    expected = both(values, times, mask)[part]
    assert torch.allclose(alone(values[part], times[part], mask[part]), expected)


def test_attention_dropout_follows_the_generators() -> None:
    module, series = drawn(attention(attention_dropout=0.5)), random_series()
    first = module(*series, generators())
    assert torch.equal(first, module(*series, generators()))
    assert not torch.equal(first, module(*series))
    assert torch.equal(module(*series), module(*series))


def test_a_shared_embedding_is_one_module() -> None:
    embedding = TimeEmbedding(SEEDS, 8)
    pair = nn.ModuleList(attention(embedding=embedding) for _ in range(2))
    alone = len(list(attention().parameters()))
    assert len(list(pair.parameters())) == 2 * alone - 2
    pair = drawn(pair)
    sum(module(*random_series()).sum() for module in pair).backward()
    assert embedding.frequency.grad is not None
    assert (embedding.frequency.grad != 0).all()


def random_grid() -> Tensor:
    """Values and masks of 12 hours."""
    draw = Generator().manual_seed(8)
    return torch.randn(SEEDS, BATCH, 12, 2 * FEATURES, generator=draw).double()


def gated(module: TimeSeriesEncoder, irregular: Tensor, regular: Tensor) -> Tensor:
    """The mix of both branches, written out."""
    both = torch.cat([irregular.amax(2), regular.amax(2)], 2)
    hidden = torch.relu(
        both @ module.gate_hidden.weight + module.gate_hidden.bias[:, None]
    )
    g = torch.sigmoid(hidden @ module.gate.weight + module.gate.bias[:, None])
    return g[..., None] * irregular + (1 - g[..., None]) * regular


@pytest.mark.parametrize("queries", [4, 12])
def test_series_mix_attention_and_grid(queries: int) -> None:
    module = drawn(series_encoder(queries=queries))
    grid, series = random_grid(), random_series()
    read = grid.clone()
    read[:, 1] = 0.0
    bins = read.view(SEEDS, BATCH, queries, 12 // queries, -1).mean(3)
    regular = bins @ module.regular.weight[:, None]
    expected = gated(module, module.irregular(*series), regular)
    assert torch.allclose(module(*series, grid), expected, atol=1e-12)


def test_nothing_of_an_empty_instance_is_read() -> None:
    module, grid = drawn(series_encoder()), random_grid()
    values, times, mask = random_series()
    clean = module(values, times, mask, grid)
    grid[:, 1] = torch.nan
    values = values.masked_fill(~mask, torch.nan)
    dirty = module(values, times, mask, grid)
    assert torch.equal(clean, dirty)
    dirty.square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert (parameter.grad != 0).any(), name


def test_sizes_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match=r"heads: got 3 .* size 8"):
        attention(heads=3)
    with pytest.raises(ValueError, match=r"queries: got 5 for a grid of 12 hours"):
        series_encoder(queries=5)
    values, times, mask = random_series()
    with pytest.raises(TypeCheckError):
        drawn(attention())(values[:, :, :-1], times, mask)
