"""Stacked LSTMs: a time loop over the recurrence only, its gradient by hand.

LSTMs of several modalities share the loop. Inside, the batch is the last dimension, so
that each gate is one contiguous block per LSTM and seed and the element-wise operations
run at full vector width. Gates are ordered candidate, input, forget, output: the cell
gradient multiplies the first three.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from repro.models.layers.stacked import stacked_parameter, xavier_normal, zeros

EVALUATION_ROWS = 256


def _operands(x: Tensor, lengths: Tensor, hidden: int) -> Tensor:
    """What the gates of each step multiply: its input, the state before it, and 1.

    Shape: `(time + 1, seeds, inputs + hidden + 1, batch)`; the states are filled in
    step by step, and the last one has a place of its own.
    """
    seeds, batch, steps, inputs = x.shape
    operands = x.new_empty(steps + 1, seeds, inputs + hidden + 1, batch)
    time = torch.arange(steps, device=x.device)
    padding = time[:, None, None, None] >= lengths[:, None, :]
    now = operands[:-1, :, :inputs]
    now.copy_(x.permute(2, 0, 3, 1)).masked_fill_(padding, 0.0)
    operands[-1:, :, :inputs].zero_()
    operands[0, :, inputs:-1].zero_()
    operands[:, :, -1:].fill_(1.0)
    return operands


def _recurrence(
    operands: Sequence[Tensor], weights: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gates, cells and tanh of cells of every step; fills the states of the operands.

    Shape: gates `(time, lstms, seeds, 4 * hidden, batch)`, cells
    `(time + 1, lstms, seeds, hidden, batch)` with the zero cell first. Steps after
    the end of one LSTM's sequences hold finite values that no row reads.
    """
    ends = [len(own) - 1 for own in operands]
    steps, lstms, hidden = max(ends), len(ends), weights[0].shape[2] // 4
    seeds, batch = operands[0].shape[1], operands[0].shape[3]
    gates = weights[0].new_empty(steps, lstms, seeds, 4 * hidden, batch)
    for m, end in enumerate(ends):
        gates[end:, m].zero_()
    cells = gates.new_empty(steps + 1, lstms, seeds, hidden, batch)
    squashed = torch.empty_like(cells[1:])
    cells[0].zero_()
    now = [own.unbind() for own in operands]
    state = [own[:, :, -1 - hidden : -1].unbind() for own in operands]
    weights = [weight.transpose(1, 2) for weight in weights]
    own_gates = [gates[:, m].unbind() for m in range(lstms)]
    own_leave = [gates[:, m, :, 3 * hidden :].unbind() for m in range(lstms)]
    own_tanh = [squashed[:, m].unbind() for m in range(lstms)]
    candidate = gates[..., :hidden, :].unbind()
    sigmoids = gates[..., hidden:, :].unbind()
    _, enter, forget, _ = (part.unbind() for part in gates.chunk(4, 3))
    tanh, cell = squashed.unbind(), cells.unbind()
    for t in range(steps):
        running = [m for m in range(lstms) if t < ends[m]]
        for m in running:
            torch.bmm(weights[m], now[m][t], out=own_gates[m][t])
        candidate[t].tanh_()
        sigmoids[t].sigmoid_()
        torch.mul(forget[t], cell[t], out=cell[t + 1])
        cell[t + 1].addcmul_(enter[t], candidate[t])
        torch.tanh(cell[t + 1], out=tanh[t])
        for m in running:
            torch.mul(own_leave[m][t], own_tanh[m][t], out=state[m][t + 1])
    return gates, cells, squashed


def _local_slopes(
    gates: Tensor, cells: Tensor, squashed: Tensor
) -> tuple[Tensor, Tensor]:
    """Derivatives that do not depend on later steps, for all steps at once.

    The first result takes a cell gradient (a state gradient for the output gate) to
    the gradient of each gate before its squashing; the second takes a state gradient
    to a cell gradient.
    """
    candidate, enter, forget, leave = gates.chunk(4, 3)
    slopes = torch.empty_like(gates)
    to_candidate, to_enter, to_forget, to_leave = slopes.chunk(4, 3)
    tanh_slope, sigmoid_slope = _tanh_slope.grad_input, _sigmoid_slope.grad_input
    tanh_slope(enter, candidate, grad_input=to_candidate)
    sigmoid_slope(candidate, enter, grad_input=to_enter)
    sigmoid_slope(cells[:-1], forget, grad_input=to_forget)
    sigmoid_slope(squashed, leave, grad_input=to_leave)
    return slopes, _tanh_slope(leave, squashed)


# A factor times the derivative at an output y: 1 - y * y, and y * (1 - y).
_tanh_slope = torch.ops.aten.tanh_backward
_sigmoid_slope = torch.ops.aten.sigmoid_backward


def _gate_gradients(
    slopes: Tensor,
    through_tanh: Tensor,
    forget: Tensor,
    last: Tensor,
    recurrent: Sequence[Tensor],
) -> None:
    """Turn local slopes into gradients of the gates before squashing, in place.

    `last` holds the gradient of each state from outside, zero but at a row's last
    step, so the steps after it contribute exact zeros without a mask.
    """
    steps, lstms = slopes.shape[:2]
    hidden = last.shape[3]
    cell_gates = slopes[..., : 3 * hidden, :].unflatten(3, (3, hidden)).unbind()
    leave = slopes[..., 3 * hidden :, :].unbind()
    own_gates, own_last = slopes.flatten(0, 1).unbind(), last.flatten(0, 1).unbind()
    local, keep = through_tanh.unbind(), forget.unbind()
    state_slope = last[steps]
    own_slopes = state_slope.unbind()
    cell_slope = torch.zeros_like(state_slope)
    for t in reversed(range(steps)):
        if t + 1 < steps:
            for m in range(lstms):
                at = (t + 1) * lstms + m
                torch.baddbmm(
                    own_last[at], recurrent[m], own_gates[at], out=own_slopes[m]
                )
            cell_slope.mul_(keep[t + 1])
        cell_slope.addcmul_(state_slope, local[t])
        cell_gates[t].mul_(cell_slope.unsqueeze(2))
        leave[t].mul_(state_slope)


def _weight_gradient(operands: Tensor, slopes: Tensor) -> Tensor:
    """Sum over time and batch of operand times gate gradient.

    Step by step: the sum stays in the cache, and nothing is copied to another layout.
    """
    _, seeds, rows, _ = operands.shape
    total = operands.new_zeros(seeds, rows, slopes.shape[2])
    for now, slope in zip(operands[:-1], slopes, strict=True):
        total.baddbmm_(now, slope.transpose(1, 2))
    return total


class _LastStates(torch.autograd.Function):
    """Hidden state at each row's last step.

    Arguments are the values of each LSTM, then for each the weights of
    `StackedLSTM.weights`. Lengths are `(lstms, seeds, batch)`.
    """

    @staticmethod
    def forward(ctx: Any, lengths: Tensor, *arguments: Tensor) -> Tensor:
        values, weights = arguments[: len(lengths)], arguments[len(lengths) :]
        hidden = weights[0].shape[2] // 4
        operands = [
            _operands(x, own, hidden) for x, own in zip(values, lengths, strict=True)
        ]
        kept = _recurrence(operands, weights)
        at = lengths[:, None, :, None].expand(-1, -1, -1, hidden, -1)
        ctx.save_for_backward(at, *kept, *operands, *weights)
        states = [
            own[:, :, -1 - hidden : -1].gather(0, index)
            for own, index in zip(operands, at, strict=True)
        ]
        return torch.cat(states).transpose(2, 3).contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        at, gates, cells, squashed, *others = ctx.saved_tensors
        operands, weights = others[: len(at)], others[len(at) :]
        last = torch.zeros_like(cells)
        last.scatter_(0, at.transpose(0, 1), slope.transpose(2, 3).unsqueeze(0))
        slopes, through_tanh = _local_slopes(gates, cells, squashed)
        hidden = cells.shape[3]
        recurrent = [weight[:, -1 - hidden : -1] for weight in weights]
        _gate_gradients(slopes, through_tanh, gates.chunk(4, 3)[2], last, recurrent)
        own_slopes = [slopes[: len(own) - 1, m] for m, own in enumerate(operands)]
        to_weights = map(_weight_gradient, operands, own_slopes)
        to_values = [
            # (seeds, inputs, gates) times (time, seeds, gates, batch)
            (weight[:, : -1 - hidden] @ own).permute(1, 3, 0, 2) if needed else None
            for weight, own, needed in zip(
                weights, own_slopes, ctx.needs_input_grad[1:], strict=False
            )
        ]
        return None, *to_values, *to_weights


class StackedLSTM(nn.Module):
    """One single-layer LSTM per seed; returns the state at each row's last step.

    The two biases of the usual cell always act as their sum, so there is one.
    A row of length zero gives zeros. Values after a row's length have no influence,
    whatever they are (NaN included), and receive a zero gradient.

    Source: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.
    Shape: `(seeds, batch, time, inputs)` and `(seeds, batch)` to
    `(seeds, batch, hidden)`.

    >>> from repro.models.layers.stacked import initialize
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
        return last_states([self], [x], [lengths])[0]

    def weights(self) -> Float[Tensor, "seeds operands gates"]:
        """Weights of input and state and the bias, as rows of one matrix per seed."""
        parts = (self.weight_input, self.weight_hidden, self.bias.unsqueeze(1))
        return torch.cat(parts, 1)

    def longest(self, x: Tensor, lengths: Tensor) -> int:
        """The largest length.

        Raises:
            ValueError: the shapes do not fit this layer, or a length does not fit `x`.
        """
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


def last_states(
    lstms: Sequence[StackedLSTM],
    values: Sequence[Float[Tensor, "seeds batch _time _inputs"]],
    lengths: Sequence[Int[Tensor, "seeds batch"]],
) -> list[Float[Tensor, "seeds batch hidden"]]:
    """What each LSTM gives for its own sequences, in one loop over time.

    The LSTMs have the same seeds and hidden size; inputs and times may differ.

    Raises:
        ValueError: values or lengths do not fit their LSTM.
    """
    if not lstms:
        return []
    triples = list(zip(lstms, values, lengths, strict=True))
    values = [x[:, :, : lstm.longest(x, own)] for lstm, x, own in triples]
    if torch.is_grad_enabled() or values[0].shape[1] <= EVALUATION_ROWS:
        return _states(lstms, values, lengths)
    # Without gradients the kept buffers are waste: blocks of rows bound them.
    blocks = zip(
        zip(*(x.split(EVALUATION_ROWS, 1) for x in values), strict=True),
        zip(*(own.split(EVALUATION_ROWS, 1) for own in lengths), strict=True),
        strict=True,
    )
    parts = [_states(lstms, *block) for block in blocks]
    return [torch.cat(own, 1) for own in zip(*parts, strict=True)]


def _states(
    lstms: Sequence[StackedLSTM], values: Sequence[Tensor], lengths: Sequence[Tensor]
) -> list[Tensor]:
    weights = [lstm.weights() for lstm in lstms]
    states = _LastStates.apply(torch.stack(list(lengths)).long(), *values, *weights)
    return list(states.unbind())
