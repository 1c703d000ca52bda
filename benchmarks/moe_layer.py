"""Grouped sparse mixture-of-experts layers against two plain loops.

Three layers, three modalities, 16 experts, top 2, 128 -> 512 -> 384, a noisy Laplace
router per modality and its balance loss; forward and backward on one thread. All
three have the same parameter values and the same noise, and alternate within one
process. Every output and gradient is first compared in float64.

    python -m benchmarks.moe_layer [--batch 32 256 2048]
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from benchmarks.timing import alternating_medians, restart_with_process_settings
from repro.models.layers.experts import Experts
from repro.models.layers.router import Router
from repro.models.layers.stacked import initialize

LAYERS, MODALITIES, EXPERTS, TOP_K = 3, 3, 16, 2
WIDTH, HIDDEN, OUTPUTS = 128, 512, 384
BALANCE = 0.01
TARGETS = {32: 2.3, 256: 1.4, 2048: 1.0}
NAMES = ("centers", "noise", "weight_in", "bias_in", "weight_out", "bias_out")


class Grouped(nn.Module):
    """The layer of this repository, with one seed."""

    def __init__(self) -> None:
        super().__init__()
        self.router = Router(1, WIDTH, EXPERTS, MODALITIES, top_k=TOP_K)
        self.experts = Experts(1, EXPERTS, WIDTH, HIDDEN, OUTPUTS)

    def forward(self, x: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        tokens = x.flatten(0, 1).unsqueeze(0)
        routing = self.router(tokens, [x.shape[1]] * MODALITIES, None, [generator])
        out = self.experts(tokens, routing.chosen, routing.gate)
        return out.view(MODALITIES, -1, OUTPUTS), routing.balance[0]

    def named(self) -> dict[str, list[Tensor]]:
        """Parameters by name: one tensor per modality or per expert."""
        owners = (self.router, self.router, *(self.experts,) * 4)
        return {
            name: [getattr(owner, name)]
            for owner, name in zip(owners, NAMES, strict=True)
        }


class ByModality(nn.Module):
    """Baseline A: a loop over modalities around a loop over experts."""

    centers: nn.ParameterList
    noise: nn.ParameterList
    weight_in: nn.ParameterList
    bias_in: nn.ParameterList
    weight_out: nn.ParameterList
    bias_out: nn.ParameterList

    def __init__(self, source: Grouped) -> None:
        super().__init__()
        for name, (stacked,) in source.named().items():
            copies = (nn.Parameter(own.clone()) for own in stacked.detach()[0])
            self.register_module(name, nn.ParameterList(copies))

    def named(self) -> dict[str, list[Tensor]]:
        """Parameters by name: one tensor per modality or per expert."""
        return {name: list(getattr(self, name)) for name in NAMES}

    def forward(self, x: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        chosen, gate, balance = self.routings(x, generator)
        out = [self.mixture(*part) for part in zip(x, chosen, gate, strict=True)]
        return torch.stack(out), balance

    def routings(
        self, x: Tensor, generator: Generator
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Chosen experts and gates of each modality, and the mean balance loss."""
        shape = (MODALITIES, x.shape[1], EXPERTS)
        noise = torch.randn(shape, generator=generator, dtype=x.dtype)
        chosen, gate, balance = zip(
            *(self.routing(m, x[m], noise[m]) for m in range(MODALITIES)), strict=True
        )
        return list(chosen), list(gate), torch.stack(balance).mean()

    def routing(
        self, m: int, z: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Chosen experts of one modality, their gates, and its balance loss."""
        clean = -torch.cdist(z, self.centers[m].t())
        scale = functional.softplus(z @ self.noise[m]) + 0.01
        noisy = clean + noise * scale
        top, chosen = noisy.topk(TOP_K + 1)
        chosen, gate = chosen[:, :TOP_K], top[:, :TOP_K].softmax(1)
        importance = torch.zeros_like(noisy).scatter(1, chosen, gate).sum(0)
        last_in, first_out = top[:, TOP_K - 1 : TOP_K], top[:, TOP_K:]
        rival = torch.where(noisy > first_out, first_out, last_in)
        load = torch.special.ndtr((clean - rival) / scale).sum(0)
        return chosen, gate, variation(importance) + variation(load)

    def mixture(self, z: Tensor, chosen: Tensor, gate: Tensor) -> Tensor:
        """Loop over experts: index, linear, GELU, linear, add to the rows."""
        out = z.new_zeros(len(z), OUTPUTS)
        for e in range(EXPERTS):
            rows, slot = torch.where(chosen == e)
            if len(rows) == 0:
                continue
            before = torch.addmm(self.bias_in[e], z[rows], self.weight_in[e])
            hidden = functional.gelu(before)
            result = torch.addmm(self.bias_out[e], hidden, self.weight_out[e])
            out.index_add_(0, rows, result * gate[rows, slot].unsqueeze(1))
        return out


class Pooled(ByModality):
    """Baseline B: the tokens of all modalities pooled, one loop over experts."""

    def forward(self, x: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        chosen, gate, balance = self.routings(x, generator)
        out = self.mixture(x.flatten(0, 1), torch.cat(chosen), torch.cat(gate))
        return out.view(MODALITIES, -1, OUTPUTS), balance


Layers = Sequence[Grouped | ByModality]


def variation(amount: Tensor) -> Tensor:
    """Squared coefficient of variation."""
    return amount.var() / (amount.mean().square() + 1e-10)


def step(layers: Layers, x: Tensor) -> Tensor:
    """Output of all layers; gradients are left in the parameters and in `x`."""
    for layer in layers:
        layer.zero_grad(set_to_none=True)
    x.grad = None
    generator = Generator().manual_seed(0)
    stream, balance = x, x.new_zeros(())
    for layer in layers:
        out, loss = layer(functional.layer_norm(stream, (WIDTH,)), generator)
        slices = out.sum(0).view(-1, MODALITIES, WIDTH).transpose(0, 1)
        stream, balance = stream + slices, balance + loss
    (stream.square().mean() + BALANCE * balance).backward()
    return stream.detach()


def models(skewed: bool, dtype: torch.dtype) -> dict[str, Layers]:
    """The three implementations with equal parameters.

    Skewed: the centers of the experts differ in length, and shorter ones are nearer.
    """
    grouped = [Grouped().to(dtype) for _ in range(LAYERS)]
    initialize(nn.ModuleList(grouped), [Generator().manual_seed(1)])
    if skewed:
        with torch.no_grad():
            for layer in grouped:
                layer.router.centers.mul_(torch.linspace(0.5, 4.0, EXPERTS))
    return {
        "grouped": grouped,
        "A": [ByModality(layer) for layer in grouped],
        "B": [Pooled(layer) for layer in grouped],
    }


def tokens(batch: int, dtype: torch.dtype) -> Tensor:
    """Random tokens of every modality, with gradient."""
    generator = Generator().manual_seed(2)
    x = torch.randn(MODALITIES, batch, WIDTH, generator=generator, dtype=dtype)
    return x.requires_grad_()


def results(layers: Layers, x: Tensor) -> list[Tensor]:
    """Output, input gradient and every parameter gradient of one step."""
    out = step(layers, x)
    named = [parameters for layer in layers for parameters in layer.named().values()]
    gradients = [torch.stack([gradient(p) for p in own]).view(-1) for own in named]
    return [out, gradient(x), *gradients]


def gradient(leaf: Tensor) -> Tensor:
    """Gradient of a leaf; zeros for an expert that no token reached."""
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def largest_difference(skewed: bool, batch: int = 33) -> float:
    """Largest relative difference to the loops of any output or gradient, float64."""
    x = tokens(batch, torch.float64)
    ours, *others = (results(m, x) for m in models(skewed, torch.float64).values())
    return max(
        float((own - plain).abs().max() / plain.abs().max())
        for other in others
        for own, plain in zip(ours, other, strict=True)
    )


def busiest(layers: Layers, x: Tensor) -> float:
    """Rows of the busiest expert of the first layer, relative to the mean."""
    layer = next(layer for layer in layers if isinstance(layer, ByModality))
    chosen, _, _ = layer.routings(x, Generator().manual_seed(0))
    counts = torch.cat(chosen).flatten().bincount(minlength=EXPERTS)
    return float(counts.max() / counts.double().mean())


def is_fast_enough(batch: int, skewed: bool, repeats: int) -> bool:
    """Time and print one setting; whether it meets its targets."""
    by_name, x = models(skewed, torch.float32), tokens(batch, torch.float32)
    runs = {name: partial(step, layers, x) for name, layers in by_name.items()}
    seconds = alternating_medians(runs, repeats)
    ours, target = seconds["grouped"], TARGETS.get(batch, 1.0)
    over_a, over_b = seconds["A"] / ours, seconds["B"] / ours
    plain = by_name["A"]
    met = over_a >= target and over_b >= 1.0
    print(
        f"{batch:6d} {'skewed' if skewed else 'even':>7} "
        f"{busiest(plain, x):5.1f} {1e3 * ours:9.1f} {over_a:8.2f} "
        f"{target:8.2f} {over_b:8.2f}   {'met' if met else 'MISSED'}"
    )
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, nargs="+", default=list(TARGETS))
    arguments = parser.parse_args()
    restart_with_process_settings()
    torch.set_num_threads(1)
    difference = max(largest_difference(skewed) for skewed in (False, True))
    print(f"largest relative difference in float64: {difference:.1e}")
    print(" batch routing  busy ours (ms)   A/ours   target   B/ours")
    met = [
        is_fast_enough(batch, skewed, max(7, 1000 // batch))
        for batch in arguments.batch
        for skewed in (False, True)
    ]
    return 0 if difference <= 1e-9 and all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
