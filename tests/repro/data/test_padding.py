import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from repro.data import padding

CELLS = st.sampled_from([0.0, 0.0, 1.0, -2.0])
PADDED = arrays(np.float64, st.tuples(*[st.integers(1, 5)] * 3), elements=CELLS)


@given(PADDED)
def test_kept_rows_agree_with_a_plain_loop(padded):
    kept = padding.kept_rows(padded)
    for sample, rows in zip(padded, kept, strict=True):
        filled = [t for t, row in enumerate(sample) if row.any()]
        expected = range(filled[0], filled[-1] + 1) if filled else range(0)
        assert np.flatnonzero(rows).tolist() == list(expected)


@given(PADDED)
def test_ragged_holds_every_value_that_is_not_zero(padded):
    ragged = padding.gathered([padding.Part(padded, padding.kept_rows(padded))]).ragged
    assert ragged.values.sum() == padded.sum()
    assert ragged.offsets[-1] == len(ragged.values)


def test_zero_rows_inside_and_in_front_may_be_kept():
    padded = np.array([[[0.0], [1.0], [0.0], [2.0], [0.0]]])
    assert padding.kept_rows(padded, front=False).tolist() == [[1, 1, 1, 1, 0]]


def test_only_what_is_stored_as_minus_infinity_is_silence():
    padded = np.array([[[-np.inf, -1e39], [1e39, -3e38]]])
    part = padding.Part(padded, np.ones((1, 2), dtype=bool))
    found = padding.gathered([part], silence=True)
    expected = [[0, -np.inf], [np.inf, np.float32(-3e38)]]
    assert found.ragged.values.tolist() == expected and found.silent == 1


@pytest.mark.parametrize("front", [False, True])
def test_lengths_choose_rows_at_the_filled_end(front):
    padded = np.zeros((2, 4, 1))
    padded[0, slice(2, 4) if front else slice(0, 2)] = 1
    rows = padding.rows_of_lengths(padded, np.array([3, 1]), "f")
    expected = [0, 1, 1, 1] if front else [1, 1, 1, 0]
    assert rows.tolist() == [expected, [0, 0, 0, 0]]  # the second one is all zero


@pytest.mark.parametrize("lengths", [[1, 1], [5, 1], [-1, 1]])
def test_lengths_that_disagree_with_the_rows_are_refused(lengths):
    padded = np.zeros((2, 4, 1))
    padded[0, :2] = 1
    with pytest.raises(ValueError, match=r"f\.lengths: the stored lengths disagree"):
        padding.rows_of_lengths(padded, np.array(lengths), "f.lengths")


def test_lengths_of_other_samples_are_refused():
    with pytest.raises(ValueError, match="2 samples are there"):
        padding.rows_of_lengths(np.zeros((2, 4, 1)), np.array([1, 1, 1]), "f")
