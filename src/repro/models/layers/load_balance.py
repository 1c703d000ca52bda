"""The loss that spreads tokens over experts which differ in cost."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def load_balance(
    probability: Float[Tensor, "seeds tokens experts"],
    load: Float[Tensor, "seeds tokens experts"],
    counts: Bool[Tensor, "seeds tokens"],
    cost: Float[Tensor, " experts"] | None = None,
) -> Float[Tensor, " seeds"]:
    """(sum 1/c) sum c f P over the experts, c their cost (None: 1, so E sum f P).

    f is the mean `load` of the tokens that count, without gradient: the share of its
    slots that a token gives an expert, so that the f sum to 1. P is their mean
    probability. The loss is 1 where f and P are as 1/c; 0 without tokens.

    Source: Fedus et al. 2022, eq. (4) to (6); with costs the heterogeneous form of
    MoE++ (Jin et al. 2024), from memory, scaled by the sum of 1/c so that it is 1 at
    the loads that the costs ask for.

    >>> uniform, one = torch.full((1, 2, 2), 0.5), torch.eye(2).unsqueeze(0)
    >>> every = torch.ones(1, 2, dtype=torch.bool)
    >>> load_balance(uniform, one, every).item(), load_balance(one, one, every).item()
    (1.0, 1.0)
    >>> load_balance(one[:, :1], one[:, :1], every[:, :1]).item()
    2.0
    """
    cost = probability.new_ones(probability.shape[2]) if cost is None else cost
    tokens = counts.sum(1, keepdim=True).clamp(min=1)
    kept = counts.unsqueeze(2)
    share = torch.where(kept, load, 0.0).sum(1).detach() / tokens
    mean = torch.where(kept, probability, 0.0).sum(1) / tokens
    return (1.0 / cost).sum() * (cost * share * mean).sum(1)
