"""The published layout of FuseMoE: a modality's whole sequence is one token."""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from repro.models.fusions.fusemoe import FuseMoE
from repro.models.fusions.interface import (
    FusionInput,
    FusionOutput,
    FusionShape,
    weighted,
)
from repro.models.layers.mixture import MixtureSizes, expert_pool, mixture, received
from repro.models.layers.modality import ModalityLayerNorm, ModalityLinear

_PerModality = Float[Tensor, "seeds modalities batch time width"]


class FlattenedMoELayer(nn.Module):
    """`MoELayer` whose experts take and give the `time` tokens of a modality at once.

    A pool then grows with time * width: it exists for the parameter count of the paper.
    Sequences shorter than `time` are filled up with zeros, as are tokens that do not
    count; a modality without any token that counts is not routed.

    Source: FuseMoE code, its mixture block restated in words.
    Departure: the released code flattens tokens of all patients of a batch together;
    here a unit holds one modality of one instance.
    """

    def __init__(self, shape: FusionShape, sizes: MixtureSizes):
        super().__init__()
        seeds, modalities, width = shape.seeds, shape.modalities, shape.width
        self.before_experts = ModalityLayerNorm(seeds, modalities, width)
        self.router, self.experts = expert_pool(shape, sizes, shape.time * width)
        self.before_feed_forward = ModalityLayerNorm(seeds, modalities, width)
        self.widen = ModalityLinear(seeds, modalities, width, sizes.feed_forward)
        self.narrow = ModalityLinear(seeds, modalities, sizes.feed_forward, width)
        self.expert_dropout = sizes.expert_dropout
        self.log_space = shape.log_space
        self.time = shape.time

    def forward(
        self, x: _PerModality, inputs: FusionInput
    ) -> tuple[_PerModality, Float[Tensor, " seeds"], Tensor]:
        units = _units(self.before_experts(x), inputs.mask, self.time)
        mixed, routing = mixture(
            self.router,
            self.experts,
            units,
            replace(inputs, tokens=units, mask=inputs.mask.any(3, keepdim=True)),
            expert_dropout=self.expert_dropout,
            log_space=self.log_space,
        )
        arrived = received(weighted(mixed, inputs.weights)).squeeze(3)
        x = x + arrived.unflatten(3, (self.time, -1))[:, :, :, : x.shape[3]]
        hidden = torch.relu(self.widen(self.before_feed_forward(x)))
        return x + self.narrow(hidden), routing.balance, routing.gate


def _units(
    z: _PerModality, mask: Bool[Tensor, "seeds modalities batch time"], time: int
) -> Float[Tensor, "seeds modalities batch 1 unit"]:
    """One vector per modality and instance."""
    filled = z.masked_fill(~mask.unsqueeze(4), 0.0)
    missing = time - z.shape[3]
    return nn.functional.pad(filled, (0, 0, 0, missing)).flatten(3).unsqueeze(3)


class Flattened(nn.Module):
    """FuseMoE whose router and experts take a modality's whole sequence as one token.

    Source: FuseMoE (Han et al. 2024), the released code.
    """

    Sizes = FuseMoE.Sizes
    tokens = FuseMoE.tokens
    weight_sites = FuseMoE.weight_sites
    needs_text = FuseMoE.needs_text
    reads_raw = FuseMoE.reads_raw
    losses = FuseMoE.losses
    auxiliary_loss = FuseMoE.auxiliary_loss

    def __init__(self, shape: FusionShape, sizes: FuseMoE.Sizes):
        super().__init__()
        self.fusemoe = FuseMoE(shape, sizes, mixture=FlattenedMoELayer)

    def forward(self, inputs: FusionInput) -> FusionOutput:
        return self.fusemoe(inputs)


FUSION = Flattened
