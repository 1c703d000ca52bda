"""MulT, the concat transformer and FuseMoE for one seed, as plain loops.

A module per pair and modality, a materialized softmax, sinusoids made on the spot.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.plain_model import Layer
from benchmarks.plain_parts import (
    PlainInput,
    PlainOutput,
    fill,
    linear_layers,
    mixture_sizes,
    token_mean,
)
from repro.models.fusions.concat_transformer import ConcatTransformer
from repro.models.fusions.fusemoe import FuseMoE
from repro.models.fusions.mult import MulT


class PlainAttention(nn.Module):
    """Multi-head attention of one stream on another with a materialized softmax."""

    def __init__(self, width: int, heads: int, bias: bool = True):
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(width, width, bias) for _ in range(3))
        self.output = nn.Linear(width, width)
        self.heads = heads

    def forward(self, x: Tensor, source: Tensor, mask: Tensor) -> Tensor:
        streams = (x, source, source)
        q, k, v = (
            linear(own).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for linear, own in zip(self.maps, streams, strict=True)
        )
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])
        scores = scores.masked_fill(~mask[:, None, None], -1e9)
        out = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        return self.output(out * mask.any(1)[:, None, None])


class PlainBlock(nn.Module):
    """Pre-norm attention and feed-forward block."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.before_attention = nn.LayerNorm(width)
        self.attention = PlainAttention(width, heads)
        self.before_feed_forward = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)

    def forward(self, x: Tensor, source: Tensor | None, mask: Tensor) -> Tensor:
        normal = self.before_attention(x)
        other = normal if source is None else self.before_attention(source)
        x = x + self.attention(normal, other, mask)
        hidden = torch.relu(self.widen(self.before_feed_forward(x)))
        return x + self.narrow(hidden)


class PlainStack(nn.Module):
    """Blocks and a final layer normalization."""

    def __init__(self, width: int, heads: int, layers: int):
        super().__init__()
        self.blocks = nn.ModuleList(PlainBlock(width, heads) for _ in range(layers))
        self.after_blocks = nn.LayerNorm(width)

    def forward(self, x: Tensor, source: Tensor | None, mask: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, source, mask)
        return self.after_blocks(x)


class PlainMulT(nn.Module):
    """MulT of one seed as loops over pairs and modalities, mean readout."""

    def __init__(self, source: MulT, seed: int):
        super().__init__()
        modalities, wide = source.own.after_blocks.scale.shape[1:]
        heads, depth = source.own.blocks[0].attention.heads, len(source.own.blocks)
        self.pairs = list(zip(source.receivers, source.senders, strict=True))
        self.own = nn.ModuleList(
            PlainStack(wide, heads, depth) for _ in range(modalities)
        )
        self.cross = nn.ModuleList()
        if source.cross is not None:
            width, layers = wide // (modalities - 1), len(source.cross.blocks)
            self.cross.extend(PlainStack(width, heads, layers) for _ in self.pairs)
        self.head = linear_layers(source.head)
        fill(self, source, seed)

    def forward(
        self, tokens: Tensor, mask: Tensor, weights: Tensor | None = None
    ) -> Tensor:
        """Logits `(batch, outputs)` of tokens `(modalities, batch, time, width)`."""
        streams = self.crossed(tokens, mask, weights)
        pooled = []
        for m, (stack, stream) in enumerate(zip(self.own, streams, strict=True)):
            x = stack(position_coded(stream, mask[m]), None, mask[m])
            mean = token_mean(x, mask[m])
            pooled.append(mean if weights is None else mean * weights[:, m, None])
        fused = torch.cat(pooled, 1)
        first, second, last = self.head
        return last(second(torch.relu(first(fused))) + fused)

    def crossed(
        self, tokens: Tensor, mask: Tensor, weights: Tensor | None
    ) -> list[Tensor]:
        """Per receiver, the outputs of its pairs; a positive weight cancels in each."""
        if not self.pairs:
            return list(tokens)
        keys = mask if weights is None else mask & (weights.t() > 0)[..., None]
        level = [position_coded(*own) for own in zip(tokens, mask, strict=True)]
        streams: list[list[Tensor]] = [[] for _ in tokens]
        for stack, (r, s) in zip(self.cross, self.pairs, strict=True):
            streams[r].append(stack(level[r], level[s], keys[s]))
        return [torch.cat(own, 2) for own in streams]


class PlainConcatLayer(nn.Module):
    """Pre-norm attention without biases and an MLP of twice the width."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.before_attention = nn.LayerNorm(width)
        self.attention = PlainAttention(width, heads, bias=False)
        self.before_feed_forward = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        normal = self.before_attention(x)
        x = x + self.attention(normal, normal, mask)
        hidden = functional.gelu(self.widen(self.before_feed_forward(x)))
        return x + self.narrow(hidden)


class PlainConcat(nn.Module):
    """One transformer over the tokens of all modalities."""

    def __init__(self, source: ConcatTransformer, seed: int):
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(source.positions.shape[1:]))
        width, heads = self.positions.shape[2], source.layers[0].attention.heads
        self.layers = nn.ModuleList(
            PlainConcatLayer(width, heads) for _ in source.layers
        )
        self.head = nn.Linear(*source.head.weight.shape[1:])
        fill(self, source, seed)

    def forward(self, inputs: PlainInput) -> PlainOutput:
        tokens, masks = inputs.tokens, list(inputs.mask)
        placed = [
            own + positions[(mask.cumsum(1) - 1).clamp(min=0)]
            for own, positions, mask in zip(tokens, self.positions, masks, strict=True)
        ]
        x, mask = torch.cat(placed, 1), torch.cat(masks, 1)
        for layer in self.layers:
            x = layer(x, mask)
        parts = zip(x.chunk(len(tokens), 1), masks, strict=True)
        logits = self.head(torch.cat([token_mean(*part) for part in parts], 1))
        return PlainOutput(logits, logits.new_zeros(()))


class PlainTemporalAttention(nn.Module):
    """Self-attention over the tokens of one modality; at least one of them counts."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.project = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.heads = heads

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        parts = self.project(x).unflatten(2, (3, self.heads, -1))
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])
        shares = scores.masked_fill(~mask[:, None, None], -1e9).softmax(-1)
        return self.output((shares @ v).transpose(1, 2).flatten(2))


class PlainPositions(nn.Module):
    """Learned vectors of the modalities and of the places."""

    def __init__(self, modalities: int, time: int, width: int):
        super().__init__()
        self.modality = nn.Parameter(torch.zeros(modalities, width))
        self.place = nn.Parameter(torch.zeros(time, width))

    def forward(self, x: Tensor, m: int) -> Tensor:
        time, width = x.shape[1:]
        return (x + self.modality[m]) * width**0.5 + self.place[:time]


class PlainFuseMoELayer(nn.Module):
    """Attention within each modality, then experts over all tokens that count."""

    def __init__(self, modalities: int, width: int, heads: int, **mixture: int):
        super().__init__()
        each = range(modalities)
        self.before_attention = nn.ModuleList(nn.LayerNorm(width) for _ in each)
        self.attention = nn.ModuleList(
            PlainTemporalAttention(width, heads) for _ in each
        )
        self.mixture = Layer(modalities, width, **mixture)

    def forward(
        self, x: list[Tensor], inputs: PlainInput
    ) -> tuple[list[Tensor], Tensor]:
        x = [
            own + self.attention[m](self.before_attention[m](own), inputs.mask[m])
            for m, own in enumerate(x)
        ]
        rows, balance = self.mixture([own.flatten(0, 1) for own in x], inputs.generator)
        return [own.view_as(x[0]) for own in rows], balance


class PlainFuseMoE(nn.Module):
    """Loops over modalities and experts; every token has to count."""

    def __init__(self, source: FuseMoE, seed: int):
        super().__init__()
        modalities, width = source.positions.modality.shape[1:]
        self.positions = PlainPositions(modalities, source.time, width)
        self.layers = nn.ModuleList(
            PlainFuseMoELayer(
                modalities, width, own.attention.heads, **mixture_sizes(own.mixture)
            )
            for own in source.layers
        )
        self.after_layers = nn.ModuleList(
            nn.LayerNorm(width) for _ in range(modalities)
        )
        self.head = linear_layers(source.head)
        fill(self, source, seed)

    def forward(self, inputs: PlainInput) -> PlainOutput:
        x = [self.positions(own, m) for m, own in enumerate(inputs.tokens)]
        balances = []
        for layer in self.layers:
            x, balance = layer(x, inputs)
            balances.append(balance)
        pooled = [
            token_mean(norm(own), mask)
            for norm, own, mask in zip(self.after_layers, x, inputs.mask, strict=True)
        ]
        fused = torch.cat(pooled, 1)
        first, second, last = self.head
        logits = last(fused + second(torch.relu(first(fused))))
        return PlainOutput(logits, torch.stack(balances).mean())


def position_coded(x: Tensor, mask: Tensor) -> Tensor:
    """Scaled tokens plus sines and cosines of the number of tokens before each."""
    width = x.shape[-1]
    half = (width + 1) // 2
    rates = 10_000 ** (-2 * torch.arange(half, dtype=torch.float64) / width)
    rank = (mask.cumsum(1) - 1).clamp(min=0)
    angles = rank[..., None] * rates
    code = torch.cat([angles.sin(), angles.cos()[..., : width - half]], -1)
    return math.sqrt(width) * x + code.to(x.dtype)
