"""Every fusion with its seeds stacked against plain modules in plain loops.

Forward and backward of the squared logits and of the auxiliary losses, on one thread,
without dropout. The plain fusion is a module per seed, with a loop over modalities,
pairs or experts and a materialized softmax; it has the same parameter values and
draws. Outputs and gradients are first compared in float64.

The sizes are those of the preset `default`: three modalities and one token of each,
eight for MulT and the concat transformer; FuseMoE and MulT of the stays have four
modalities and six tokens. Further rows are MulT at other sizes. Stacking saves calls,
so small batches of short sequences gain most. At 48 tokens the matrix products, the
same in both, take half of the time, and memory traffic most of the rest: stacking
gains nothing there, and those rows have no target.

    python -m benchmarks.fusions [--repeats 15]
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn

from benchmarks.plain_attention import PlainConcat, PlainFuseMoE, PlainMulT
from benchmarks.plain_fusions import (
    PlainEarly,
    PlainITHP,
    PlainLate,
    PlainLowRank,
    PlainMMIM,
    PlainMoE,
)
from benchmarks.plain_parts import PlainInput, PlainOutput, paired
from benchmarks.timing import alternating_medians, restart_with_process_settings
from repro.models.fusions.interface import FusionInput, FusionShape, fusion_class
from repro.models.layers.stacked import initialize

HEADS, MOST_TOKENS, RAW_WIDTHS, TOLERANCE = 4, 8, (128, 74, 47), 1e-8
MIXTURE = {
    "layers": 1,
    "expert_hidden": 64,
    "feed_forward": 64,
    "router": "per_modality",
    "gate": "laplace",
}
ITHP = {
    "hidden": 32,
    "bottleneck": 16,
    "beta": 8.0,
    "gamma": 32.0,
    "decay": 0.3,
    "shift": 1.0,
}
MMIM = {"hidden": 32, "likelihood": 0.1, "contrast": 0.1, "entropy": 0.1, "lr": 0.001}


class Fusion(NamedTuple):
    """A fusion, its sizes but dropout, its plain form, and how that is compared.

    `complete`: the plain form needs every token to count.
    """

    file: str
    sizes: Mapping[str, Any]
    plain: Callable[..., nn.Module]
    complete: bool = False
    outputs: int = 1


FUSIONS = {
    "moe": Fusion("moe", MIXTURE, PlainMoE, True),
    "fusemoe": Fusion("fusemoe", MIXTURE | {"heads": HEADS}, PlainFuseMoE, True, 4),
    "mult": Fusion(
        "mult", {"heads": HEADS, "cross_layers": 1, "self_layers": 1}, PlainMulT
    ),
    "concat": Fusion("concat_transformer", {"heads": HEADS, "layers": 1}, PlainConcat),
    "early": Fusion("early_fusion", {"hidden": 64}, PlainEarly),
    "late": Fusion("late_fusion", {"hidden": 64}, PlainLate),
    "low rank": Fusion(
        "low_rank", {"rank": 8, "fused_width": 32, "hidden": 64}, PlainLowRank
    ),
    "mmim": Fusion("mmim", MMIM, PlainMMIM, True),
    "ithp": Fusion("ithp", ITHP, PlainITHP, True),
}


class Setting(NamedTuple):
    """Sizes of one comparison, and how many times faster the stacked form must be."""

    name: str
    modalities: int
    time: int
    seeds: int = 3
    batch: int = 64
    width: int = 32
    target: float | None = None


SETTINGS = (
    Setting("moe", 3, 1, target=3.0),
    Setting("early", 3, 1, target=1.5),
    Setting("late", 3, 1, target=1.5),
    Setting("low rank", 3, 1, target=1.3),
    Setting("mmim", 3, 1, target=2.0),
    Setting("ithp", 3, 1, target=1.2),
    Setting("concat", 3, 8, target=1.0),
    Setting("mult", 3, 8, target=1.0),
    Setting("mult", 4, 6, target=1.0),
    Setting("fusemoe", 4, 6, target=2.0),
    Setting("mult", 4, 1, batch=32, target=2.0),
    Setting("mult", 4, 8, batch=16, target=1.5),
    Setting("mult", 4, 48, seeds=1, batch=32),
    Setting("mult", 4, 48, seeds=1, batch=32, width=64),
)
SMALL = {"time": 4, "seeds": 2, "batch": 12, "width": 8}


def generators(seeds: int) -> list[Generator]:
    """A generator per seed, for parameters, or for noise in a step."""
    return [Generator().manual_seed(seed) for seed in range(seeds)]


def drawn(setting: Setting, dtype: torch.dtype) -> nn.Module:
    """The stacked fusion with drawn parameters."""
    chosen = FUSIONS[setting.name]
    made = fusion_class(chosen.file)
    rates = {n: 0.0 for n in made.Sizes.model_fields if n.endswith("dropout")}
    shape = FusionShape(
        setting.seeds,
        setting.modalities,
        setting.width,
        outputs=chosen.outputs,
        time=max(setting.time, MOST_TOKENS),
        anchor=0,
        raw_widths=RAW_WIDTHS,
        experts=16,
        top_k=2,
    )
    fusion = made(shape, made.Sizes(**chosen.sizes, **rates))
    initialize(fusion, generators(setting.seeds))
    return fusion.to(dtype)


def random_input(setting: Setting, dtype: torch.dtype) -> FusionInput:
    """Random tokens; sequences of different lengths where the plain form takes them."""
    draw = Generator().manual_seed(3)
    seeds, modalities, batch = setting.seeds, setting.modalities, setting.batch
    shape, time = (seeds, modalities, batch), setting.time
    shortest = time if FUSIONS[setting.name].complete else time // 2
    lengths = torch.randint(shortest, time + 1, shape, generator=draw)
    normal = partial(torch.randn, generator=draw, dtype=dtype)
    return FusionInput(
        normal(*shape, time, setting.width).requires_grad_(),
        torch.arange(time) < lengths.unsqueeze(3),
        targets=normal(seeds, batch),
        raw=[normal(seeds, batch, own) for own in RAW_WIDTHS],
    )


def stacked_step(fusion: nn.Module, inputs: FusionInput) -> Tensor:
    """Logits; gradients are left in the parameters and in the tokens."""
    fusion.zero_grad(set_to_none=True)
    inputs.tokens.grad = None
    noise = generators(len(inputs.tokens))
    output = fusion(
        FusionInput(
            inputs.tokens,
            inputs.mask,
            generators=noise,
            router_generators=noise,
            targets=inputs.targets,
            raw=inputs.raw,
        )
    )
    loss = output.logits.square().mean((1, 2))
    torch.stack([loss, *output.losses.values()]).sum().backward()
    return output.logits.detach()


def plain_inputs(inputs: FusionInput) -> list[PlainInput]:
    """The input of every seed; no generator yet."""
    assert inputs.targets is not None
    assert inputs.raw is not None
    return [
        PlainInput(
            inputs.tokens.detach()[seed].requires_grad_(),
            inputs.mask[seed],
            inputs.targets[seed],
            [own[seed] for own in inputs.raw],
            Generator(),
        )
        for seed in range(len(inputs.tokens))
    ]


def plain_step(plains: Sequence[nn.Module], inputs: Sequence[PlainInput]) -> Tensor:
    """The same for the plain fusion of every seed."""
    found = []
    for seed, (plain, own) in enumerate(zip(plains, inputs, strict=True)):
        plain.zero_grad(set_to_none=True)
        own.tokens.grad = None
        own.generator.manual_seed(seed)
        output = plain_output(plain, own)
        (output.logits.square().mean() + output.loss).backward()
        found.append(output.logits.detach())
    return torch.stack(found)


def plain_output(plain: nn.Module, inputs: PlainInput) -> PlainOutput:
    """What a plain fusion makes of its input; MulT takes no more than the tokens."""
    if not isinstance(plain, PlainMulT):
        return plain(inputs)
    logits = plain(inputs.tokens, inputs.mask)
    return PlainOutput(logits, logits.new_zeros(()))


def largest_difference(name: str = "mult", width: int = 8) -> float:
    """Largest relative difference of the logits or of any gradient, in float64."""
    small = SMALL | {"width": width} | ({"time": 1} if name == "moe" else {})
    modalities = 3 if name == "ithp" else 4
    setting = Setting(name, modalities, **small)  # type: ignore[arg-type]
    fusion = drawn(setting, torch.float64)
    inputs = random_input(setting, torch.float64)
    plains, parts = plain_fusions(setting, fusion), plain_inputs(inputs)
    pairs = [(stacked_step(fusion, inputs), plain_step(plains, parts))]
    for seed, (plain, part) in enumerate(zip(plains, parts, strict=True)):
        pairs.append((gradient(inputs.tokens)[seed], gradient(part.tokens)))
        for own in paired(plain, fusion, seed):
            # The bias of the keys has no influence: its gradient is rounding alone.
            is_bias = own.plain.dim() == 1 and own.stacked.dim() == 4
            if not (is_bias and own.index[-1] == 1):
                pairs.append((own.part(gradient(own.stacked)), gradient(own.plain)))
    return max(relative_difference(*pair) for pair in pairs)


def relative_difference(ours: Tensor, plain: Tensor) -> float:
    """Largest absolute difference, relative to the largest value."""
    largest = plain.abs().max().clamp(min=torch.finfo(plain.dtype).tiny)
    return float((ours - plain).abs().max() / largest)


def plain_fusions(setting: Setting, fusion: nn.Module) -> list[nn.Module]:
    """The plain fusion of every seed, with the values of ours."""
    plain = FUSIONS[setting.name].plain
    return [plain(fusion, seed) for seed in range(setting.seeds)]


def gradient(leaf: Tensor) -> Tensor:
    """The gradient of a leaf; zeros for an expert that no token reached."""
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def is_fast_enough(setting: Setting, repeats: int) -> bool:
    """Time and print one setting; whether it meets its target, if it has one."""
    fusion = drawn(setting, torch.float32)
    inputs = random_input(setting, torch.float32)
    plains, parts = plain_fusions(setting, fusion), plain_inputs(inputs)
    runs: Mapping[str, Callable[[], Tensor]] = {
        "ours": partial(stacked_step, fusion, inputs),
        "plain": partial(plain_step, plains, parts),
    }
    seconds = alternating_medians(runs, repeats)
    ratio, target = seconds["plain"] / seconds["ours"], setting.target
    met = target is None or ratio >= target
    aim = "no target" if target is None else f"{target} {'met' if met else 'MISSED'}"
    print(
        f"{setting.name:9s}{setting.modalities:11d}{setting.time:8d}{setting.seeds:7d}"
        f"{setting.batch:7d}{setting.width:7d}{1e3 * seconds['ours']:11.1f}"
        f"{1e3 * seconds['plain']:12.1f}{ratio:8.2f}   {aim}"
    )
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    restart_with_process_settings()
    torch.set_num_threads(1)
    difference = max(largest_difference(name) for name in FUSIONS)
    print(f"largest relative difference in float64: {difference:.1e}")
    print(
        "fusion    modalities  tokens  seeds  batch  width  ours (ms)"
        "  plain (ms)   ratio"
    )
    met = [is_fast_enough(setting, arguments.repeats) for setting in SETTINGS]
    return 0 if difference <= TOLERANCE and all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
