"""From tokens of a modality to one vector, and from rows to one number."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def token_mean(
    tokens: Float[Tensor, "seeds modalities batch time width"],
    mask: Bool[Tensor, "seeds modalities batch time"],
) -> Float[Tensor, "seeds modalities batch width"]:
    """Mean over the tokens that count; zeros where none does."""
    if tokens.shape[3] == 1:
        return torch.where(mask, tokens[:, :, :, 0], 0.0)
    kept = torch.where(mask[..., None], tokens, 0.0).sum(3)
    return kept / mask.sum(3).clamp(min=1)[..., None].to(kept.dtype)


def row_mean(
    values: Float[Tensor, "*parts batch"], rows: Bool[Tensor, "*parts batch"]
) -> Float[Tensor, "*parts"]:
    """Mean over the rows that count; zero where none does.

    >>> values = torch.tensor([1.0, 3.0, 50.0])
    >>> row_mean(values, torch.tensor([True, True, False])).item()
    2.0
    """
    kept = torch.where(rows, values, 0.0).sum(-1)
    return kept / rows.sum(-1).clamp(min=1).to(kept.dtype)


def side_by_side(
    pooled: Float[Tensor, "seeds modalities batch width"],
) -> Float[Tensor, "seeds batch features"]:
    """The vectors of all modalities in one.

    >>> side_by_side(torch.arange(4.0).view(1, 2, 1, 2)).tolist()
    [[[0.0, 1.0, 2.0, 3.0]]]
    """
    return pooled.transpose(1, 2).flatten(2)
