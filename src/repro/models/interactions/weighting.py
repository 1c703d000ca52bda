"""Weights of the experts: a network on the pooled modalities, or one per expert."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from repro.models.layers.stacked import (
    Generators,
    StackedLinear,
    dropout,
    stacked_parameter,
    zeros,
)
from repro.params.interactions import Reweighting


class ExpertWeights(nn.Module):
    """A softmax over experts for every instance, from the vectors of its modalities.

    Source: I2MoE, section 3.3 and released code: ReLU and dropout between the layers,
    logits over a temperature.
    """

    def __init__(self, seeds: int, inputs: int, experts: int, sizes: Reweighting):
        super().__init__()
        widths = [inputs, *[sizes.hidden] * (sizes.layers - 1), experts]
        self.layers = nn.ModuleList(
            StackedLinear(seeds, a, b) for a, b in pairwise(widths)
        )
        self.rate, self.temperature = sizes.dropout, sizes.temperature

    def forward(
        self, pooled: Float[Tensor, "seeds batch inputs"], generators: Generators | None
    ) -> Float[Tensor, "seeds batch experts"]:
        x = self.layers[0](pooled)
        for layer in self.layers[1:]:
            x = layer(dropout(torch.relu(x), self.rate, generators))
        return (x / self.temperature).softmax(-1)


class OneWeightEach(nn.Module):
    """The same weight of an expert for all instances, equal at the start.

    Source: I2MoE, the ablation Simple-Weight.
    """

    def __init__(self, seeds: int, experts: int):
        super().__init__()
        self.logits = stacked_parameter(seeds, experts)
        self.initializers = {"logits": zeros}

    def forward(
        self, pooled: Float[Tensor, "seeds batch inputs"], generators: Generators | None
    ) -> Float[Tensor, "seeds batch experts"]:
        shares = self.logits.softmax(1).unsqueeze(1)
        return shares.expand(-1, pooled.shape[1], -1)
