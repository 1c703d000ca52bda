"""Attention fusions in one set of tensor operations against a loop over pairs.

MulT over four modalities, one cross-modal and one self-attention layer, forward and
backward on one thread. The plain model is a module per seed, pair and modality with a
materialized softmax; it has the same parameter values. Outputs and gradients are first
compared in float64. Small batches of short sequences gain most. At 48 tokens the work
per element, the same in both, takes the time; those settings have no target.

    python -m benchmarks.fusions [--repeats 15]
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from benchmarks.timing import alternating_medians, restart_with_process_settings
from repro.models.attention import MultiHeadAttention
from repro.models.fusion import FusionInput
from repro.models.moe import ModalityLayerNorm, ModalityLinear
from repro.models.mult import Block, MulT, Stack
from repro.models.stacked import StackedLinear, initialize

MODALITIES, HEADS, TOLERANCE = 4, 4, 1e-5


class Setting(NamedTuple):
    """Sizes of one comparison, and how many times faster the stacked form must be."""

    seeds: int
    batch: int
    time: int
    width: int
    target: float | None = None


SETTINGS = (
    Setting(1, 32, 48, 32),
    Setting(1, 32, 48, 64),
    Setting(3, 64, 8, 32),
    Setting(3, 16, 8, 32, target=1.5),
    Setting(3, 32, 1, 32, target=2.0),
)

Paired = Iterator[tuple[nn.Parameter, nn.Parameter, tuple[int, ...]]]


class PlainAttention(nn.Module):
    """Multi-head attention of one stream on another with a materialized softmax."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
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
        self.head = nn.ModuleList(
            nn.Linear(*layer.weight.shape[1:]) for layer in source.head
        )
        self.to(source.head[0].weight.dtype)
        with torch.no_grad():
            for plain, stacked, index in paired(self, source, seed):
                plain.copy_(turned(stacked[index]))

    def forward(
        self, tokens: Tensor, mask: Tensor, weights: Tensor | None = None
    ) -> Tensor:
        """Logits `(batch, outputs)` of tokens `(modalities, batch, time, width)`."""
        streams = self.crossed(tokens, mask, weights)
        pooled = []
        for m, (stack, stream) in enumerate(zip(self.own, streams, strict=True)):
            x = stack(position_coded(stream, mask[m]), None, mask[m])
            count = mask[m].sum(1, keepdim=True).clamp(min=1)
            mean = (x * mask[m][..., None]).sum(1) / count
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


def turned(values: Tensor) -> Tensor:
    """Matrices transposed, vectors as they are: the layout of `nn.Linear`."""
    return values.t() if values.dim() == 2 else values


def position_coded(x: Tensor, mask: Tensor) -> Tensor:
    """Scaled tokens plus sines and cosines of the number of tokens before each."""
    width = x.shape[-1]
    half = (width + 1) // 2
    rates = 10_000 ** (-2 * torch.arange(half, dtype=torch.float64) / width)
    rank = (mask.cumsum(1) - 1).clamp(min=0)
    angles = rank[..., None] * rates
    code = torch.cat([angles.sin(), angles.cos()[..., : width - half]], -1)
    return math.sqrt(width) * x + code.to(x.dtype)


def paired(plain: nn.Module, ours: nn.Module, *index: int) -> Paired:
    """Every plain parameter, ours, and the slice of ours that is it `turned`."""
    if isinstance(plain, PlainMulT) and isinstance(ours, MulT):
        for g, stack in enumerate(plain.cross):
            yield from paired(stack, ours.cross, *index, g)
        for g, stack in enumerate(plain.own):
            yield from paired(stack, ours.own, *index, g)
        for linear, stacked in zip(plain.head, ours.head, strict=True):
            yield from paired(linear, stacked, *index)
    elif isinstance(ours, MultiHeadAttention):
        for n, linear in enumerate(plain.maps):
            yield linear.weight, ours.weight, (*index, n)
            yield linear.bias, ours.bias, (*index, n)
        yield from paired(plain.output, ours.output, *index)
    elif isinstance(ours, ModalityLayerNorm):
        yield plain.weight, ours.scale, index
        yield plain.bias, ours.shift, index
    elif isinstance(ours, ModalityLinear | StackedLinear):
        yield plain.weight, ours.weight, index
        yield plain.bias, ours.bias, index
    elif isinstance(ours, Stack | Block | nn.ModuleList):
        for name, part in plain.named_children():
            yield from paired(part, ours.get_submodule(name), *index)


def random_input(
    seeds: int, batch: int, time: int, width: int, dtype: torch.dtype
) -> FusionInput:
    """Random tokens of every modality with sequences of different lengths."""
    draw = Generator().manual_seed(3)
    shape = (seeds, MODALITIES, batch)
    lengths = torch.randint(time // 2, time + 1, shape, generator=draw)
    return FusionInput(
        torch.randn(*shape, time, width, generator=draw, dtype=dtype).requires_grad_(),
        torch.arange(time) < lengths.unsqueeze(3),
    )


def mult(seeds: int, width: int, layers: int, self_layers: int) -> MulT:
    """MulT with drawn parameters."""
    sizes = {"width": width, "heads": HEADS, "layers": layers}
    fusion = MulT(seeds, MODALITIES, **sizes, self_layers=self_layers)
    initialize(fusion, [Generator().manual_seed(seed) for seed in range(seeds)])
    return fusion


def step(fusion: nn.Module, inputs: FusionInput) -> Tensor:
    """Logits; gradients are left in the parameters and in the tokens."""
    fusion.zero_grad(set_to_none=True)
    inputs.tokens.grad = None
    logits = fusion(inputs).logits
    logits.square().mean().backward()
    return logits.detach()


def plain_step(plains: Sequence[PlainMulT], inputs: FusionInput) -> Tensor:
    """The same for the plain model of every seed."""
    inputs.tokens.grad = None
    found = []
    for seed, plain in enumerate(plains):
        plain.zero_grad(set_to_none=True)
        logits = plain(inputs.tokens[seed], inputs.mask[seed])
        (logits.square().mean() / len(plains)).backward()
        found.append(logits.detach())
    return torch.stack(found)


def largest_difference(width: int = 32) -> float:
    """Largest relative difference of the logits or of any gradient, in float64."""
    fusion = mult(1, width, 2, 2).double()
    inputs = random_input(1, 8, 12, width, torch.float64)
    plain = PlainMulT(fusion, 0)
    ours = [step(fusion, inputs), gradient(inputs.tokens)]
    expected = [plain_step([plain], inputs), gradient(inputs.tokens)]
    for own, stacked, index in paired(plain, fusion, 0):
        # The bias of the keys has no influence: its gradient is rounding alone.
        if index[-1] == 1 and own.dim() == 1 and stacked.dim() == 4:
            continue
        ours.append(turned(gradient(stacked)[index]))
        expected.append(gradient(own))
    return max(
        float((a - b).abs().max() / b.abs().max())
        for a, b in zip(ours, expected, strict=True)
    )


def gradient(leaf: Tensor) -> Tensor:
    """The gradient that a step left in a leaf."""
    assert leaf.grad is not None
    return leaf.grad


def is_fast_enough(setting: Setting, repeats: int) -> bool:
    """Time and print one setting; whether it meets its target, if it has one."""
    seeds, batch, time, width, target = setting
    fusion = mult(seeds, width, 1, 1)
    inputs = random_input(seeds, batch, time, width, torch.float32)
    plains = [PlainMulT(fusion, seed) for seed in range(seeds)]
    ours, plain = partial(step, fusion, inputs), partial(plain_step, plains, inputs)
    seconds = alternating_medians({"ours": ours, "plain": plain}, repeats)
    ratio = seconds["plain"] / seconds["ours"]
    met = target is None or ratio >= target
    verdict = "no target" if target is None else "met" if met else "MISSED"
    print(
        f"{seeds:6d} {batch:6d} {time:7d} {width:6d} {1e3 * seconds['ours']:10.1f} "
        f"{1e3 * seconds['plain']:11.1f} {ratio:7.2f}   {verdict}"
    )
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    restart_with_process_settings()
    torch.set_num_threads(1)
    difference = largest_difference()
    print(f"largest relative difference in float64: {difference:.1e}")
    print(" seeds  batch  tokens  width  ours (ms)  plain (ms)   ratio")
    met = [is_fast_enough(setting, arguments.repeats) for setting in SETTINGS]
    return 0 if difference <= TOLERANCE and all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
