"""Mixture-of-experts fusion of one token per modality."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from repro.models.fusions.interface import (
    SITES,
    FusionInput,
    FusionOutput,
    FusionShape,
    weighted,
)
from repro.models.layers.heads import affine_maps
from repro.models.layers.mixture import MixtureSizes, MoELayer, through_layers
from repro.models.layers.modality import ModalityLayerNorm
from repro.models.layers.pooling import side_by_side, token_mean
from repro.models.layers.stacked import Generators, dropout
from repro.params.strict import Rate


class MoEFusion(nn.Module):
    """Stack of MoE layers, a pooled vector per modality, and a small head.

    Source: BTW 4.2 and app. F (FuseMoE backbone, per-modality router).
    """

    class Sizes(MixtureSizes):
        """Those of the layers, and dropout in the head."""

        head_dropout: Rate

    tokens = ("last_state",)
    weight_sites = SITES
    needs_text = "never"
    reads_raw = False
    losses = ("balance",)
    auxiliary_loss = None

    def __init__(self, shape: FusionShape, sizes: Sizes):
        super().__init__()
        seeds, modalities, width = shape.seeds, shape.modalities, shape.width
        self.layers = nn.ModuleList(MoELayer(shape, sizes) for _ in range(sizes.layers))
        self.after_layers = ModalityLayerNorm(seeds, modalities, width)
        self.head = affine_maps(seeds, modalities * width, width, width, shape.outputs)
        self.head_dropout = sizes.head_dropout
        self.scale = width**0.5

    def forward(self, inputs: FusionInput) -> FusionOutput:
        # What a token that does not count stores (NaN too) must not reach a gradient.
        ignored = ~inputs.mask.unsqueeze(4)
        x = inputs.tokens.masked_fill(ignored, 0.0) * self.scale
        x, losses, gates = through_layers(self.layers, x, inputs)
        pooled = token_mean(self.after_layers(x), inputs.mask)
        fused = side_by_side(weighted(pooled, inputs.weights))
        return FusionOutput(
            self._logits(fused, inputs.generators), fused, losses, gates
        )

    def _logits(
        self, fused: Tensor, generators: Generators | None
    ) -> Float[Tensor, "seeds batch outputs"]:
        first, second, last = self.head
        hidden = torch.tanh(first(dropout(fused, self.head_dropout, generators)))
        return last(torch.tanh(second(hidden)))


FUSION = MoEFusion
