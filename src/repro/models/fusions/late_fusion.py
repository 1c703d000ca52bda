"""Late fusion: a prediction per modality, and their weighted mean."""

from typing import ClassVar

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
from repro.models.layers.modality import ModalityLinear
from repro.models.layers.pooling import side_by_side, token_mean
from repro.models.layers.stacked import Generators, dropout
from repro.params.strict import Count, Rate, Strict


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
    """

    class Sizes(Strict):
        """Hidden units of each head, and dropout on them."""

        hidden: Count
        dropout: Rate

    tokens = ("last_state", "query")
    weight_sites = SITES
    needs_text = "never"
    reads_raw = False
    losses = ()
    auxiliary_loss = None
    no_experts: ClassVar = {
        "latent_contrastive": "has no parameters ahead of its fused vector, which is "
        "the same in all experts"
    }

    def __init__(self, shape: FusionShape, sizes: Sizes):
        super().__init__()
        seeds, modalities, hidden = shape.seeds, shape.modalities, sizes.hidden
        self.first = ModalityLinear(seeds, modalities, shape.width, hidden)
        self.last = ModalityLinear(seeds, modalities, hidden, shape.outputs)
        self.rate = sizes.dropout

    def forward(self, inputs: FusionInput) -> FusionOutput:
        pooled = token_mean(inputs.tokens, inputs.mask)
        present = inputs.mask.any(3)
        own = self._own_logits(pooled, inputs.generators)
        own = own.masked_fill(~present.unsqueeze(3), 0.0)
        share = _shares(weighted(present.to(own.dtype), inputs.weights))
        return FusionOutput(
            logits=(share.unsqueeze(3) * own).sum(1),
            fused=side_by_side(weighted(pooled, inputs.weights)),
            losses={},
            gates={"unimodal_logits": own},
        )

    def _own_logits(
        self,
        pooled: Float[Tensor, "seeds modalities batch width"],
        generators: Generators | None,
    ) -> Float[Tensor, "seeds modalities batch outputs"]:
        hidden = torch.relu(self.first(pooled.unsqueeze(3)))
        return self.last(dropout(hidden, self.rate, generators)).squeeze(3)


def _shares(
    weights: Float[Tensor, "seeds modalities batch"],
) -> Float[Tensor, "seeds modalities batch"]:
    """Weights over their sum; zeros where that is zero."""
    total = weights.sum(1, keepdim=True)
    return weights / torch.where(total == 0, 1.0, total)


FUSION = LateFusion
