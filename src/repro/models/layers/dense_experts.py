"""Every expert on every token: more arithmetic, few kernels, no waiting for the host.

Rows sorted by expert need the host to know how many rows each expert has, and on a GPU
one small product per expert. Where a batch is small, to run all experts on all tokens
and to give those that were not chosen the gate 0 costs less than one of these waits.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from repro.models.layers.stacked import Generators, check_generators, fill_dropout_scale

FEW_ELEMENTS = 1 << 27  # of the hidden activations: 512 MiB in single precision


def is_cheaper(device: torch.device, tokens: int, pool: Sequence[int]) -> bool:
    """Whether all experts on all tokens are the better way on this device.

    `pool` are the sizes of the first weights: seeds, experts, width and hidden units.
    On a CPU they never are.

    >>> is_cheaper(torch.device("cpu"), 96, (3, 16, 128, 512))
    False
    >>> is_cheaper(torch.device("cuda"), 96, (3, 16, 128, 512))
    True
    """
    seeds, experts, _, hidden = pool
    return device.type == "cuda" and seeds * experts * tokens * hidden <= FEW_ELEMENTS


def dense_mixture(
    tokens: Float[Tensor, "seeds tokens width"],
    chosen: Int[Tensor, "seeds tokens k"],
    gate: Float[Tensor, "seeds tokens k"],
    layers: Sequence[tuple[Tensor, Tensor]],
    *,
    dropout: float = 0.0,
    generators: Generators | None = None,
    log_space: bool = False,
) -> Float[Tensor, "seeds tokens outputs"]:
    """The mixture that `Experts` gives, from all experts; `layers` are (weight, bias).

    A gradient reaches the parameters of an expert that no token chose as exact zeros.

    Source: FuseMoE eq. (4).
    Shape: weights `(seeds, experts, inputs, outputs)`, biases without the inputs.

    >>> one, zero = torch.ones(1, 2, 1, 1), torch.zeros(1, 2, 1)
    >>> layers = [(9 * one, zero), (torch.tensor([[[[1.0]], [[5.0]]]]), zero)]
    >>> chosen, gate = torch.tensor([[[1]]]), torch.tensor([[[0.5]]])
    >>> dense_mixture(torch.ones(1, 1, 1), chosen, gate, layers)  # 0.5 * 5 * 9
    tensor([[[22.5000]]])
    """
    routed = chosen >= 0
    # What a token without a route holds, NaN included, has no influence.
    tokens = tokens.masked_fill(~routed.any(2, keepdim=True), 0.0)
    (weight_in, bias_in), (weight_out, bias_out) = layers
    hidden = nn.functional.gelu(_affine(tokens.unsqueeze(1), weight_in, bias_in))
    hidden = _dropped(hidden, dropout, generators)
    out = _affine(hidden, weight_out, bias_out).transpose(1, 2)
    own = chosen.clamp(min=0)
    empty = gate.new_zeros(*gate.shape[:2], weight_in.shape[1])
    if log_space:
        return _log_mixture(out, empty, own, gate, routed)
    full = empty.scatter_add(2, own, gate.masked_fill(~routed, 0.0))
    return torch.matmul(full.unsqueeze(2), out).squeeze(2)


def _affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.matmul(x, weight) + bias.unsqueeze(2)


def _dropped(hidden: Tensor, rate: float, generators: Generators | None) -> Tensor:
    if generators is None or rate == 0.0:
        return hidden
    check_generators(generators, hidden.shape[0])
    scale = torch.empty_like(hidden)
    for values, generator in zip(scale, generators, strict=True):
        fill_dropout_scale(values, rate, generator)
    return hidden * scale


def _log_mixture(
    out: Tensor, empty: Tensor, own: Tensor, gate: Tensor, routed: Tensor
) -> Tensor:
    """Log of the gated sum of exponentials; 0 for a token without a route."""
    taken = torch.zeros_like(empty).scatter_add(2, own, routed.to(gate.dtype)) > 0
    log_gate = gate.masked_fill(~routed, 1.0).log().masked_fill(~routed, 0.0)
    full = empty.scatter_add(2, own, log_gate).masked_fill(~taken, -torch.inf)
    # A token without a route would be -inf everywhere, whose gradient is no number.
    lost = ~taken.any(2, keepdim=True)
    full = full.masked_fill(lost, 0.0).unsqueeze(3)
    return (out + full).logsumexp(2).masked_fill(lost, 0.0)
