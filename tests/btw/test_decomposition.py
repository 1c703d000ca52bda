import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import null_space
from scipy.optimize import minimize
from scipy.special import rel_entr
from sklearn.metrics import mutual_info_score

from btw import Decomposition, decomposition, decomposition_of_codes


def joint_of(rule, first: int = 2, second: int = 2, target: int = 2) -> np.ndarray:
    joint = np.zeros((first, second, target))
    for a in range(first):
        for b in range(second):
            joint[a, b, rule(a, b)] = 1
    return joint


def parts(found: Decomposition) -> list[float]:
    return [found.unique_1, found.unique_2, found.redundancy, found.synergy]


COPY = np.zeros((2, 2, 2))
COPY[[0, 1], [0, 1], [0, 1]] = 0.5


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        (joint_of(lambda a, b: a & b), [0, 0, 0.311278, 0.5]),
        (joint_of(lambda a, b: a ^ b), [0, 0, 0, 1]),
        (joint_of(lambda a, b: a), [1, 0, 0, 0]),
        (joint_of(lambda a, b: b), [0, 1, 0, 0]),
        (COPY, [0, 0, 1, 0]),
        # A copy of both, apart: each tells its own bit (Bertschinger et al., table 1).
        (joint_of(lambda a, b: 2 * a + b, target=4), [1, 1, 0, 0]),
        # A sum that neither summand tells anything of.
        (joint_of(lambda a, b: (a + b) % 3, 3, 3, 3), [0, 0, 0, np.log2(3)]),
    ],
)
def test_known_decompositions(joint: np.ndarray, expected: list[float]):
    assert parts(decomposition(joint)) == pytest.approx(expected, abs=1e-4)


def information(p: np.ndarray) -> float:
    expected = np.multiply.outer(p.sum(1), p.sum(0))
    return float(rel_entr(p, expected).sum()) / np.log(2)


def least_by_optimizer(p: np.ndarray) -> float:
    """The same minimum by a general solver, over all that keeps the pairs."""
    index = np.arange(p.size).reshape(p.shape)
    pairs = [index[a, :, y] for a, y in np.ndindex(p.shape[0], p.shape[2])]
    pairs += [index[:, b, y] for b, y in np.ndindex(p.shape[1:])]
    kept = np.zeros((len(pairs), p.size))
    for row, cells in enumerate(pairs):
        kept[row, cells] = 1
    free = null_space(kept)

    def of(z: np.ndarray) -> np.ndarray:
        return p.ravel() + free @ z

    # It may stop early at the boundary: the least of several starts.
    apart = np.einsum("ay,by,y->aby", p.sum(1), p.sum(0), 1 / p.sum((0, 1)))
    way = free.T @ (apart - p).ravel()
    solved = [
        minimize(
            lambda z: information(np.maximum(of(z), 0).reshape(-1, p.shape[2])),
            part * way,
            method="SLSQP",
            constraints={"type": "ineq", "fun": of},
            options={"maxiter": 500, "ftol": 1e-14},
        ).fun
        for part in (0.0, 0.3, 0.6, 1.0)
    ]
    return float(min(solved))


@pytest.mark.parametrize("seed", range(6))
def test_the_minimum_is_that_of_a_general_solver(seed: int):
    p = np.random.default_rng(seed).dirichlet(np.ones(12)).reshape(2, 3, 2)
    found = decomposition(p)
    least = least_by_optimizer(p)
    assert found.unique_1 == pytest.approx(least - information(p.sum(0)), abs=2e-4)
    assert found.unique_2 == pytest.approx(least - information(p.sum(1)), abs=2e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_the_parts_sum_to_what_the_sources_tell(seed: int):
    p = np.random.default_rng(seed).dirichlet(np.full(18, 0.4)).reshape(3, 3, 2)
    found = decomposition(p)
    assert min(parts(found)) >= 0
    assert found.total == pytest.approx(information(p.reshape(-1, 2)), abs=1e-9)
    one = found.unique_1 + found.redundancy
    assert one == pytest.approx(information(p.sum(1)), abs=1e-9)
    swapped = decomposition(p.swapaxes(0, 1))
    assert swapped.unique_2 == pytest.approx(found.unique_1, abs=1e-3)


def test_units_and_shares():
    xor = joint_of(lambda a, b: a ^ b)
    assert decomposition(xor, base=np.e).synergy == pytest.approx(np.log(2))
    assert decomposition(3 * xor).shares() == Decomposition(0.0, 0.0, 0.0, 1.0)
    nothing = decomposition(np.ones((2, 2, 2)))
    assert nothing.total == 0 and np.isnan(nothing.shares().synergy)


def test_counted_samples_are_the_distribution_of_their_counts():
    generator = np.random.default_rng(0)
    a, b = generator.integers(3, size=(2, 500))
    y = (a + b) % 3
    joint = np.zeros((3, 3, 3))
    for cell in zip(a, b, y, strict=True):
        joint[cell] += 1
    names = np.array(["x", "y", "z"])
    assert decomposition_of_codes(names[a], b - 5, y) == decomposition(joint)
    assert decomposition_of_codes(a, b, y).synergy > 1.55


def test_a_target_value_that_never_occurs_changes_nothing():
    xor = joint_of(lambda a, b: a ^ b, target=3)
    assert decomposition(xor).synergy == pytest.approx(1)


@pytest.mark.parametrize(
    "call",
    [
        lambda: decomposition(np.zeros((2, 2, 2))),
        lambda: decomposition(-np.ones((2, 2, 2))),
        lambda: decomposition(np.full((2, 2, 2), np.nan)),
        lambda: decomposition(np.ones((2, 2))),
        lambda: decomposition_of_codes([0], [0, 1], [0]),
        lambda: decomposition_of_codes([], [], []),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(ValueError, match=r"joint|first, second, target"):
        call()


def test_sparse_counts_sum_to_the_whole_information():
    """Cells that hardly any sample fills, whose values fade from sweep to sweep."""
    generator = np.random.default_rng(5)
    for samples in (60, 60, 120, 180) * 6:
        y = generator.integers(3, size=samples)
        told = generator.random(samples) < 0.5
        first = np.where(told, y, generator.integers(3, size=samples)) * 4
        second = np.where(told, generator.integers(3, size=samples), y) * 4
        tag = generator.integers(4, size=samples)
        found = decomposition_of_codes(first + tag, second + tag, y)
        pair = first * 100 + second * 7 + tag
        whole = mutual_info_score(pair, y) / np.log(2)
        assert found.total == pytest.approx(whole, abs=2e-3)
