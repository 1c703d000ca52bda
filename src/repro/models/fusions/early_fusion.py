"""Early fusion: the vectors of all modalities side by side, then an MLP."""

from typing import ClassVar

from torch import nn

from repro.models.fusions.interface import (
    SITES,
    FusionInput,
    FusionOutput,
    FusionShape,
    weighted,
)
from repro.models.layers.heads import Head
from repro.models.layers.pooling import side_by_side, token_mean
from repro.params.strict import Count, Rate, Strict


class EarlyFusion(nn.Module):
    """Weighted vectors of all modalities side by side, then an MLP.

    A modality's contribution is its vector, the mean over its tokens; an absent one is
    zeros. The weight multiplies the vector or, at `embedding`, the tokens it is the
    mean of: the same function.

    Source: embedding-level early fusion, a baseline of I2MoE.
    Departure: the released code runs a transformer of width 9 over tokens of equal
    number and reads the last one; an MLP takes any number of tokens.
    """

    class Sizes(Strict):
        """Hidden units of the MLP, and dropout on them."""

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
        self.head = Head(
            shape.seeds,
            shape.modalities * shape.width,
            hidden=sizes.hidden,
            outputs=shape.outputs,
            rate=sizes.dropout,
        )

    def forward(self, inputs: FusionInput) -> FusionOutput:
        pooled = token_mean(inputs.tokens, inputs.mask)
        fused = side_by_side(weighted(pooled, inputs.weights))
        logits = self.head(fused, inputs.generators)
        return FusionOutput(logits, fused, losses={}, gates={})


FUSION = EarlyFusion
