"""Affinity of tokens to experts, before any choice is made."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

GATES = ("laplace", "softmax", "gaussian")


class _Distance(torch.autograd.Function):
    """Euclidean distance of rows and centers, with gradient 0 where they coincide.

    The differences are formed before squaring, so a small distance is exact.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, centers: Tensor) -> Tensor:
        distance = torch.cdist(
            rows, centers, compute_mode="donot_use_mm_for_euclid_dist"
        )
        ctx.save_for_backward(rows, centers, distance)
        return distance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor]:
        rows, centers, distance = ctx.saved_tensors
        pull = (slope / distance).masked_fill_(distance == 0, 0.0)
        to_rows = torch.baddbmm(
            pull.sum(2, keepdim=True) * rows, pull, centers, alpha=-1
        )
        onto = pull.transpose(1, 2)
        to_centers = torch.baddbmm(
            onto.sum(2, keepdim=True) * centers, onto, rows, alpha=-1
        )
        return to_rows, to_centers


def gate_logits(
    tokens: Float[Tensor, "groups tokens width"],
    matrix: Float[Tensor, "groups width experts"],
    gate: str,
) -> Float[Tensor, "groups tokens experts"]:
    """Affinity of every token to every expert.

    Laplace: minus the distance of the token z to the expert's column g of the matrix;
    Gaussian: minus its square; softmax: the inner product.

    Source: FuseMoE section 3.2.

    >>> token, columns = torch.tensor([[[3.0, 4.0]]]), torch.zeros(1, 2, 1)
    >>> [gate_logits(token, columns, gate).item() for gate in ("laplace", "gaussian")]
    [-5.0, -25.0]
    """
    if gate == "softmax":
        return torch.bmm(tokens, matrix)
    distance = _Distance.apply(tokens, matrix.transpose(1, 2))
    return -distance if gate == "laplace" else -distance.square()
