"""Low-rank multimodal fusion: a product over modalities of low-rank factors."""

from functools import reduce

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from repro.models.fusions.interface import FusionInput, FusionOutput, weighted
from repro.models.fusions.simple import SITES, Head, check_site, pooled_vectors
from repro.models.stacked import stacked_parameter, xavier_normal, zeros


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
        rank: int,
        fused_width: int,
        hidden: int,
        outputs: int = 1,
        rate: float = 0.0,
        weight_site: str = "contribution",
    ):
        super().__init__()
        check_site(weight_site, "low-rank fusion")
        self.factors = stacked_parameter(
            seeds, modalities, rank, width + 1, fused_width
        )
        self.rank_weights = stacked_parameter(seeds, rank, 1)
        self.bias = stacked_parameter(seeds, fused_width)
        self.initializers = {
            "factors": neutral_factors,
            "rank_weights": xavier_normal,
            "bias": zeros,
        }
        self.head = Head(seeds, fused_width, hidden=hidden, outputs=outputs, rate=rate)
        self.weight_site = weight_site

    def forward(self, inputs: FusionInput) -> FusionOutput:
        pooled, weights = pooled_vectors(inputs, self.weight_site)
        extended = functional.pad(pooled, (1, 0), value=1.0)
        factor = torch.einsum("smbi,smrio->smbro", extended, self.factors)
        absent = ~inputs.mask.any(3)[..., None, None]
        displacement = (factor - 1.0).masked_fill(absent, 0.0)
        product = _product(1.0 + weighted(displacement, weights))
        fused = (product * self.rank_weights.unsqueeze(1)).sum(2)
        fused = fused + self.bias.unsqueeze(1)
        logits = self.head(fused, inputs.generators)
        return FusionOutput(logits, fused, losses={}, gates={})


def _product(
    factors: Float[Tensor, "seeds modalities batch rank features"],
) -> Float[Tensor, "seeds batch rank features"]:
    """Product over modalities; its gradient is exact where a factor is zero."""
    return reduce(torch.mul, factors.unbind(1))
