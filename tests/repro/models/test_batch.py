"""Gathered batches against dense padding and against indexing by hand."""

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from repro.models.batch import Inputs, gather, unpadded
from tests.repro.small_icu import small_icu_inputs
from tests.repro.small_study import small_inputs


def dense_inputs(
    seed: int, lengths: np.ndarray, widths: list[int]
) -> tuple[Inputs, list[Tensor], list[Tensor]]:
    """Random inputs, and their values and times padded to the longest of all."""
    draw = np.random.default_rng(seed)
    values, times, stored, moments = [], [], [], []
    for m, width in enumerate(widths):
        own = torch.from_numpy(lengths[:, m])
        shape = (len(lengths), max(int(own.max()), 1), width)
        filled = torch.from_numpy(draw.standard_normal(shape)).float()
        used = torch.arange(shape[1]) < own[:, None]
        values.append(filled * used[..., None])
        times.append(filled[..., 0].abs() * used)
        stored.append(unpadded(filled, own))
        moments.append(unpadded(filled[..., :1].abs(), own).values[:, 0])
    inputs = Inputs(
        names=tuple(f"m{m}" for m in range(len(widths))),
        values=tuple(stored),
        lengths=torch.from_numpy(lengths),
        present=torch.from_numpy(lengths > 0),
        y=torch.zeros(len(lengths)),
        times=tuple(moments),
        hourly=(None,) * len(widths),
    )
    return inputs, values, times


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_batch_is_a_piece_of_dense_padding(data: st.DataObject) -> None:
    samples = data.draw(st.integers(1, 6))
    widths = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    flat = st.lists(st.integers(0, 5), min_size=samples, max_size=samples)
    lengths = np.array([data.draw(flat) for _ in widths]).T
    inputs, values, times = dense_inputs(data.draw(st.integers(0, 9)), lengths, widths)
    rows = st.lists(st.integers(-1, samples - 1), min_size=4, max_size=4)
    index = torch.tensor([data.draw(rows), data.draw(rows)])
    batch = gather(inputs, index)
    places = index.clamp(min=0)
    for m in range(len(widths)):
        longest = max(int(inputs.lengths[places, m].max()), 1)
        assert torch.equal(batch.values[m], values[m][:, :longest][places])
        assert torch.equal(batch.times[m], times[m][:, :longest][places])
        assert torch.equal(inputs.values[m].lengths, inputs.lengths[:, m])


def test_a_modality_that_no_sample_has_is_one_row_of_zeros() -> None:
    lengths = np.array([[2, 0], [1, 0]])
    inputs, _, _ = dense_inputs(0, lengths, [2, 3])
    assert inputs.values[1].values.tolist() == [[0, 0, 0]]
    assert inputs.values[1].longest == 1
    batch = gather(inputs, torch.tensor([[1, 0]]))
    assert batch.values[1].tolist() == [[[[0, 0, 0]], [[0, 0, 0]]]]
    assert not batch.present[..., 1].any()


def test_rows_of_the_label_and_the_grid_are_gathered_per_member() -> None:
    inputs = small_icu_inputs()
    index = torch.tensor([[5, 2], [7, 5]])
    batch = gather(inputs, index)
    for s in range(2):
        for b in range(2):
            row = int(index[s, b])
            assert batch.y[s, b] == inputs.y[row]
            assert torch.equal(batch.lengths[s, b], inputs.lengths[row])
            assert torch.equal(batch.present[s, b], inputs.present[row])
            assert torch.equal(batch.hourly[0][s, b], inputs.hourly[0][row])
    assert batch.hourly[1:] == (None, None)
    assert batch.real.all()


def test_only_the_longest_of_the_batch_costs_memory() -> None:
    lengths = np.full((1000, 1), 2)
    lengths[0] = 1000
    inputs, values, _ = dense_inputs(0, lengths, [4])
    assert values[0].nbytes > 300 * inputs.values[0].values.nbytes
    assert inputs.values[0].longest == 1000
    short = gather(inputs, torch.arange(1, 33).expand(3, -1))
    assert short.values[0].shape == (3, 32, 2, 4)
    assert gather(inputs, torch.tensor([[0, 1]])).values[0].shape == (1, 2, 1000, 4)


def test_padding_rows_have_nothing() -> None:
    inputs = small_inputs()
    batch = gather(inputs, torch.tensor([[4, -1]]))
    assert batch.real.tolist() == [[True, False]]
    assert not batch.present[0, 1].any()


def test_one_modality_is_left() -> None:
    inputs = small_inputs()
    audio = inputs.only("audio")
    assert audio.names == ("audio",)
    assert audio.values[0] is inputs.values[1]
    assert torch.equal(audio.present[:, 0], inputs.present[:, 1])
    assert torch.equal(audio.lengths[:, 0], inputs.lengths[:, 1])
    timed = replace(inputs, times=(None, torch.ones(3), None))
    assert timed.only("video", "audio").times[1] is timed.times[1]
