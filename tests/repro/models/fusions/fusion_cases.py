"""Small fusions with drawn parameters, and inputs with absent parts and padding."""

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import nn

from repro.models.fusions.fusemoe import FuseMoE
from repro.models.fusions.interface import FusionInput
from repro.models.fusions.ithp import ITHP
from repro.models.fusions.low_rank import LowRankFusion
from repro.models.fusions.mmim import MMIM
from repro.models.fusions.moe import MoEFusion
from repro.models.fusions.simple import EarlyFusion, LateFusion
from repro.models.stacked import initialize

SEEDS, BATCH, WIDTH = 2, 9, 6
RAW_WIDTHS = (7, 5, 4, 3)


def moe(seeds: int, modalities: int, **changes: object) -> MoEFusion:
    """A small MoE fusion with random parameters."""
    settings = {
        "width": WIDTH,
        "layers": 2,
        "experts": 8,
        "top_k": 2,
        "expert_hidden": 5,
        "feed_forward": 7,
        "router": "per_modality",
        "gate": "laplace",
        "expert_dropout": 0.1,
        "head_dropout": 0.1,
        "log_space": False,
    }
    return MoEFusion(seeds, modalities, **(settings | changes))


def fuse_moe(seeds: int, modalities: int, **changes: object) -> FuseMoE:
    """A small FuseMoE for four classes; up to six tokens of a modality."""
    settings = {
        "width": WIDTH,
        "layers": 2,
        "heads": 2,
        "time": 6,
        "outputs": 4,
        "dropout": 0.1,
        "experts": 8,
        "top_k": 2,
        "expert_hidden": 5,
        "feed_forward": 7,
        "router": "per_modality",
        "gate": "laplace",
        "expert_dropout": 0.1,
        "log_space": False,
    }
    return FuseMoE(seeds, modalities, **(settings | changes))


@dataclass(frozen=True)
class Case:
    """A fusion with drawn parameters and an input with absent parts and padding."""

    fusion: nn.Module
    inputs: FusionInput


def drawn(fusion: nn.Module, seed: int = 0) -> nn.Module:
    """The fusion with parameters of some size everywhere, biases included."""
    generators = [torch.Generator().manual_seed(seed + s) for s in range(SEEDS)]
    initialize(fusion, generators)
    noise = torch.Generator().manual_seed(99)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=noise)
    return fusion


def mmim(seeds: int, modalities: int, **changes: object) -> MMIM:
    """A small MMIM with random parameters."""
    settings = {"width": WIDTH, "hidden": 7, "rate": 0.1}
    return MMIM(seeds, modalities, **(settings | changes))


def ithp(seeds: int, modalities: int, **changes: object) -> ITHP:
    """A small ITHP with random parameters."""
    settings = {
        "width": WIDTH,
        "raw_widths": RAW_WIDTHS[:modalities],
        "hidden": 8,
        "bottleneck": 4,
        "bottleneck_rate": 0.1,
        "rate": 0.1,
    }
    return ITHP(seeds, modalities, **(settings | changes))


early = partial(EarlyFusion, width=WIDTH, hidden=5, rate=0.1)
late = partial(LateFusion, width=WIDTH, hidden=5, rate=0.1)
low_rank = partial(
    LowRankFusion, width=WIDTH, rank=4, fused_width=5, hidden=7, rate=0.1
)


def random_input(modalities: int, time: int) -> FusionInput:
    """Random tokens; some modalities are absent, some sequences short."""
    draw = torch.Generator().manual_seed(modalities * 10 + time)
    shape = (SEEDS, modalities, BATCH)
    tokens = torch.randn(*shape, time, WIDTH, generator=draw)
    lengths = torch.randint(1, time + 1, shape, generator=draw)
    if modalities > 1:
        lengths[:, 1, ::3] = 0
    mask = torch.arange(time) < lengths.unsqueeze(3)
    raw = [
        torch.randn(SEEDS, BATCH, d, generator=draw) * mask[:, m].any(2, keepdim=True)
        for m, d in enumerate(RAW_WIDTHS[:modalities])
    ]
    targets = torch.randint(0, 2, (SEEDS, BATCH), generator=draw) * 2.0 - 1
    return FusionInput(tokens, mask, targets=targets, raw=raw)


def in_double(case: Case) -> Case:
    """The case in float64."""
    targets, raw = case.inputs.targets, case.inputs.raw
    inputs = replace(
        case.inputs,
        tokens=case.inputs.tokens.double(),
        targets=None if targets is None else targets.double(),
        raw=None if raw is None else [r.double() for r in raw],
    )
    return Case(case.fusion.double(), inputs)
