import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.feature_selection import mutual_info_regression
from sklearn.metrics import mutual_info_score

from btw import continuous_information, discrete_information, modality_information


def sklearn_information(
    x: np.ndarray, y: np.ndarray, neighbors: int = 3, random_state: int = 0
) -> float:
    return mutual_info_regression(
        x[:, None].astype(np.float64),
        y.astype(np.float64),
        n_neighbors=neighbors,
        random_state=random_state,
    )[0]


def test_discrete_by_hand() -> None:
    assert discrete_information([0, 0, 1, 1], [0, 0, 1, 1]) == pytest.approx(np.log(2))
    assert discrete_information([0, 0, 1, 1], [0, 1, 0, 1]) == 0
    assert discrete_information([3, 3, 3], [0, 1, 2]) == 0


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 400)), min_size=1),
    st.sampled_from([np.int64, np.int16, np.float32, str]),
)
@settings(deadline=None, max_examples=60)
def test_discrete_agrees_with_sklearn(pairs: list[tuple[int, int]], kind: type) -> None:
    a, b = np.array(pairs).T
    expected = mutual_info_score(a, b)
    result = discrete_information(a.astype(kind), b.astype(kind))
    assert result == pytest.approx(expected, abs=1e-12)


# every way of counting: few, many and very many labels of few or many classes
@pytest.mark.parametrize("samples", [50, 9_999, 65_535, 65_536, 65_537, 200_001])
@pytest.mark.parametrize("classes", [2, 7, 20, 300, 2_000])
def test_discrete_agrees_at_every_size(samples: int, classes: int) -> None:
    generator = np.random.default_rng(samples)
    a = generator.integers(classes, size=samples)
    b = (a + generator.integers(3, size=samples)) % classes
    expected = mutual_info_score(a, b)
    assert discrete_information(a, b) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("samples", [4, 5, 7, 60, 2_199, 23_500, 100_000])
def test_continuous_agrees_with_sklearn(samples: int) -> None:
    generator = np.random.default_rng(samples)
    x = generator.normal(size=samples)
    y = x + generator.normal(size=samples)
    expected = sklearn_information(x, y)
    assert continuous_information(x, y) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("digits", [0, 1, 2])
@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_continuous_agrees_with_ties(digits: int, shift: float) -> None:
    generator = np.random.default_rng(digits)
    x = generator.normal(size=1_500)
    y = np.round(x + generator.normal(size=1_500), digits) + shift
    x = np.round(x, digits).astype(np.float32) - shift
    for neighbors, state in ((3, 0), (1, 5), (6, 0)):
        expected = sklearn_information(x, y, neighbors, state)
        result = continuous_information(x, y, neighbors, state)
        assert result == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scale", [0.0, 1e-17, 1e-300, 1e150])
def test_continuous_agrees_where_scaling_degenerates(scale: float) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 300))
    for first, second in ((x * scale, y), (x, y * scale), (x * scale + 7, x + y)):
        expected = sklearn_information(first, second)
        result = continuous_information(first, second)
        assert result == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=4))
@settings(deadline=None, max_examples=40)
def test_continuous_agrees_on_a_lattice(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, dtype=np.float64).T
    expected = sklearn_information(x, y)
    assert continuous_information(x, y) == pytest.approx(expected, abs=1e-12)


def test_modality_information_is_the_normalized_estimate() -> None:
    generator = np.random.default_rng(0)
    joint = generator.normal(size=400)
    own = joint[:, None] + generator.normal(size=(400, 3)) * [0.1, 1.0, 4.0]
    present = generator.random((400, 3)) < [1.0, 0.7, 0.5]
    own[~present] = np.nan
    raw = [
        sklearn_information(own[rows, m], joint[rows])
        for m, rows in enumerate(present.T)
    ]
    result = modality_information(own, joint, "regression", present)
    expected = np.maximum(raw, 1e-5)
    np.testing.assert_allclose(result, expected / expected.sum(), rtol=1e-12)
    assert result[0] > result[1] > result[2]


def test_modality_information_of_classes() -> None:
    generator = np.random.default_rng(0)
    own = generator.dirichlet(np.ones(4), size=(300, 2))
    joint = 0.8 * own[:, 0] + 0.2 * own[:, 1]
    raw = [mutual_info_score(own[:, m].argmax(1), joint.argmax(1)) for m in range(2)]
    result = modality_information(own, joint, "classification")
    np.testing.assert_allclose(result, np.array(raw) / np.sum(raw), rtol=1e-12)


@given(st.permutations(range(3)))
@settings(deadline=None, max_examples=6)
def test_modalities_and_samples_permute(order: list[int]) -> None:
    joint = np.random.default_rng(1).normal(size=60)
    own = np.stack([joint, joint**3 + 2, np.cos(5 * joint)], axis=1)
    whole = modality_information(own, joint, "regression")
    swapped = modality_information(own[:, order], joint, "regression")
    np.testing.assert_allclose(whole[order], swapped, rtol=1e-12)
    turned = modality_information(own[::-1], joint[::-1], "regression")
    np.testing.assert_allclose(whole, turned, rtol=1e-6)


def test_scarce_modality_gets_the_floor_and_a_warning() -> None:
    joint = np.arange(50.0)
    own = np.stack([joint, joint], axis=1)
    present = np.ones((50, 2), dtype=bool)
    present[3:, 1] = False
    with pytest.warns(UserWarning, match="modality audio: present in 3 rows"):
        result = modality_information(
            own, joint, "regression", present, names=("text", "audio")
        )
    information = continuous_information(joint, joint)
    assert result[1] == pytest.approx(1e-5 / (information + 1e-5), rel=1e-12)
    present[3, 1] = True  # neighbors + 1 rows are enough
    modality_information(own, joint, "regression", present)
    present[:, 0] = False
    with pytest.warns(UserWarning, match="modality number 0: present in 0 rows"):
        modality_information(own, joint, "regression", present)


def test_identical_and_constant_modalities_share_equally() -> None:
    joint = np.random.default_rng(0).normal(size=30)
    same = np.repeat(joint[:, None], 4, axis=1)
    assert modality_information(same, joint, "regression").tolist() == [0.25] * 4
    constant = modality_information(np.ones((9, 2)), np.ones(9), "regression")
    assert constant.sum() == pytest.approx(1)


def test_tensors_come_back_as_tensors() -> None:
    joint = torch.arange(20.0)
    result = modality_information(joint[:, None].repeat(1, 2), joint, "regression")
    assert isinstance(result, torch.Tensor)
    assert result.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.arange(3.0), np.arange(3.0)), "above neighbors = 3"),
        ((np.arange(5.0), np.arange(6.0)), "got 5 and 6 samples"),
        ((np.arange(5.0), np.arange(5.0), 0), "neighbors: got 0"),
        ((np.ones((5, 1)), np.arange(5.0)), r"x: got shape \(5, 1\)"),
        ((np.arange(5.0), np.full(5, np.nan)), "y: 5 values are not finite"),
    ],
)
def test_bad_continuous_input_is_named(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        continuous_information(*arguments)


@pytest.mark.parametrize(("a", "b"), [([], []), ([1], [1, 2]), ([[1]], [[1]])])
def test_bad_discrete_input_is_named(a: list, b: list) -> None:
    with pytest.raises(ValueError, match="a, b: got shapes"):
        discrete_information(a, b)


@pytest.mark.parametrize("samples", [150, 600])
def test_the_plug_in_estimate_has_the_stated_bias(samples: int) -> None:
    p, q = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.25, 0.25, 0.25, 0.25])

    def expected_entropy(chances: np.ndarray) -> float:
        counts = np.arange(1, samples + 1)
        parts = -counts / samples * np.log(counts / samples)
        return float(sum(binom.pmf(counts, samples, c) @ parts for c in chances))

    # Of independent labels, whose information is 0: every count is binomial.
    joint = np.multiply.outer(p, q).ravel()
    exact = expected_entropy(p) + expected_entropy(q) - expected_entropy(joint)
    assert exact == pytest.approx(9 / (2 * samples), rel=0.06)
    draw = np.random.default_rng(0)
    found = [
        discrete_information(draw.choice(4, samples, p=p), draw.choice(4, samples, p=q))
        for _ in range(1500)
    ]
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - exact) < 4 * error < 0.1 * exact
