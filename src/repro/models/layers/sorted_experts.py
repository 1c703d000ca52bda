"""Rows sorted by expert, one product per expert.

Nothing is padded and no expert sees a row that was not routed to it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from repro.models.layers.stacked import (
    Generators,
    check_generators,
    fill_dropout_scale,
)


class _Grouping(NamedTuple):
    """Routed slots in order of (seed, expert).

    `slot` is the flat (seed, token, k) index of each sorted row, `group` its flat
    (seed, expert). `row`, of shape (seeds * tokens, k), is the inverse of `slot`; a
    slot that is not routed points one past the last row. `ends` holds the end of each
    group's rows, `counts` their number.
    """

    slot: Tensor
    group: Tensor
    row: Tensor
    ends: Tensor
    counts: list[int]


def _grouping(chosen: Tensor, experts: int) -> _Grouping:
    groups = chosen.shape[0] * experts
    first = torch.arange(0, groups, experts, device=chosen.device).view(-1, 1, 1)
    group = torch.where(chosen < 0, groups, chosen + first).view(-1)
    number = torch.bincount(group, minlength=groups + 1)[:groups]
    counts = number.tolist()
    rows = sum(counts)
    ordered, slot = group.sort(stable=True)
    row = torch.full_like(group, rows)
    row[slot[:rows]] = torch.arange(rows, device=row.device)
    ends = number.cumsum(0, dtype=torch.int32)
    return _Grouping(
        slot[:rows], ordered[:rows], row.view(-1, chosen.shape[2]), ends, counts
    )


def _has_grouped_product(values: Tensor, *widths: int) -> bool:
    """Whether torch multiplies these groups in one call: 32-bit, whole vectors."""
    return (
        values.device.type == "cpu"
        and values.dtype == torch.float32
        and all(width % 4 == 0 for width in widths)
    )


def _row_products(x: Tensor, matrices: Tensor, grouping: _Grouping) -> Tensor:
    """`x @ matrices[g]` for the rows of each group."""
    if _has_grouped_product(x, *matrices.shape[1:]):
        return nn.functional.grouped_mm(x, matrices, offs=grouping.ends)
    products = x.new_empty(len(x), matrices.shape[2])
    counts = grouping.counts
    groups = zip(x.split(counts), matrices, products.split(counts), strict=True)
    for rows, matrix, product in groups:
        torch.mm(rows, matrix, out=product)
    return products


def _outer_products(x: Tensor, slope: Tensor, grouping: _Grouping) -> Tensor:
    """`x.t() @ slope` over the rows of each group; zeros for an empty group."""
    if _has_grouped_product(x, x.shape[1], slope.shape[1]):
        return nn.functional.grouped_mm(x.t(), slope, offs=grouping.ends)
    counts = grouping.counts
    products = x.new_empty(len(counts), x.shape[1], slope.shape[1])
    groups = zip(x.split(counts), slope.split(counts), products, strict=True)
    for rows, back, product in groups:
        torch.mm(rows.t(), back, out=product)
    return products


def _grouped_affine(
    x: Tensor, weight: Tensor, bias: Tensor, grouping: _Grouping
) -> Tensor:
    """`x @ weight[g] + bias[g]` for the rows of each group."""
    shift = bias.flatten(0, 1).index_select(0, grouping.group)
    return shift.add_(_row_products(x, weight.flatten(0, 1), grouping))


def _grouped_affine_backward(
    slope: Tensor, x: Tensor, weight: Tensor, grouping: _Grouping
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the rows, the weight and the bias."""
    to_x = _row_products(slope, weight.flatten(0, 1).transpose(1, 2), grouping)
    to_weight = _outer_products(x, slope, grouping)
    starts = grouping.ends - torch.tensor(grouping.counts, device=slope.device)
    every_row = torch.arange(len(slope), device=slope.device)
    to_bias = nn.functional.embedding_bag(every_row, slope, starts, mode="sum")
    groups = weight.shape[:2]
    return to_x, to_weight.unflatten(0, groups), to_bias.unflatten(0, groups)


def _and_zero_row(values: Tensor) -> Tensor:
    """The rows and a last row of zeros, where unrouted slots point."""
    return nn.functional.pad(values, (0, 0, 0, 1))


def _mixture(out: Tensor, gate: Tensor, row: Tensor) -> Tensor:
    """Sum over a token's slots of gate times expert output."""
    return nn.functional.embedding_bag(row, out, mode="sum", per_sample_weights=gate)


def _log_mixture(out: Tensor, gate: Tensor, row: Tensor) -> Tensor:
    """Log of the gated sum of exponentials; 0 for a token without a routed slot."""
    unrouted = row == out.shape[0] - 1
    log_gate = gate.masked_fill(unrouted, 0.0).log()
    total = (out[row] + log_gate.unsqueeze(2)).logsumexp(1)
    return total.masked_fill(unrouted.all(1, keepdim=True), 0.0)


class _GroupedExperts(torch.autograd.Function):
    """Both layers of every expert and the mixture of their outputs per token."""

    @staticmethod
    def forward(
        ctx: Any,
        tokens: Tensor,
        gate: Tensor,
        weight_in: Tensor,
        bias_in: Tensor,
        weight_out: Tensor,
        bias_out: Tensor,
        scale: Tensor | None,
        grouping: _Grouping,
        log_space: bool,
    ) -> Tensor:
        x = tokens.index_select(0, grouping.slot // gate.shape[1])
        before = _grouped_affine(x, weight_in, bias_in, grouping)
        hidden = nn.functional.gelu(before)
        if scale is not None:
            hidden.mul_(scale)
        out = _and_zero_row(_grouped_affine(hidden, weight_out, bias_out, grouping))
        mixed = (_log_mixture if log_space else _mixture)(out, gate, grouping.row)
        ctx.save_for_backward(
            gate, weight_in, weight_out, scale, x, before, hidden, out
        )
        ctx.grouping, ctx.mixed = grouping, mixed.detach() if log_space else None
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        gate, weight_in, weight_out, scale, x, before, hidden, out = ctx.saved_tensors
        grouping = ctx.grouping
        token = grouping.slot // gate.shape[1]
        to_out, by_gate = _mixture_backward(
            slope.index_select(0, token),
            out[:-1],
            gate.flatten()[grouping.slot].unsqueeze(1),
            None if ctx.mixed is None else ctx.mixed.index_select(0, token),
        )
        to_gate = gate.new_zeros(gate.numel()).index_copy_(0, grouping.slot, by_gate)
        to_hidden, *by_out = _grouped_affine_backward(
            to_out, hidden, weight_out, grouping
        )
        if scale is not None:
            to_hidden.mul_(scale)
        to_before = torch.ops.aten.gelu_backward(to_hidden, before)
        to_x, *by_in = _grouped_affine_backward(to_before, x, weight_in, grouping)
        to_tokens = nn.functional.embedding_bag(
            grouping.row, _and_zero_row(to_x), mode="sum"
        )
        return to_tokens, to_gate.view_as(gate), *by_in, *by_out, None, None, None


def _mixture_backward(
    slope: Tensor, out: Tensor, gate: Tensor, mixed: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Gradients of the sorted expert outputs and their gates; overwrites `slope`.

    `mixed` holds the mixture of each row's token in log space, None otherwise.
    """
    if mixed is None:
        by_gate = torch.linalg.vecdot(slope, out)
    else:
        slope.mul_((out - mixed).exp_())
        by_gate = slope.sum(1)
    return slope.mul_(gate), by_gate


def sorted_mixture(
    tokens: Float[Tensor, "seeds tokens width"],
    chosen: Int[Tensor, "seeds tokens k"],
    gate: Float[Tensor, "seeds tokens k"],
    layers: Sequence[tuple[Tensor, Tensor]],
    *,
    dropout: float = 0.0,
    generators: Generators | None = None,
    log_space: bool = False,
) -> Float[Tensor, "seeds tokens outputs"]:
    """The mixture that `Experts` gives, expert by expert; `layers` are (weight, bias).

    Source: FuseMoE eq. (4).
    Departure: released, the log of the gated sum of exponentials. Undone by
    `log_space_experts`.
    Shape: weights `(seeds, experts, inputs, outputs)`, biases without the inputs.

    >>> one, zero = torch.ones(1, 2, 1, 1), torch.zeros(1, 2, 1)
    >>> layers = [(9 * one, zero), (torch.tensor([[[[1.0]], [[5.0]]]]), zero)]
    >>> chosen, gate = torch.tensor([[[1]]]), torch.tensor([[[0.5]]])
    >>> sorted_mixture(torch.ones(1, 1, 1), chosen, gate, layers)  # 0.5 * 5 * 9
    tensor([[[22.5000]]])
    """
    (weight_in, bias_in), (weight_out, bias_out) = layers
    grouping = _grouping(chosen, weight_in.shape[1])
    mixed = _GroupedExperts.apply(
        tokens.flatten(0, 1),
        gate.flatten(0, 1),
        weight_in,
        bias_in,
        weight_out,
        bias_out,
        _dropout_scale(weight_in, grouping.counts, dropout, generators),
        grouping,
        log_space,
    )
    return mixed.view(*tokens.shape[:2], bias_out.shape[2])


def _dropout_scale(
    weight_in: Tensor, counts: list[int], rate: float, generators: Generators | None
) -> Tensor | None:
    """Scale of the sorted hidden rows, where the rows of a seed are one block."""
    if generators is None or rate == 0.0:
        return None
    seeds, experts, _, hidden = weight_in.shape
    check_generators(generators, seeds)
    starts = range(0, len(counts), experts)
    by_seed = [sum(counts[i : i + experts]) for i in starts]
    scale = weight_in.new_empty(sum(counts), hidden)
    for values, generator in zip(scale.split(by_seed), generators, strict=True):
        fill_dropout_scale(values, rate, generator)
    return scale
