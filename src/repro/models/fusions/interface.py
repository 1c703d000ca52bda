"""What every fusion takes and gives, and the one place where weights multiply.

A fusion is an `nn.Module` with `forward(FusionInput) -> FusionOutput` and the tuple
`weight_sites` naming where it can apply modality weights, its default first. It keeps
this law: weights of one leave it unchanged bit for bit, and at its default site weight
0 equals a modality that is masked out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor


@dataclass(frozen=True)
class FusionInput:
    """Tokens of all modalities, padded to one length, for every stacked seed.

    `mask` is True for tokens that count; a modality that is absent and masked out has
    no such token. `weights` (None: unweighted) are data, never trained.
    `generators` drive dropout and router noise, one per seed; None is evaluation.
    In training alone, `targets` are the labels and `raw` the features of each modality,
    averaged over time (zeros where absent), for fusions whose losses need them.
    """

    tokens: Float[Tensor, "seeds modalities batch time width"]
    mask: Bool[Tensor, "seeds modalities batch time"]
    weights: Float[Tensor, "seeds batch modalities"] | None = None
    generators: Sequence[Generator] | None = None
    router_generators: Sequence[Generator] | None = None
    targets: Float[Tensor, "seeds batch"] | None = None
    raw: Sequence[Float[Tensor, "seeds batch _features"]] | None = None


@dataclass(frozen=True)
class FusionOutput:
    """Prediction, fused vector, unweighted auxiliary losses (with gradient), gates."""

    logits: Float[Tensor, "seeds batch outputs"]
    fused: Float[Tensor, "seeds batch features"]
    losses: Mapping[str, Float[Tensor, " seeds"]]
    gates: Mapping[str, Tensor]


def weighted(
    values: Float[Tensor, "seeds modalities batch *rest"],
    weights: Float[Tensor, "seeds batch modalities"] | None,
) -> Float[Tensor, "seeds modalities batch *rest"]:
    """Multiply what each modality contributes by its weight; the only multiplication.

    >>> values = torch.ones(1, 2, 1, 3)
    >>> weighted(values, torch.tensor([[[0.5, 2.0]]]))[0, :, 0, 0].tolist()
    [0.5, 2.0]
    """
    if weights is None:
        return values
    factor = weights.detach().transpose(1, 2)
    return values * factor.reshape(*factor.shape, *(1,) * (values.dim() - 3))


def token_mean(
    tokens: Float[Tensor, "seeds modalities batch time width"],
    mask: Bool[Tensor, "seeds modalities batch time"],
) -> Float[Tensor, "seeds modalities batch width"]:
    """Mean over the tokens that count; zeros where none does."""
    if tokens.shape[3] == 1:
        return torch.where(mask, tokens[:, :, :, 0], 0.0)
    kept = torch.where(mask[..., None], tokens, 0.0).sum(3)
    return kept / mask.sum(3).clamp(min=1)[..., None].to(kept.dtype)
