"""Features as tensors: absent modalities, times, dtypes and memory."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch

from repro.cells.tensors import chosen_device, padded, tensors
from repro.features.reading import Features
from repro.models.batch import Inputs, gather
from repro.records import Ragged

CPU = torch.device("cpu")


def made(present: list[bool], **modalities: Ragged) -> Inputs:
    """Inputs of modalities that share one column of presence."""
    samples = pd.DataFrame({"y": np.arange(len(present), dtype=float)})
    for name in modalities:
        samples[f"present_{name}"] = present
    return tensors(Features(samples, modalities, {}), CPU)


def test_rows_are_stored_once_and_times_are_shares_of_the_window() -> None:
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    ragged = Ragged(values, np.array([0, 1, 1, 3]), np.array([12.0, 24.0, 48.0]))
    inputs = made([True, True, True], labs=ragged)
    (labs,) = inputs.values
    assert labs.values.tolist() == [[0, 1], [2, 3], [4, 5], [0, 0]]
    assert labs.offsets.tolist() == [0, 1, 1, 3]
    assert inputs.times[0].tolist() == [0.25, 0.5, 1.0, 0.0]
    assert inputs.times[0].dtype == torch.float32
    assert inputs.lengths[:, 0].tolist() == labs.lengths.tolist() == [1, 0, 2]
    assert inputs.present[:, 0].tolist() == [True, False, True]


def test_what_an_absent_sample_stores_is_left_out() -> None:
    ids = Ragged(np.array([[7], [8], [9]], np.float64), np.array([0, 2, 3]))
    inputs = made([False, True], text=ids)
    assert inputs.values[0].values.tolist() == [[9.0], [0.0]]
    assert inputs.values[0].values.dtype == torch.float32
    assert inputs.values[0].offsets.tolist() == [0, 0, 1]
    assert inputs.lengths[:, 0].tolist() == [0, 1]
    assert gather(inputs, torch.tensor([[0, 1]])).values[0].flatten().tolist() == [0, 9]


def test_a_batch_of_everything_is_the_padded_features() -> None:
    draw = np.random.default_rng(0)
    counts = draw.integers(0, 9, 50)
    offsets = np.concatenate([[0], counts.cumsum()])
    values = draw.standard_normal((offsets[-1], 3)).astype(np.float32)
    ragged = Ragged(values, offsets)
    present = draw.random(50) < 0.8
    batch = gather(made(present.tolist(), labs=ragged), torch.arange(50).unsqueeze(0))
    assert torch.equal(batch.values[0][0], padded(ragged, present))


def test_one_long_stay_costs_its_own_rows_only() -> None:
    counts = np.full(2000, 5)
    counts[7] = 5000
    offsets = np.concatenate([[0], counts.cumsum()])
    ragged = Ragged(np.ones((offsets[-1], 8), np.float32), offsets)
    tracemalloc.start()
    inputs = made([True] * 2000, labs=ragged)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert inputs.values[0].longest == 5000
    # Padded to the longest it takes 320 MB; its rows take 0.5 MB.
    assert ragged.values.nbytes < peak < 3 * ragged.values.nbytes


def test_a_device_that_is_not_there_is_refused() -> None:
    assert chosen_device("cpu") == CPU
    with pytest.raises(ValueError, match="needs a CUDA device"):
        chosen_device("cpu", "tf32")
