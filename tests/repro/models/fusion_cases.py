"""Small fusions with drawn parameters, and inputs with absent parts and padding."""

from dataclasses import dataclass, replace

import torch
from torch import nn

from repro.models.fusemoe import FuseMoE
from repro.models.fusion import FusionInput
from repro.models.moe import MoEFusion
from repro.models.stacked import initialize

SEEDS, BATCH, WIDTH = 2, 9, 6


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


def random_input(modalities: int, time: int) -> FusionInput:
    """Random tokens; some modalities are absent, some sequences short."""
    draw = torch.Generator().manual_seed(modalities * 10 + time)
    shape = (SEEDS, modalities, BATCH)
    tokens = torch.randn(*shape, time, WIDTH, generator=draw)
    lengths = torch.randint(1, time + 1, shape, generator=draw)
    if modalities > 1:
        lengths[:, 1, ::3] = 0
    return FusionInput(tokens, torch.arange(time) < lengths.unsqueeze(3))


def in_double(case: Case) -> Case:
    """The case in float64."""
    inputs = replace(case.inputs, tokens=case.inputs.tokens.double())
    return Case(case.fusion.double(), inputs)
