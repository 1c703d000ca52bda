"""The head of the small fusions."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from repro.models.stacked import Generators, StackedLinear, check_rate, dropout


class Head(nn.Module):
    """Affine map, ReLU, dropout, affine map."""

    def __init__(
        self, seeds: int, inputs: int, *, hidden: int, outputs: int, rate: float
    ):
        super().__init__()
        check_rate(rate)
        self.first = StackedLinear(seeds, inputs, hidden)
        self.last = StackedLinear(seeds, hidden, outputs)
        self.rate = rate

    def forward(
        self, x: Float[Tensor, "seeds batch inputs"], generators: Generators | None
    ) -> Float[Tensor, "seeds batch outputs"]:
        return self.last(dropout(torch.relu(self.first(x)), self.rate, generators))
