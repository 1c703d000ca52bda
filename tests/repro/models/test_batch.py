"""Gathered batches against indexing by hand."""

import torch
from small_study import small_inputs

from repro.models.batch import gather


def test_rows_are_gathered_per_member() -> None:
    inputs = small_inputs()
    index = torch.tensor([[5, 2], [7, 5]])
    batch = gather(inputs, index)
    for s in range(2):
        for b in range(2):
            row = int(index[s, b])
            assert batch.y[s, b] == inputs.y[row]
            assert torch.equal(batch.lengths[s, b], inputs.lengths[row])
            assert torch.equal(batch.present[s, b], inputs.present[row])
            for m, values in enumerate(batch.values):
                steps = values.shape[2]
                assert torch.equal(values[s, b], inputs.values[m][row, :steps])
                assert int(inputs.lengths[row, m]) <= steps
    assert batch.real.all()


def test_sequences_are_cut_to_the_longest_of_the_batch() -> None:
    inputs = small_inputs()
    short = torch.nonzero(inputs.lengths[:, 2] <= 2)[:2].T
    longest = int(inputs.lengths[short[0], 2].max().clamp(min=1))
    assert gather(inputs, short).values[2].shape[2] == longest


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
