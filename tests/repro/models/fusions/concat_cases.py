"""The concat transformer as a plain loop, with any feed-forward in its layers."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.models.fusions.concat_transformer import ConcatTransformer
from repro.models.fusions.interface import FusionInput
from tests.repro.models.fusions.fusion_cases import BATCH, SEEDS, WIDTH, random_input

# Layer, normalized tokens, the modality of each, the seed, what the last call left.
FeedForward = Callable[[Any, Tensor, Sequence[int], int, Any], tuple[Tensor, Any]]


def norm(x: Tensor, owner: nn.Module, s: int) -> Tensor:
    """Layer normalization with the scale and shift of one seed."""
    scale, shift = owner.scale[s, 0], owner.shift[s, 0]
    return functional.layer_norm(x, (WIDTH,), scale, shift)


def affine(x: Tensor, owner: nn.Module, s: int) -> Tensor:
    """The affine map of one seed."""
    return x @ owner.weight[s, 0] + owner.bias[s, 0]


def dense(
    layer: Any, z: Tensor, owners: Sequence[int], s: int, before: Any
) -> tuple[Tensor, Any]:
    """The MLP of a layer without experts."""
    return affine(functional.gelu(affine(z, layer.widen, s)), layer.narrow, s), before


def expert(pool: Any, s: int, e: int, z: Tensor) -> Tensor:
    """What one expert of a pool makes of a token."""
    hidden = functional.gelu(z @ pool.weight_in[s, e] + pool.bias_in[s, e])
    return hidden @ pool.weight_out[s, e] + pool.bias_out[s, e]


def attention(layer: Any, h: Tensor, weight: Tensor, s: int) -> Tensor:
    """Two heads; weights multiply exp(score)."""
    q, k, v = (
        (h @ layer.attention.weight[s, 0, n]).unflatten(1, (2, -1)).transpose(0, 1)
        for n in range(3)
    )
    factor = weight * (q @ k.transpose(1, 2) / math.sqrt(WIDTH // 2)).exp()
    heads = factor @ v / factor.sum(2, keepdim=True)
    return affine(heads.transpose(0, 1).flatten(1), layer.attention.output, s)


def plain_logits(
    fusion: ConcatTransformer,
    inputs: FusionInput,
    s: int,
    b: int,
    feed_forward: FeedForward = dense,
) -> Tensor:
    """One sample of one seed, token by token."""
    mask, weights = inputs.mask[s, :, b], inputs.weights
    assert weights is not None
    kept = [(m, t) for m in range(len(mask)) for t in torch.where(mask[m])[0].tolist()]
    owners = [m for m, _ in kept]
    rank = [sum(1 for n, u in kept if n == m and u < t) for m, t in kept]
    x = torch.stack(
        [
            inputs.tokens[s, m, b, t] + fusion.positions[s, m, r]
            for (m, t), r in zip(kept, rank, strict=True)
        ]
    )
    weight = torch.stack([weights[s, b, m] for m in owners])
    before = None
    for layer in fusion.layers:
        branch = attention(layer, norm(x, layer.before_attention, s), weight, s)
        x = 2 * branch if layer.residual == "paper_code" else x + branch
        z = norm(x, layer.before_feed_forward, s)
        branch, before = feed_forward(layer, z, owners, s, before)
        x = x + branch
    pooled = []
    for m in range(len(mask)):
        own = [x[n] for n, owner in enumerate(owners) if owner == m]
        mean = torch.stack(own).mean(0) if own else torch.zeros(WIDTH).double()
        pooled.append(mean * weights[s, b, m])
    return torch.cat(pooled) @ fusion.head.weight[s] + fusion.head.bias[s]


def check_concat(
    fusion: nn.Module,
    network: ConcatTransformer,
    modalities: int,
    time: int,
    feed_forward: FeedForward = dense,
) -> None:
    """Compare a fusion that is built on the network to the plain loop, in float64."""
    fusion, inputs = fusion.double(), random_input(modalities, time)
    draw = torch.Generator().manual_seed(5)
    weights = torch.rand(SEEDS, BATCH, modalities, generator=draw).double() * 3
    inputs = FusionInput(inputs.tokens.double(), inputs.mask, weights)
    found = fusion(inputs).logits
    for s in range(SEEDS):
        for b in range(0, BATCH, 3):
            expected = plain_logits(network, inputs, s, b, feed_forward)
            assert torch.allclose(found[s, b], expected, atol=1e-10)
