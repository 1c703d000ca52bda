"""The published layout of FuseMoE: a modality's whole sequence is one token."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from repro.models.experts import Experts
from repro.models.fusions.interface import FusionInput, weighted
from repro.models.fusions.moe import (
    ModalityLayerNorm,
    ModalityLinear,
    mixture,
    received,
)
from repro.models.router import Router

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

    def __init__(
        self,
        seeds: int,
        modalities: int,
        *,
        width: int,
        time: int,
        experts: int,
        top_k: int,
        expert_hidden: int,
        feed_forward: int,
        router: str,
        gate: str,
        expert_dropout: float,
        log_space: bool,
    ):
        super().__init__()
        unit = time * width
        self.before_experts = ModalityLayerNorm(seeds, modalities, width)
        self.router = Router(
            seeds, unit, experts, modalities, kind=router, gate=gate, top_k=top_k
        )
        self.experts = Experts(seeds, experts, unit, expert_hidden, modalities * unit)
        self.before_feed_forward = ModalityLayerNorm(seeds, modalities, width)
        self.widen = ModalityLinear(seeds, modalities, width, feed_forward)
        self.narrow = ModalityLinear(seeds, modalities, feed_forward, width)
        self.expert_dropout = expert_dropout
        self.log_space = log_space
        self.time = time

    def forward(
        self, x: _PerModality, inputs: FusionInput
    ) -> tuple[_PerModality, Float[Tensor, " seeds"], Tensor]:
        units = _units(self.before_experts(x), inputs.mask, self.time)
        mixed, routing = mixture(
            self.router,
            self.experts,
            units,
            FusionInput(
                units,
                inputs.mask.any(3, keepdim=True),
                generators=inputs.generators,
                router_generators=inputs.router_generators,
            ),
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
