import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy
from torch.distributions import Normal, kl_divergence

from btw import (
    categorical_kl,
    dataset_gaussian_kl,
    divergence,
    gaussian_kl,
    pooled_variance,
    squared_residuals,
)
from btw.divergence import DIVERGENCE_FLOOR

FINITE = st.floats(-5, 5)


def test_gaussian_kl_by_hand() -> None:
    # variance 1 and 4, means 1 apart: ln 2 + (1 + 1) / 8 - 1 / 2
    value = gaussian_kl([0.0], [1.0], [1.0], [4.0])
    np.testing.assert_allclose(value, np.log(2) + 2 / 8 - 0.5, rtol=1e-14)


def test_gaussian_kl_agrees_with_torch() -> None:
    generator = np.random.default_rng(0)
    means, others = generator.normal(size=(2, 50))
    first, second = generator.uniform(0.1, 3, size=(2, 50))
    expected = kl_divergence(
        Normal(torch.tensor(means), torch.tensor(first).sqrt()),
        Normal(torch.tensor(others), torch.tensor(second).sqrt()),
    )
    result = gaussian_kl(means, first, others, second)
    np.testing.assert_allclose(result, expected.numpy(), rtol=1e-12)


def test_categorical_kl_agrees_with_scipy() -> None:
    p, q = np.random.default_rng(0).dirichlet(np.ones(4), size=(2, 30))
    np.testing.assert_allclose(categorical_kl(p, q), entropy(p, q, axis=1), rtol=1e-9)


def test_categorical_kl_of_an_impossible_class_is_finite() -> None:
    value = categorical_kl([1.0, 0.0], [0.0, 1.0])
    np.testing.assert_allclose(value, np.log(1e7), rtol=1e-5)


@given(arrays(float, (3, 4), elements=st.floats(0.01, 1)))
@settings(deadline=None, max_examples=30)
def test_kl_of_equals_is_zero_and_never_negative(raw: np.ndarray) -> None:
    p = raw / raw.sum(1, keepdims=True)
    np.testing.assert_allclose(categorical_kl(p, p), 0, atol=1e-12)
    assert (categorical_kl(p, p[::-1]) >= 0).all()
    assert (gaussian_kl(raw, raw, raw, raw) == 0).all()


def test_residual_variances_give_the_closed_identity() -> None:
    generator = np.random.default_rng(1)
    y = generator.normal(size=200)
    own, joint = y[:, None] + generator.normal(size=(200, 3)), y + 0.3
    joint += generator.normal(size=200)
    a, b = y[:, None] - own, (y - joint)[:, None]
    ratio, sign = np.abs(a / b), np.sign(a * b)
    expected = ratio**2 - sign * ratio - np.log(ratio)
    result = divergence(
        own,
        joint,
        "regression",
        None,
        squared_residuals(own, y),
        squared_residuals(joint, y),
    )
    np.testing.assert_allclose(result, np.maximum(expected, 1e-5), rtol=1e-7)


def test_zero_residuals_stay_finite() -> None:
    y = np.array([0.0, 1.0, 2.0])
    own = np.stack([y, y + 1], axis=1)
    for joint in (y, y + 1):
        own_variance = squared_residuals(own, y)
        joint_variance = squared_residuals(joint, y)
        values = divergence(
            own, joint, "regression", None, own_variance, joint_variance
        )
        assert np.isfinite(values).all()
        assert (values >= 1e-5).all()
    assert squared_residuals(y, y).tolist() == [1e-12] * 3


def test_pooled_variance_over_present_rows_only() -> None:
    predictions = [[1.0, np.nan], [3.0, 5.0]]
    present = [[True, False], [True, True]]
    result = pooled_variance(predictions, [0.0, 0.0], present)
    assert result.tolist() == [5.0, 25.0]
    assert pooled_variance([1.0, 3.0], [0.0, 0.0]) == 5.0


def test_pooled_variance_floors() -> None:
    targets = [0.0, 2.0]  # variance 1
    assert pooled_variance(targets, targets) == pytest.approx(1e-3)
    assert pooled_variance(targets, targets, floor=0.25) == 0.25
    assert pooled_variance([1.0, 1.0], [1.0, 1.0]) == 1e-12
    absent = [[False], [False]]
    assert pooled_variance([[9.0], [9.0]], targets, absent)[0] == pytest.approx(1e-3)


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_values_of_absent_modalities_never_matter(task: str) -> None:
    generator = np.random.default_rng(2)
    classes = (4,) if task == "classification" else ()
    raw = generator.uniform(0.1, 1, size=(6, 3, *classes))
    own = raw / raw.sum(-1, keepdims=True) if classes else raw
    joint = own.mean(1)
    present = generator.random((6, 3)) < 0.5
    spread = () if classes else (np.ones((6, 3)), 1.0)
    expected = divergence(own, joint, task, present, *spread)
    own[~present] = np.nan
    if spread:
        spread[0][~present] = -1.0
    result = divergence(own, joint, task, present, *spread)
    np.testing.assert_array_equal(result, expected)
    assert (result[~present] == 0).all()
    assert (result[present] >= 1e-5).all()


def test_blocks_do_not_change_a_row() -> None:
    generator = np.random.default_rng(3)
    own, joint = generator.normal(size=(40_000, 3)), generator.normal(size=40_000)
    whole = divergence(own, joint, "regression", None, np.ones(3), 2.0)
    rows = np.array([0, 10_922, 10_923, 39_999])
    part = divergence(own[rows], joint[rows], "regression", None, np.ones(3), 2.0)
    np.testing.assert_array_equal(whole[rows], part)


@given(arrays(float, (5, 3), elements=FINITE), st.permutations(range(3)))
@settings(deadline=None, max_examples=30)
def test_modalities_permute(own: np.ndarray, order: list[int]) -> None:
    spread = np.array([0.5, 1.0, 2.0])
    joint = own.mean(1)
    whole = divergence(own, joint, "regression", None, spread, 1.0)
    swapped = divergence(own[:, order], joint, "regression", None, spread[order], 1.0)
    np.testing.assert_array_equal(whole[:, order], swapped)


def test_tensors_come_back_as_tensors_without_gradient() -> None:
    own = torch.zeros(2, 3, requires_grad=True)
    joint = torch.ones(2, dtype=torch.bfloat16)
    result = divergence(own, joint, "regression", None, torch.ones(3), 1.0)
    assert isinstance(result, torch.Tensor)
    assert result.dtype == torch.bfloat16
    assert not result.requires_grad
    assert result.tolist() == [[0.5] * 3] * 2
    assert gaussian_kl(own, own + 1, own, own + 1).dtype == torch.float32


def test_dataset_gaussian_kl_is_that_of_fitted_normals() -> None:
    generator = np.random.default_rng(4)
    y = generator.normal(size=40)
    own, joint = y[:, None] + generator.normal(size=(40, 2)), y + 0.5
    present = np.ones((40, 2), dtype=bool)
    present[30:, 1] = False
    own[~present] = np.nan
    result = dataset_gaussian_kl(own, joint, y, present)
    rows = slice(0, 30)
    expected = gaussian_kl(
        own[rows, 1].mean(),
        np.square(own[rows, 1] - y[rows]).mean(),
        joint[rows].mean(),
        0.25,
    )
    np.testing.assert_allclose(result[1], expected, rtol=1e-12)
    assert dataset_gaussian_kl(own, joint, y, present & False).tolist() == [1e-5] * 2


OWN, JOINT, SPREAD = np.zeros((4, 2)), np.zeros(4), (np.ones(2), 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((OWN, JOINT, "ranking"), "task: got 'ranking'"),
        ((OWN[0], JOINT, "regression", None, *SPREAD), "unimodal: got shape"),
        ((OWN, OWN, "regression", None, *SPREAD), "multimodal: got shape"),
        ((OWN, JOINT[:3], "regression", None, *SPREAD), "multimodal: got shape"),
        ((OWN, JOINT, "regression", OWN[:, :1], *SPREAD), "present: got shape"),
        ((OWN, JOINT, "regression", OWN + 2, *SPREAD), "other than 0 and 1"),
        ((OWN, JOINT, "regression"), "unimodal_variance: missing"),
        ((OWN, JOINT, "regression", None, np.ones(2)), "multimodal_variance: missing"),
        ((OWN, JOINT, "regression", None, np.ones(3), 1.0), "unimodal_variance: got"),
        ((OWN, JOINT, "regression", None, np.zeros(2), 1.0), "2 values are not pos"),
        ((OWN, JOINT, "regression", None, np.ones(2), np.nan), "multimodal_variance"),
        ((OWN + np.nan, JOINT, "regression", None, *SPREAD), "unimodal: 8 values"),
        ((OWN, JOINT + np.inf, "regression", None, *SPREAD), "multimodal: 4 values"),
        ((OWN[..., None] + 2, OWN[:, :1] + 1, "classification"), "unimodal: got val"),
        ((OWN[..., None] + 0.5, OWN[:, :1] + 1, "classification"), "misses the sum"),
        ((OWN[..., None] + 1, OWN[:, :1] - 1, "classification"), "multimodal: got val"),
        (
            (OWN[..., None] + 1, OWN[:, :1] + 1, "classification", None, *SPREAD),
            "classification has none",
        ),
    ],
)
def test_bad_input_is_named(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        divergence(*arguments)


def test_bad_input_of_the_formulas_is_named() -> None:
    with pytest.raises(ValueError, match=r"variance_b: 1 values .* smallest is -1"):
        gaussian_kl([0.0], [1.0], [0.0], [-1.0])
    with pytest.raises(ValueError, match="mean_a: 1 values"):
        gaussian_kl([np.nan], [1.0], [0.0], [1.0])
    with pytest.raises(ValueError, match="same classes"):
        categorical_kl([0.5, 0.5], [1.0])
    with pytest.raises(ValueError, match="p: a row misses"):
        categorical_kl([0.5, 0.1], [0.5, 0.5])
    with pytest.raises(ValueError, match="targets: got 1 beside 2"):
        squared_residuals([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="present: pass it only"):
        pooled_variance([1.0], [1.0], [True])
    with pytest.raises(TypeError, match="targets: got values of type"):
        squared_residuals([1.0], ["a"])


def test_a_row_of_zeros_predicts_nothing() -> None:
    own = np.array([[[0.0, 0.0], [0.9, 0.1]], [[0.5, 0.5], [0.2, 0.8]]])
    joint = np.array([[0.3, 0.7], [0.6, 0.4]])
    found = divergence(own, joint, "classification")
    assert found[0, 0] == DIVERGENCE_FLOOR
    rest = [categorical_kl(own[i, m], joint[i]) for i, m in ((0, 1), (1, 0), (1, 1))]
    assert np.allclose([found[0, 1], found[1, 0], found[1, 1]], rest)
    with pytest.raises(ValueError, match="unimodal: a row misses the sum 1"):
        divergence(own * 0.5, joint, "classification")
    with pytest.raises(ValueError, match="multimodal: a row misses the sum 1"):
        divergence(own, joint * [[0.0], [1.0]], "classification")
