"""Low-rank multimodal fusion: a product over modalities of low-rank factors."""

from functools import reduce

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from repro.models.fusions.interface import (
    SITES,
    FusionInput,
    FusionOutput,
    FusionShape,
    weighted,
)
from repro.models.layers.heads import Head
from repro.models.layers.pooling import token_mean
from repro.models.layers.stacked import stacked_parameter, xavier_normal, zeros
from repro.params.strict import Count, Rate, Strict


@torch.no_grad()
def neutral_factors(values: Tensor, generator: Generator) -> None:
    """Fill factors so that the product neither vanishes nor explodes at the start.

    The row of the appended 1 is one, the factor that an absent modality has. The rest
    are Xavier-normal draws over the root of the number of modalities M. A factor is
    then 1 plus noise of variance about 1 / M for vectors of unit variance, and the
    product's variance stays below e - 1 for any M.

    Departure: Xavier-normal throughout, as in the released code, makes a factor of
    mean zero. Over four modalities the product of small vectors then vanishes, and a
    weight of one half moves the logits by several times their sd.
    Shape: `(modalities, rank, width + 1, fused_width)`.

    >>> values = torch.empty(2, 3, 5, 4)
    >>> neutral_factors(values, torch.Generator().manual_seed(0))
    >>> values[:, :, 0].unique().tolist()
    [1.0]
    """
    xavier_normal(values, generator)
    values.div_(values.shape[0] ** 0.5)
    values[:, :, 0] = 1.0


class LowRankFusion(nn.Module):
    """Weighted sum over ranks of a product over modalities, then a small head.

    With z~_m = [1; z_m], modality m's factor is z~_m W_m and the fused vector is
    sum_k v_k prod_m (z~_m W_m)_k + b.

    Weights at `contribution` scale the factor's displacement from 1, the neutral
    element of the product: 1 + w_m (z~_m W_m - 1). An absent modality's factor is 1.
    At `embedding` they scale z_m; the appended 1 stays.

    Source: Liu et al. 2018, eq. (8); I2MoE's rank 32 and head.
    Departure: the released code of I2MoE keeps W, v and b out of the optimizer, so
    they stay random; here all are trained. Their start is `neutral_factors`. The head
    has dropout.
    Shape: `(seeds, modalities, batch, time, width)` to `(seeds, batch, outputs)`.
    """

    class Sizes(Strict):
        """Of the product, and of the head behind it."""

        rank: Count
        fused_width: Count
        hidden: Count
        dropout: Rate

    tokens = ("last_state", "query")
    weight_sites = SITES
    needs_text = "never"
    reads_raw = False
    losses = ()
    auxiliary_loss = None

    def __init__(self, shape: FusionShape, sizes: Sizes):
        super().__init__()
        seeds, rank, fused_width = shape.seeds, sizes.rank, sizes.fused_width
        self.factors = stacked_parameter(
            seeds, shape.modalities, rank, shape.width + 1, fused_width
        )
        self.rank_weights = stacked_parameter(seeds, rank, 1)
        self.bias = stacked_parameter(seeds, fused_width)
        self.initializers = {
            "factors": neutral_factors,
            "rank_weights": xavier_normal,
            "bias": zeros,
        }
        self.head = Head(
            seeds,
            fused_width,
            hidden=sizes.hidden,
            outputs=shape.outputs,
            rate=sizes.dropout,
        )

    def forward(self, inputs: FusionInput) -> FusionOutput:
        pooled = token_mean(inputs.tokens, inputs.mask)
        extended = functional.pad(pooled, (1, 0), value=1.0)
        factor = torch.einsum("smbi,smrio->smbro", extended, self.factors)
        absent = ~inputs.mask.any(3)[..., None, None]
        displacement = (factor - 1.0).masked_fill(absent, 0.0)
        product = _product(1.0 + weighted(displacement, inputs.weights))
        fused = (product * self.rank_weights.unsqueeze(1)).sum(2)
        fused = fused + self.bias.unsqueeze(1)
        logits = self.head(fused, inputs.generators)
        return FusionOutput(logits, fused, losses={}, gates={})


def _product(
    factors: Float[Tensor, "seeds modalities batch rank features"],
) -> Float[Tensor, "seeds batch rank features"]:
    """Product over modalities; its gradient is exact where a factor is zero."""
    return reduce(torch.mul, factors.unbind(1))


FUSION = LowRankFusion
