"""Early and late fusion: where the modalities' vectors, or their logits, meet."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from repro.models.fusions.interface import (
    FusionInput,
    FusionOutput,
    token_mean,
    weighted,
)
from repro.models.fusions.moe import ModalityLinear
from repro.models.stacked import Generators, StackedLinear, check_rate, dropout

SITES = ("contribution", "embedding")

_Pooled = Float[Tensor, "seeds modalities batch width"]
_Weights = Float[Tensor, "seeds batch modalities"]


def check_site(weight_site: str, fusion: str) -> None:
    """Refuse a weight site other than the two that every fusion here offers.

    Raises:
        ValueError: an unknown site.
    """
    if weight_site not in SITES:
        raise ValueError(
            f"weight_site={weight_site!r}: {fusion} offers {SITES}; choose one of them"
        )


def pooled_vectors(
    inputs: FusionInput, weight_site: str
) -> tuple[_Pooled, _Weights | None]:
    """A vector per modality, and the weights that its contribution still has to take.

    At site `embedding` the weights multiply the tokens and none are left.

    >>> tokens, mask = torch.ones(1, 2, 1, 3, 1), torch.ones(1, 2, 1, 3).bool()
    >>> inputs = FusionInput(tokens, mask, torch.tensor([[[0.5, 2.0]]]))
    >>> pooled, left = pooled_vectors(inputs, "embedding")
    >>> pooled.flatten().tolist(), left
    ([0.5, 2.0], None)
    """
    tokens, weights = inputs.tokens, inputs.weights
    if weight_site == "embedding":
        tokens, weights = weighted(tokens, weights), None
    return token_mean(tokens, inputs.mask), weights


def side_by_side(pooled: _Pooled) -> Float[Tensor, "seeds batch features"]:
    """The vectors of all modalities in one.

    >>> side_by_side(torch.arange(4.0).view(1, 2, 1, 2)).tolist()
    [[[0.0, 1.0, 2.0, 3.0]]]
    """
    return pooled.transpose(1, 2).flatten(2)


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


class EarlyFusion(nn.Module):
    """Weighted vectors of all modalities side by side, then an MLP.

    A modality's contribution is its vector, the mean over its tokens; an absent one is
    zeros. The weight multiplies the vector or, at `embedding`, the tokens it is the
    mean of: the same function.

    Source: embedding-level early fusion, a baseline of I2MoE.
    Departure: the released code runs a transformer of width 9 over tokens of equal
    number and reads the last one; an MLP takes any number of tokens.
    Raises:
        ValueError: an unknown weight site, or a rate outside [0, 1).
    """

    weight_sites = SITES

    def __init__(
        self,
        seeds: int,
        modalities: int,
        *,
        width: int,
        hidden: int,
        outputs: int = 1,
        rate: float = 0.0,
        weight_site: str = "contribution",
    ):
        super().__init__()
        check_site(weight_site, "early fusion")
        self.head = Head(
            seeds, modalities * width, hidden=hidden, outputs=outputs, rate=rate
        )
        self.weight_site = weight_site

    def forward(self, inputs: FusionInput) -> FusionOutput:
        pooled, weights = pooled_vectors(inputs, self.weight_site)
        fused = side_by_side(weighted(pooled, weights))
        logits = self.head(fused, inputs.generators)
        return FusionOutput(logits, fused, losses={}, gates={})


class LateFusion(nn.Module):
    """A head per modality; the logits are the weighted mean of those present.

    Only the ratio of weights counts: at `contribution`, with one modality present, no
    positive weight changes the logits. They are zero where nothing is present or all
    weights are.
    `gates["unimodal_logits"]`, of shape `(seeds, modalities, batch, outputs)`, are each
    modality's own, zero where it is absent. No vector is fused: `fused` holds the
    weighted vectors side by side.

    Source: late fusion as its name says, a baseline of I2MoE.
    Departure: the released code of that name flattens all tokens into one sequence for
    a transformer and makes no prediction per modality.
    Raises:
        ValueError: an unknown weight site, or a rate outside [0, 1).
    """

    weight_sites = SITES

    def __init__(
        self,
        seeds: int,
        modalities: int,
        *,
        width: int,
        hidden: int,
        outputs: int = 1,
        rate: float = 0.0,
        weight_site: str = "contribution",
    ):
        super().__init__()
        check_site(weight_site, "late fusion")
        check_rate(rate)
        self.first = ModalityLinear(seeds, modalities, width, hidden)
        self.last = ModalityLinear(seeds, modalities, hidden, outputs)
        self.rate = rate
        self.weight_site = weight_site

    def forward(self, inputs: FusionInput) -> FusionOutput:
        pooled, weights = pooled_vectors(inputs, self.weight_site)
        present = inputs.mask.any(3)
        own = self._own_logits(pooled, inputs.generators)
        own = own.masked_fill(~present.unsqueeze(3), 0.0)
        share = _shares(weighted(present.to(own.dtype), weights))
        return FusionOutput(
            logits=(share.unsqueeze(3) * own).sum(1),
            fused=side_by_side(weighted(pooled, weights)),
            losses={},
            gates={"unimodal_logits": own},
        )

    def _own_logits(
        self, pooled: _Pooled, generators: Generators | None
    ) -> Float[Tensor, "seeds modalities batch outputs"]:
        hidden = torch.relu(self.first(pooled.unsqueeze(3)))
        return self.last(dropout(hidden, self.rate, generators)).squeeze(3)


def _shares(
    weights: Float[Tensor, "seeds modalities batch"],
) -> Float[Tensor, "seeds modalities batch"]:
    """Weights over their sum; zeros where that is zero."""
    total = weights.sum(1, keepdim=True)
    return weights / torch.where(total == 0, 1.0, total)
