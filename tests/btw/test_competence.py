from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from btw import competence, specialisation


def test_accuracy_of_each_expert_on_each_mechanism_by_loop():
    generator = np.random.default_rng(0)
    logits = generator.standard_normal((60, 3, 4))
    y, mechanism = generator.integers(4, size=60), generator.integers(5, size=60)
    found = competence(logits, y, mechanism, mechanisms=6)
    for expert in range(3):
        for kind in range(5):
            rows = np.flatnonzero(mechanism == kind)
            right = [logits[row, expert].argmax() == y[row] for row in rows]
            assert found[expert, kind] == np.mean(right)
    assert np.isnan(found[:, 5]).all()
    assert competence(logits, y, mechanism).shape == (3, 3)


@given(st.integers(0, 1000), st.integers(2, 5))
def test_the_best_names_are_those_of_every_permutation(seed: int, size: int):
    matrix = np.random.default_rng(seed).random((size, size))
    rows = np.arange(size)

    def beyond(order: tuple[int, ...]) -> float:
        is_own = np.zeros((size, size), bool)
        is_own[rows, list(order)] = True
        return matrix[is_own].mean() - matrix[~is_own].mean()

    best = max(permutations(range(size)), key=beyond)
    found = specialisation(matrix)
    assert found.order == best
    assert found.relabelled == pytest.approx(beyond(best))
    assert found.named == pytest.approx(beyond(tuple(range(size))))
    assert found.gap >= -1e-12


def test_wrong_names_are_a_gap_and_no_lack_of_specialisation():
    found = specialisation(np.eye(3)[[1, 2, 0]])
    assert (found.named, found.relabelled, found.gap) == (-0.5, 1.0, 1.5)
    assert found.order == (1, 2, 0)


def test_bad_matrices_are_refused():
    with pytest.raises(ValueError, match="square"):
        specialisation(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="accuracy: 1 values are not finite"):
        specialisation([[0.5, np.nan], [0.1, 0.2]])
    with pytest.raises(ValueError, match="y: got shape"):
        competence(np.zeros((2, 2, 2)), [0], [0, 1])
