"""Attention over irregular times: shared exponentials against one softmax per feature.

One seed, 32 stays of 100 rows and 31 features with masks of their own, 48 query times,
8 heads, to a width of 128; forward and backward on one thread. The plain form holds
the weight of every query, head, row and column at once. Both have the same parameters;
tokens and gradients are first compared in float64. Time is CPU time, both forms taking
turns in one process; memory is what one step adds to a process of its own.

    python -m benchmarks.mtand [--repeats 5]
"""

import argparse
import multiprocessing
import sys
from functools import partial
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from benchmarks.timing import (
    alternating_medians,
    peak_memory_bytes,
    restart_with_process_settings,
)
from repro.models.layers.stacked import initialize
from repro.models.tokens.mtand import TimeAttention, TimeEmbedding

BATCH, ROWS, FEATURES, QUERIES, HEADS, SIZE, WIDTH = 32, 100, 31, 48, 8, 64, 128
OBSERVED = 0.3
MASKED = -1e4
TOLERANCE, TIMES_FASTER, TIMES_SMALLER = 1e-6, 3.0, 20.0
Series = tuple[Tensor, Tensor, Tensor]


class Plain(nn.Module):
    """The same tokens by a softmax over rows for every query, head and column."""

    def __init__(self, source: TimeAttention) -> None:
        super().__init__()
        self.source = source

    def forward(self, values: Tensor, times: Tensor, mask: Tensor) -> Tensor:
        source = self.source
        columns = torch.cat([values[0], mask[0].to(values.dtype)], 2)
        masks = torch.cat([mask[0], mask[0]], 2)
        keys = source.to_key(source.embedding(times))[0]
        queries = source.to_query(source.embedding(source.times))[0]
        keys, queries = (x.unflatten(-1, (HEADS, -1)) for x in (keys, queries))
        scores = torch.einsum("qhd,blhd->bqhl", queries, keys) / keys.shape[-1] ** 0.5
        hidden = ~masks.unsqueeze(1).unsqueeze(1)  # (batch, 1, 1, rows, columns)
        weights = scores.unsqueeze(-1).masked_fill(hidden, MASKED).softmax(3)
        averages = (weights * (columns * masks)[:, None, None]).sum(3)
        return source.output(averages.flatten(2).unsqueeze(0))


def attention(dtype: torch.dtype) -> TimeAttention:
    """Attention of one seed with drawn parameters."""
    module = TimeAttention(
        1,
        FEATURES,
        WIDTH,
        queries=QUERIES,
        heads=HEADS,
        embedding=TimeEmbedding(1, SIZE),
        mask_in_values=True,
    )
    initialize(module, [Generator().manual_seed(0)])
    return module.to(dtype)


def series(batch: int, dtype: torch.dtype) -> Series:
    """Random rows; a feature that nobody observed in every eighth stay."""
    draw = Generator().manual_seed(1)
    values = torch.randn(1, batch, ROWS, FEATURES, generator=draw, dtype=dtype)
    times = torch.rand(1, batch, ROWS, generator=draw, dtype=dtype)
    mask = torch.rand(values.shape, generator=draw) < OBSERVED
    mask[:, ::8, :, 0] = False
    return values, times, mask


def forms(dtype: torch.dtype) -> dict[str, nn.Module]:
    """Both forms over the same parameters."""
    ours = attention(dtype)
    return {"ours": ours, "plain": Plain(ours)}


def step(module: nn.Module, inputs: Series) -> Tensor:
    """Tokens; gradients are left in the parameters."""
    module.zero_grad(set_to_none=True)
    tokens = module(*inputs)
    tokens.square().mean().backward()
    return tokens.detach()


def largest_difference(dtype: torch.dtype, batch: int) -> float:
    """Largest difference of any token or gradient, relative to their largest value."""
    inputs, results = series(batch, dtype), []
    for module in forms(dtype).values():
        tokens = step(module, inputs)
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        results.append([tokens, *gradients])
    pairs = zip(*results, strict=True)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def resident_bytes() -> int:
    """Memory of this process now (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(n.split()[1]) for n in lines if n.startswith("VmRSS:"))


def added_bytes(name: str) -> int:
    """Peak memory of one step above the memory before it; in a process of its own."""
    torch.set_num_threads(1)
    module, inputs = forms(torch.float32)[name], series(BATCH, torch.float32)
    step(module, series(1, torch.float32))  # libraries load their parts
    before = resident_bytes()
    step(module, inputs)
    return peak_memory_bytes() - before


def memory(name: str) -> int:
    """`added_bytes` in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(added_bytes, (name,))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    restart_with_process_settings()
    torch.set_num_threads(1)
    difference = largest_difference(torch.float64, 4)
    single = largest_difference(torch.float32, 4)
    print(f"largest relative difference: {difference:.1e} (float32: {single:.1e})")
    inputs = series(BATCH, torch.float32)
    runs = {
        name: partial(step, module, inputs)
        for name, module in forms(torch.float32).items()
    }
    seconds = alternating_medians(runs, arguments.repeats)
    sizes = {name: memory(name) for name in runs}
    for name in runs:
        print(f"{name:>6} {1e3 * seconds[name]:8.1f} ms {sizes[name] / 2**20:8.1f} MiB")
    faster = seconds["plain"] / seconds["ours"]
    smaller = sizes["plain"] / sizes["ours"]
    print(f"{faster:.1f} times faster (target {TIMES_FASTER:.0f})")
    print(f"{smaller:.1f} times less memory (target {TIMES_SMALLER:.0f})")
    met = (
        difference <= TOLERANCE and faster >= TIMES_FASTER and smaller >= TIMES_SMALLER
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
