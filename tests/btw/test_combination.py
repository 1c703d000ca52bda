import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize

from btw import combined_weights, common_weights, present_mean, scaled, shares

WEIGHTS = arrays(float, (6, 3), elements=st.floats(0, 1e12))
MASKS = arrays(bool, (6, 3))


@given(WEIGHTS, MASKS, st.sampled_from(["mean_one", "sum_one"]))
@settings(deadline=None, max_examples=80)
def test_rows_have_the_documented_total(
    weights: np.ndarray, present: np.ndarray, scale: str
) -> None:
    result = scaled(weights, present, scale)
    counts = present.sum(1)
    totals = counts if scale == "mean_one" else (counts > 0).astype(float)
    np.testing.assert_allclose(result.sum(1), totals, rtol=1e-12)
    assert (result >= 0).all()
    assert (result[~present] == 0).all()


def test_scaled_by_hand() -> None:
    present = [[True, True, False], [True, False, True], [True] * 3, [False] * 3]
    weights = [[3.0, 1.0, np.nan], [0.0, 5.0, 0.0], [1.0, 2.0, 3.0], [1.0] * 3]
    expected = [[1.5, 0.5, 0], [1, 0, 1], [0.5, 1, 1.5], [0, 0, 0]]
    assert scaled(weights, present, "mean_one").tolist() == expected


def test_shares_at_the_floor_are_uniform() -> None:
    present = np.array([[True, True, True, True], [True, False, True, False]])
    result = shares(np.full((2, 4), 1e-5) * present, present)
    np.testing.assert_allclose(result, [[0.25] * 4, [0.5, 0, 0.5, 0]], rtol=1e-14)


SHARES = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])
INFORMATION = np.array([0.2, 0.2, 0.6])


@pytest.mark.parametrize(
    ("variant", "rows"),
    [
        ("instance", SHARES),
        ("modality", np.array([INFORMATION] * 2)),
        ("bi_level", SHARES * INFORMATION),
        ("averaged_instance", np.array([SHARES.mean(0)] * 2)),
    ],
)
@pytest.mark.parametrize("scale", ["mean_one", "sum_one"])
def test_variants_by_their_formula(variant: str, rows: np.ndarray, scale: str) -> None:
    present = np.array([[True, True, True], [True, False, True]])
    kept = rows * present
    expected = kept / kept.sum(1, keepdims=True)
    if scale == "mean_one":
        expected *= present.sum(1, keepdims=True)
    result = combined_weights(
        SHARES, INFORMATION, present, variant, scale, averaged=SHARES.mean(0)
    )
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_present_mean_by_hand() -> None:
    values = [[1.0, 8.0, np.nan], [3.0, np.nan, np.inf]]
    present = [[True, True, False], [True, False, False]]
    assert present_mean(values, present).tolist() == [2.0, 8.0, 0.0]


def test_common_weights_are_those_of_luces_model() -> None:
    generator = np.random.default_rng(0)
    present = generator.random((300, 4)) < [1.0, 0.7, 0.4, 0.3]
    given = shares(generator.gamma(2.0, size=(300, 4)) * [1, 2, 3, 4], present)

    def loss(logs: np.ndarray) -> float:
        odds = np.where(present, np.exp(logs), 0.0)
        chances = odds / odds.sum(1, keepdims=True)
        return -float((given * np.log(np.where(present, chances, 1.0))).sum())

    best = np.exp(minimize(loss, np.zeros(4), tol=1e-10).x)
    found = common_weights(given, present)
    np.testing.assert_allclose(found / found.sum(), best / best.sum(), rtol=1e-4)
    restricted = scaled(np.tile(found, (300, 1)), present, "sum_one")
    np.testing.assert_allclose(restricted.sum(0), given.sum(0), rtol=1e-12)
    plain = scaled(np.tile(present_mean(given, present), (300, 1)), present, "sum_one")
    assert np.abs(plain.sum(0) / given.sum(0) - 1).max() > 0.05  # what it is for


def test_common_weights_of_restrictions_are_the_vector() -> None:
    present = np.array([[1, 1, 1], [1, 1, 0], [0, 1, 1], [0, 0, 1], [0, 0, 0]]) > 0
    rows = scaled(np.tile([0.2, 0.5, 0.3], (5, 1)), present, "mean_one")
    found = common_weights(rows, present)
    np.testing.assert_allclose(found / found.sum(), [0.2, 0.5, 0.3], rtol=1e-10)
    equal = common_weights(scaled(np.ones((5, 3)), present), present)
    np.testing.assert_allclose(equal, equal[0], rtol=1e-12)


def test_common_weights_where_nothing_compares_two_modalities() -> None:
    apart = np.array([[True, False, False], [False, True, False]])
    assert common_weights(apart * 1.0, apart).tolist() == [1.0, 1.0, 0.0]
    assert common_weights(apart * 0.0, apart).tolist() == [0.0, 0.0, 0.0]
    values = np.array([[2.0, 1.0], [1.0, 4.0]])
    assert common_weights(values).tolist() == values.mean(0).tolist()


def test_tensors_come_back_as_tensors() -> None:
    result = scaled(torch.tensor([[3.0, 1.0]]), torch.tensor([[True, True]]))
    assert isinstance(result, torch.Tensor)
    assert result.tolist() == [[0.75, 0.25]]
    combined = combined_weights(torch.ones(1, 2), None, np.ones((1, 2)), "instance")
    assert isinstance(combined, torch.Tensor)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0]], None, "max_one"), "scale: got 'max_one'"),
        (([[-1.0, 2.0]], None), "weights: got -1.0"),
        (([[np.nan]], None), "weights: 1 values are not finite"),
        (([1.0], None), r"weights: got shape \(1,\)"),
    ],
)
def test_bad_weights_are_named(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scaled(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SHARES, INFORMATION, SHARES > 0, "local"), "variant: got 'local'"),
        ((None, INFORMATION, SHARES > 0, "instance"), "shares: missing"),
        ((SHARES, None, SHARES > 0, "bi_level"), "information: missing"),
        ((SHARES, None, SHARES > 0, "averaged_instance"), "averaged: missing"),
        ((SHARES, INFORMATION[:2], SHARES > 0, "modality"), "information: got shape"),
        ((SHARES[:1], None, SHARES > 0, "instance"), "shares: got shape"),
        ((SHARES, None, [True] * 3, "instance"), "present: got shape"),
    ],
)
def test_what_a_variant_needs_is_named(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        combined_weights(*arguments)
