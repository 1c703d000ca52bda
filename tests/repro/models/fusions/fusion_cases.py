"""Small fusions with drawn parameters, and inputs with absent parts and padding."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML
from torch import nn

from repro.models.fusions.interface import (
    FusionInput,
    FusionShape,
    at_site,
    fusion_class,
)
from repro.models.fusions.mult import DropoutRates
from repro.models.interactions.experts import InteractionExperts
from repro.models.layers.stacked import initialize
from repro.params.interactions import Interaction, Reweighting

SEEDS, BATCH, WIDTH = 2, 9, 6
RAW_WIDTHS = (7, 5, 4, 3)
NAMES = ("text", "audio", "video", "notes")
RATES = DropoutRates(embedding=0.1, attention=0.1, hidden=0.1, residual=0.1, head=0.1)
TINY = YAML(typ="safe").load(Path(__file__).parents[4] / "presets/tiny.yaml")
MIXTURE = {
    "layers": 2,
    "expert_hidden": 5,
    "feed_forward": 7,
    "router": "per_modality",
    "gate": "laplace",
    "expert_dropout": 0.1,
}
SIZES: dict[str, dict[str, Any]] = {
    "moe": MIXTURE | {"head_dropout": 0.1},
    "fusemoe": MIXTURE | {"heads": 2, "dropout": 0.1},
    "flattened": MIXTURE | {"heads": 2, "dropout": 0.1},
    "mult": {"heads": 2, "cross_layers": 2, "self_layers": 1, "dropout": 0.1},
    "concat_transformer": {"heads": 2, "layers": 2, "dropout": 0.1},
    "switchgate": {
        "heads": 2,
        "layers": 3,
        "experts": 4,
        "router": "joint",
        "jitter": 0.1,
        "capacity": 0.0,
        "dropout": 0.1,
    },
    "moe_plus_plus": {
        "heads": 2,
        "layers": 2,
        "experts": 6,
        "expert_hidden": 5,
        "tau": 0.75,
        "dropout": 0.1,
    },
    "early_fusion": {"hidden": 5, "dropout": 0.1},
    "late_fusion": {"hidden": 5, "dropout": 0.1},
    "low_rank": {"rank": 4, "fused_width": 5, "hidden": 7, "dropout": 0.1},
    "interpretcc": {
        "temperature": 1.0,
        "threshold": 0.5,
        "sparsity": 0.01,
        "dropout": 0.1,
    },
    "mmim": {
        "hidden": 7,
        "dropout": 0.1,
        "likelihood": 0.1,
        "contrast": 0.1,
        "entropy": 0.1,
        "lr": 0.001,
    },
    "ithp": {
        "hidden": 8,
        "bottleneck": 4,
        "beta": 8.0,
        "gamma": 32.0,
        "decay": 0.3,
        "shift": 1.0,
        "bottleneck_dropout": 0.1,
        "dropout": 0.1,
    },
}


def small_sizes(name: str) -> dict[str, Any]:
    """Small sizes of a fusion; of one without a line above, those of a preset."""
    presets = {**TINY["query"]["fusions"], **TINY["last_state"]["fusions"]}
    return dict({**presets, **SIZES}[name])


def small(name: str, seeds: int, modalities: int, **changes: Any) -> Any:
    """A small fusion with changes of its sizes, its shape or its options."""
    fusion, sizes = fusion_class(name), small_sizes(name)
    shape = {
        "width": WIDTH,
        "time": 8,
        "anchor": 0,
        "raw_widths": RAW_WIDTHS[:modalities],
        "experts": 8,
        "top_k": 2,
    }
    of_shape = {f.name for f in fields(FusionShape)}
    shape |= {k: v for k, v in changes.items() if k in of_shape}
    sizes = sizes | {k: v for k, v in changes.items() if k in sizes}
    options = {k: v for k, v in changes.items() if k not in of_shape | set(sizes)}
    return fusion(
        FusionShape(seeds, modalities, **shape), fusion.Sizes(**sizes), **options
    )


moe = partial(small, "moe")
fuse_moe = partial(small, "fusemoe", time=6, outputs=4)
flattened = partial(small, "flattened", time=6, outputs=4)
mult = partial(small, "mult", rates=RATES)
concat = partial(small, "concat_transformer")
switch = partial(small, "switchgate")
moe_plus_plus = partial(small, "moe_plus_plus")
early = partial(small, "early_fusion")
late = partial(small, "late_fusion")
low_rank = partial(small, "low_rank")
interpretcc = partial(small, "interpretcc")
mmim = partial(small, "mmim")
ithp = partial(small, "ithp")


def experts_of(
    name: str,
    seeds: int,
    modalities: int,
    outputs: int = 3,
    sizes: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Any:
    """Interaction experts of a small fusion, with a small weighting network."""
    fusion = fusion_class(name)
    own = fusion.Sizes(**small_sizes(name) | dict(sizes or {}))
    shape = FusionShape(
        seeds, modalities, WIDTH, outputs, time=8, experts=8, top_k=2, anchor=0
    )
    settings = {"reweighting": Reweighting(hidden=5, dropout=0.1)} | settings
    made: Any = InteractionExperts(
        shape,
        lambda wide: fusion(wide, own),
        Interaction(**settings),
        NAMES[:modalities],
    )
    made.Sizes = fusion.Sizes
    return made


class AtEmbedding(nn.Module):
    """A fusion whose weights act ahead of it, as in the whole model."""

    def __init__(self, fusion: nn.Module):
        super().__init__()
        self.fusion = fusion
        self.losses, self.Sizes = fusion.losses, fusion.Sizes

    def forward(self, inputs: FusionInput) -> object:
        return self.fusion(at_site(inputs, "embedding"))


@dataclass(frozen=True)
class Case:
    """A fusion with drawn parameters and an input with absent parts and padding."""

    fusion: nn.Module
    inputs: FusionInput


def drawn(fusion: nn.Module, seed: int = 0) -> Any:
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
