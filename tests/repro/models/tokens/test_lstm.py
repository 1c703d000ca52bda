from contextlib import nullcontext

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from repro.models.layers.stacked import initialize
from repro.models.tokens import lstm as lstm_module
from repro.models.tokens.lstm import StackedLSTM, last_states
from tests.repro.models.new_memory import nan_in_new_memory


def random_lstm(seeds: int, inputs: int, hidden: int) -> StackedLSTM:
    lstm = StackedLSTM(seeds, inputs, hidden)
    initialize(lstm, [Generator().manual_seed(seed) for seed in range(seeds)])
    lstm.double()
    with torch.no_grad():
        lstm.bias.copy_(torch.randn(lstm.bias.shape, generator=Generator()))
    return lstm


def torch_order(values: Tensor) -> Tensor:
    candidate, enter, forget, leave = values.chunk(4)
    return torch.cat([enter, forget, candidate, leave])


def torch_lstm(lstm: StackedLSTM, s: int) -> nn.LSTM:
    _, inputs, gates = lstm.weight_input.shape
    plain = nn.LSTM(inputs, gates // 4, batch_first=True).double()
    with torch.no_grad():
        plain.weight_ih_l0.copy_(torch_order(lstm.weight_input[s].t()))
        plain.weight_hh_l0.copy_(torch_order(lstm.weight_hidden[s].t()))
        plain.bias_ih_l0.copy_(torch_order(lstm.bias[s]))
        plain.bias_hh_l0.zero_()
    return plain


def sequences(*shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(5), dtype=torch.float64)


def test_no_memory_is_read_before_it_is_written():
    x, lengths = sequences(2, 4, 7, 3), torch.tensor([[7, 1, 3, 5], [2, 7, 4, 1]])
    found = []
    for nan in (nullcontext, nan_in_new_memory):
        lstm = random_lstm(2, 3, 5)
        with nan():
            lstm(x, lengths).square().sum().backward()
        found.append([p.grad for p in lstm.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@settings(max_examples=15, deadline=None)
@given(
    lengths=st.lists(
        st.lists(st.integers(1, 7), min_size=4, max_size=4), min_size=1, max_size=3
    )
)
def test_equals_packed_lstm_in_output_and_every_gradient(lengths):
    seeds, lengths = len(lengths), torch.tensor(lengths)
    lstm, x = random_lstm(seeds, 3, 5), sequences(seeds, 4, 7, 3).requires_grad_()
    slope = sequences(seeds, 4, 5)
    out = lstm(x, lengths)
    out.backward(slope)
    for s in range(seeds):
        plain, own = torch_lstm(lstm, s), x.detach()[s].requires_grad_()
        packed = pack_padded_sequence(own, lengths[s], True, enforce_sorted=False)
        state = plain(packed)[1][0][0]
        state.backward(slope[s])
        ours = (
            out[s],
            x.grad[s],
            torch_order(lstm.weight_input.grad[s].t()),
            torch_order(lstm.weight_hidden.grad[s].t()),
            torch_order(lstm.bias.grad[s]),
        )
        theirs = (
            state,
            own.grad,
            plain.weight_ih_l0.grad,
            plain.weight_hh_l0.grad,
            plain.bias_hh_l0.grad,
        )
        for value, expected in zip(ours, theirs, strict=True):
            torch.testing.assert_close(value, expected, atol=1e-10, rtol=0)


def test_gradcheck():
    lstm = random_lstm(2, 2, 2)
    lengths = torch.tensor([[0, 3], [2, 1]])

    def state(x, *parameters):
        names = [name for name, _ in lstm.named_parameters()]
        given_values = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(lstm, given_values, (x, lengths))

    inputs = (sequences(2, 2, 4, 2).requires_grad_(), *lstm.parameters())
    assert torch.autograd.gradcheck(state, inputs)


def test_one_step_by_hand():
    lstm = StackedLSTM(1, 1, 1).double()
    with torch.no_grad():
        lstm.weight_input.copy_(torch.tensor([[[1.0, 2.0, 3.0, 4.0]]]))
        lstm.weight_hidden.zero_()
        lstm.bias.copy_(torch.tensor([[0.1, 0.2, 0.3, 0.4]]))
    x = torch.full((1, 1, 1, 1), 0.5, dtype=torch.float64)
    # candidate tanh(0.6), input sigmoid(1.2), output sigmoid(2.4)
    cell = 0.7685247834990175 * 0.5370495669980353
    expected = 0.9168273035060777 * torch.tensor(cell).tanh().item()
    assert lstm(x, torch.tensor([[1]])).item() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("garbage", [1e30, torch.inf, torch.nan])
def test_padding_has_no_influence(garbage):
    lstm, lengths = random_lstm(2, 3, 4), torch.tensor([[0, 2, 5], [4, 1, 3]])
    clean = sequences(2, 3, 5, 3)
    padding = torch.arange(5) >= lengths.unsqueeze(2)
    dirty = clean.masked_fill(padding.unsqueeze(3), garbage)
    results = []
    for x in (clean.requires_grad_(), dirty.requires_grad_()):
        lstm.zero_grad()
        out = lstm(x, lengths)
        out.square().sum().backward()
        results.append([out, x.grad, *(p.grad for p in lstm.parameters())])
    for value, expected in zip(*results, strict=True):
        assert torch.equal(value, expected)
    assert results[1][1][padding].abs().max().item() == 0.0


def test_rows_without_steps_are_zero():
    lstm = random_lstm(1, 3, 4)
    out = lstm(sequences(1, 2, 5, 3), torch.tensor([[0, 0]]))
    assert out.shape == (1, 2, 4)
    assert out.abs().max().item() == 0.0
    out.sum().backward()
    assert all(p.grad.abs().max().item() == 0.0 for p in lstm.parameters())


def test_a_seed_does_not_depend_on_its_neighbors():
    three, alone = random_lstm(3, 3, 4), random_lstm(1, 3, 4)
    with torch.no_grad():
        for own, stacked in zip(alone.parameters(), three.parameters(), strict=True):
            own.copy_(stacked[1:2])
    x, lengths = sequences(3, 6, 5, 3), torch.tensor([[5], [3], [2]]).expand(3, 6)
    torch.testing.assert_close(
        three(x, lengths)[1:2], alone(x[1:2], lengths[1:2]), atol=1e-12, rtol=0
    )


def test_evaluation_in_blocks_equals_one_batch(monkeypatch):
    lstm, x = random_lstm(2, 3, 4), sequences(2, 7, 5, 3)
    lengths = torch.tensor([[1, 2, 3, 4, 5, 0, 1], [2, 2, 2, 1, 1, 1, 3]])
    expected = lstm(x, lengths)
    monkeypatch.setattr(lstm_module, "EVALUATION_ROWS", 3)
    with torch.no_grad():
        torch.testing.assert_close(lstm(x, lengths), expected, atol=1e-12, rtol=0)


def test_two_runs_are_equal_bit_for_bit():
    lstm, x = random_lstm(2, 3, 4), sequences(2, 6, 5, 3)
    lengths, gradients = torch.full((2, 6), 5), []
    for _ in range(2):
        lstm.zero_grad()
        lstm(x, lengths).sum().backward()
        gradients.append([p.grad.clone() for p in lstm.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


@pytest.mark.parametrize("length", [-1, 6])
def test_refuses_lengths_outside_the_steps(length):
    with pytest.raises(ValueError, match="lengths"):
        random_lstm(1, 3, 4)(sequences(1, 2, 5, 3), torch.tensor([[length, 1]]))


def test_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"takes \(1, batch, time, 3\)"):
        random_lstm(1, 3, 4)(sequences(1, 2, 5, 2), torch.tensor([[1, 1]]))


@pytest.mark.parametrize("rows", [2, 256])
def test_several_lstms_in_one_loop_equal_each_alone(rows, monkeypatch):
    lstms = [random_lstm(2, inputs, 4) for inputs in (3, 5, 2)]
    values = [sequences(2, 6, 7, 3), sequences(2, 6, 4, 5), sequences(2, 6, 1, 2)]
    draw = Generator().manual_seed(3)
    lengths = [
        torch.randint(0, len(x[0, 0]) + 1, (2, 6), generator=draw) for x in values
    ]
    together = [x.clone().requires_grad_() for x in values]
    alone = [x.clone().requires_grad_() for x in values]
    results = []
    for outs, inputs in (
        (last_states(lstms, together, lengths), together),
        ([f(x, n) for f, x, n in zip(lstms, alone, lengths, strict=True)], alone),
    ):
        for lstm in lstms:
            lstm.zero_grad()
        sum((k + 1) * out.sin().sum() for k, out in enumerate(outs)).backward()
        parameters = [p.grad for lstm in lstms for p in lstm.parameters()]
        results.append([*outs, *(x.grad for x in inputs), *parameters])
    for value, expected in zip(*results, strict=True):
        torch.testing.assert_close(value, expected, atol=1e-12, rtol=0)
    monkeypatch.setattr(lstm_module, "EVALUATION_ROWS", rows)
    with torch.no_grad():
        for value, expected in zip(
            last_states(lstms, values, lengths), results[1], strict=False
        ):
            torch.testing.assert_close(value, expected, atol=1e-12, rtol=0)


def test_no_lstm_gives_no_state():
    assert last_states([], [], []) == []
