"""Rows predicted in batches that fit in memory, and put back in order."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.models.batch import Inputs, unpadded
from repro.models.predictor import Predictor, Randomness
from repro.training import prediction
from repro.training.prediction import batches, predict
from repro.training.task import Task
from tests.repro.small_icu import ARCHITECTURE, small_icu_inputs

ROWS = np.array([5, 3, 11, 0, 20, 21, 8])


def lengths_alone(lengths: np.ndarray, widths: list[int]) -> Inputs:
    """Inputs of zeros with the given lengths `(samples, modalities)`."""
    own = torch.from_numpy(lengths)
    return Inputs(
        names=tuple(map(str, range(len(widths)))),
        values=tuple(
            unpadded(torch.zeros(len(lengths), max(int(own[:, m].max()), 1), w), column)
            for m, (w, column) in enumerate(zip(widths, own.T, strict=True))
        ),
        lengths=own,
        present=own > 0,
        y=torch.zeros(len(own)),
    )


def test_the_longest_come_first_and_alone() -> None:
    inputs = lengths_alone(np.array([[1], [9], [2], [2], [8]]), [3])
    places = np.array([4, 3, 2, 1, 0])
    # Two members: 54 and 48 values of one row each, then 3 rows of up to 2 x 3 values.
    found = [own.tolist() for own in batches(inputs, places, 2, 10, most_values=36)]
    assert found == [[3], [0], [1, 2, 4]]
    found = [own.tolist() for own in batches(inputs, places, 2, 2, most_values=36)]
    assert found == [[3], [0], [1, 2], [4]]
    assert len(list(batches(inputs, places, 2, 10))) == 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=20),
    st.integers(1, 6),
    st.integers(1, 200),
)
def test_every_row_comes_once_and_the_bounds_hold(
    lengths: list[tuple[int, int]], most_rows: int, most_values: int
) -> None:
    inputs = lengths_alone(np.array(lengths), [2, 5])
    rows, members = np.arange(len(lengths)), 3
    found = list(batches(inputs, rows, members, most_rows, most_values))
    assert sorted(np.concatenate(found).tolist()) == rows.tolist()
    for own in found:
        longest = np.array(lengths)[own].max(0).clip(min=1)
        values = members * len(own) * (longest * [2, 5]).sum()
        assert len(own) == 1 or (len(own) <= most_rows and values <= most_values)


@pytest.mark.parametrize("most", [1, 300, 2**26])
def test_predictions_do_not_depend_on_the_batches(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = small_icu_inputs()
    model = Predictor(2, inputs, replace(ARCHITECTURE, outputs=4))
    model.initialize([torch.Generator().manual_seed(s) for s in range(2)])
    weights = torch.rand(2, 24, 3, generator=torch.Generator().manual_seed(4)) + 0.5
    task = Task("classification", 4)
    monkeypatch.setattr(prediction, "batches", partial(batches, most_values=most))
    found = predict(task, model, inputs, ROWS, weights, Randomness(), 4)
    again = predict(task, model, inputs, ROWS, weights, Randomness(), 4)
    np.testing.assert_array_equal(found, again)
    assert found.shape == (2, len(ROWS), 4)
    for place, row in enumerate(ROWS):
        alone = predict(task, model, inputs, np.array([row]), weights, Randomness(), 4)
        np.testing.assert_allclose(found[:, [place]], alone, atol=1e-6)
