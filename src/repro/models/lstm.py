"""A stacked LSTM: one gradient function, a time loop over the recurrence only.

Inside, the batch is the last dimension, so that each gate is one contiguous block per
seed and the element-wise operations run at full vector width. Gates are ordered
candidate, input, forget, output: the cell gradient multiplies the first three.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from repro.models.stacked import stacked_parameter, xavier_normal, zeros

EVALUATION_ROWS = 512


def _projected(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Input part of all gates, `(seeds, gates, time * batch)`, in one product."""
    seeds, steps, batch, inputs = x.shape
    rows = x.reshape(seeds, steps * batch, inputs)
    return torch.baddbmm(
        bias.unsqueeze(2), weight.transpose(1, 2), rows.transpose(1, 2)
    )


def _recurrence(
    projected: Tensor, weight: Tensor, batch: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gates, cells, tanh of cells and states of every step.

    Shape: gates `(time, seeds, 4 * hidden, batch)`, cells and states
    `(time + 1, seeds, hidden, batch)` with the zero state first.
    """
    seeds, hidden, _ = weight.shape
    steps = projected.shape[2] // batch
    gates = projected.new_empty(steps, seeds, 4 * hidden, batch)
    cells = projected.new_empty(steps + 1, seeds, hidden, batch)
    states = torch.empty_like(cells)
    squashed = torch.empty_like(cells[1:])
    cells[0].zero_()
    states[0].zero_()
    recurrent = weight.transpose(1, 2)
    candidate, sigmoids = gates[:, :, :hidden].unbind(), gates[:, :, hidden:].unbind()
    _, enter, forget, leave = (part.unbind() for part in gates.chunk(4, 2))
    inputs, gate, tanh = projected.split(batch, 2), gates.unbind(), squashed.unbind()
    cell, state = cells.unbind(), states.unbind()
    for t in range(steps):
        torch.baddbmm(inputs[t], recurrent, state[t], out=gate[t])
        candidate[t].tanh_()
        sigmoids[t].sigmoid_()
        torch.mul(forget[t], cell[t], out=cell[t + 1])
        cell[t + 1].addcmul_(enter[t], candidate[t])
        torch.tanh(cell[t + 1], out=tanh[t])
        torch.mul(leave[t], tanh[t], out=state[t + 1])
    return gates, cells, squashed, states


def _local_slopes(
    gates: Tensor, cells: Tensor, squashed: Tensor
) -> tuple[Tensor, Tensor]:
    """Derivatives that do not depend on later steps, for all steps at once.

    The first result takes a cell gradient (a state gradient for the output gate) to
    the gradient of each gate before its squashing; the second takes a state gradient
    to a cell gradient.
    """
    candidate, enter, forget, leave = gates.chunk(4, 2)
    slopes = torch.empty_like(gates)
    to_candidate, to_enter, to_forget, to_leave = slopes.chunk(4, 2)
    torch.mul(enter, 1 - candidate * candidate, out=to_candidate)
    torch.mul(enter - enter * enter, candidate, out=to_enter)
    torch.mul(forget - forget * forget, cells[:-1], out=to_forget)
    torch.mul(leave - leave * leave, squashed, out=to_leave)
    return slopes, torch.addcmul(leave, leave, squashed * squashed, value=-1)


def _gate_gradients(
    slopes: Tensor, through_tanh: Tensor, forget: Tensor, last: Tensor, weight: Tensor
) -> Tensor:
    """Gradients of the gates before squashing; overwrites `slopes`.

    `last` holds the gradient of each state from outside, zero but at a row's last
    step, so the steps after it contribute exact zeros without a mask.
    """
    steps, seeds, _, batch = slopes.shape
    hidden = weight.shape[1]
    cell_gates = slopes[:, :, : 3 * hidden].unflatten(2, (3, hidden)).unbind()
    leave, gate = slopes[:, :, 3 * hidden :].unbind(), slopes.unbind()
    local, keep, outside = through_tanh.unbind(), forget.unbind(), last.unbind()
    state_slope = outside[steps]
    cell_slope = state_slope.new_zeros(seeds, 1, hidden, batch)
    flat_cell_slope = cell_slope.squeeze(1)
    for t in reversed(range(steps)):
        if t + 1 < steps:
            torch.baddbmm(outside[t + 1], weight, gate[t + 1], out=state_slope)
            flat_cell_slope.mul_(keep[t + 1])
        flat_cell_slope.addcmul_(state_slope, local[t])
        cell_gates[t].mul_(cell_slope)
        leave[t].mul_(state_slope)
    return slopes


class _LastState(torch.autograd.Function):
    """Hidden state at each row's last step; the gradient is written by hand."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        lengths: Tensor,
        weight_input: Tensor,
        weight_hidden: Tensor,
        bias: Tensor,
    ) -> Tensor:
        projected = _projected(x, weight_input, bias)
        batch, hidden = x.shape[2], weight_hidden.shape[1]
        kept = _recurrence(projected, weight_hidden, batch)
        at = lengths[None, :, None, :].expand(1, -1, hidden, -1)
        ctx.save_for_backward(x, at, weight_input, weight_hidden, *kept)
        return kept[3].gather(0, at)[0].transpose(1, 2).contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        x, at, weight_input, weight_hidden, *kept = ctx.saved_tensors
        gates, cells, squashed, states = kept
        seeds, steps, batch, inputs = x.shape
        last = torch.zeros_like(states)
        last.scatter_(0, at, slope.transpose(1, 2).unsqueeze(0))
        slopes, through_tanh = _local_slopes(gates, cells, squashed)
        forget = gates.chunk(4, 2)[2]
        _gate_gradients(slopes, through_tanh, forget, last, weight_hidden)
        flat = slopes.permute(1, 2, 0, 3).flatten(2)
        before = states[:-1].permute(1, 2, 0, 3).flatten(2)
        rows = x.reshape(seeds, steps * batch, inputs)
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x = torch.bmm(flat.transpose(1, 2), weight_input.transpose(1, 2))
            to_x = to_x.view(x.shape)
        to_input = torch.bmm(flat, rows).transpose(1, 2)
        to_hidden = torch.bmm(before, flat.transpose(1, 2))
        return to_x, None, to_input, to_hidden, flat.sum(2)


class StackedLSTM(nn.Module):
    """One single-layer LSTM per seed; returns the state at each row's last step.

    The two biases of the usual cell always act as their sum, so there is one.
    A row of length zero gives zeros. Values after a row's length have no influence,
    whatever they are (NaN included), and receive a zero gradient.

    Source: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.
    Shape: `(seeds, batch, time, inputs)` and `(seeds, batch)` to
    `(seeds, batch, hidden)`.

    >>> from repro.models.stacked import initialize
    >>> lstm = StackedLSTM(1, 5, 16)
    >>> initialize(lstm, [torch.Generator().manual_seed(0)])
    >>> lstm(torch.ones(1, 2, 50, 5), torch.tensor([[50, 0]]))[0, 1].abs().sum().item()
    0.0
    """

    def __init__(self, seeds: int, inputs: int, hidden: int):
        super().__init__()
        self.weight_input = stacked_parameter(seeds, inputs, 4 * hidden)
        self.weight_hidden = stacked_parameter(seeds, hidden, 4 * hidden)
        self.bias = stacked_parameter(seeds, 4 * hidden)
        self.initializers = {
            "weight_input": xavier_normal,
            "weight_hidden": xavier_normal,
            "bias": zeros,
        }

    def forward(
        self,
        x: Float[Tensor, "seeds batch time inputs"],
        lengths: Int[Tensor, "seeds batch"],
    ) -> Float[Tensor, "seeds batch hidden"]:
        longest = self._longest(x, lengths)
        if torch.is_grad_enabled() or x.shape[1] <= EVALUATION_ROWS:
            return self._states(x[:, :, :longest], lengths)
        # Without gradients the kept buffers are waste: blocks of rows bound them.
        blocks = zip(
            x.split(EVALUATION_ROWS, 1), lengths.split(EVALUATION_ROWS, 1), strict=True
        )
        return torch.cat([self._states(b[:, :, :longest], n) for b, n in blocks], 1)

    def _states(self, x: Tensor, lengths: Tensor) -> Tensor:
        steps = torch.arange(x.shape[2], device=x.device)
        padding = steps[None, :, None] >= lengths[:, None, :]
        x = x.transpose(1, 2).contiguous().masked_fill(padding.unsqueeze(3), 0.0)
        return _LastState.apply(
            x, lengths.long(), self.weight_input, self.weight_hidden, self.bias
        )

    def _longest(self, x: Tensor, lengths: Tensor) -> int:
        seeds, inputs, _ = self.weight_input.shape
        if x.shape[0] != seeds or x.shape[3] != inputs:
            raise ValueError(
                f"x: got shape {tuple(x.shape)}; this layer takes "
                f"({seeds}, batch, time, {inputs})"
            )
        if lengths.numel() == 0:
            return 0
        low, high = (int(bound) for bound in lengths.aminmax())
        if low < 0 or high > x.shape[2]:
            raise ValueError(
                f"lengths: got values from {low} to {high} for {x.shape[2]} steps; "
                "a length lies between 0 and the number of steps"
            )
        return high
