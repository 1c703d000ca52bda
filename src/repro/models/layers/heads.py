"""Heads that several fusions have: affine maps from a fused vector to the logits."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from repro.models.layers.stacked import Generators, StackedLinear, dropout


def affine_maps(seeds: int, *widths: int) -> nn.ModuleList:
    """An affine map from each width to the next one."""
    return nn.ModuleList(StackedLinear(seeds, a, b) for a, b in pairwise(widths))


class Head(nn.Module):
    """Affine map, ReLU, dropout, affine map."""

    def __init__(
        self, seeds: int, inputs: int, *, hidden: int, outputs: int, rate: float
    ):
        super().__init__()
        self.first = StackedLinear(seeds, inputs, hidden)
        self.last = StackedLinear(seeds, hidden, outputs)
        self.rate = rate

    def forward(
        self, x: Float[Tensor, "seeds batch inputs"], generators: Generators | None
    ) -> Float[Tensor, "seeds batch outputs"]:
        return self.last(dropout(torch.relu(self.first(x)), self.rate, generators))


def residual_logits(
    maps: nn.ModuleList,
    fused: Float[Tensor, "seeds batch features"],
    rate: float,
    generators: Generators | None,
) -> Float[Tensor, "seeds batch outputs"]:
    """W3 (h + W2 dropout(relu(W1 h))), each W with its bias.

    Source: the head of MulT and of FuseMoE, their released code.
    """
    first, second, last = maps
    hidden = dropout(torch.relu(first(fused)), rate, generators)
    return last(fused + second(hidden))
