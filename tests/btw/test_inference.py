import numpy as np
import pytest
import torch

from btw import InferenceState, combined_weights, divergence, scaled, shares


def state(variant: str = "bi_level", task: str = "regression") -> InferenceState:
    regression = task == "regression"
    return InferenceState(
        task=task,
        variant=variant,
        scale="mean_one",
        mean_weights=np.array([1.5, 1.0, 0.5]),
        factor=0.3,
        information=np.array([0.1, 0.2, 0.7]),
        averaged=np.array([0.5, 0.3, 0.2]),
        unimodal_variance=np.array([0.5, 1.0, 2.0]) if regression else None,
        multimodal_variance=0.4 if regression else None,
    )


def instances(samples: int = 50) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    own = generator.normal(size=(samples, 3))
    present = generator.random((samples, 3)) < 0.7
    return own, generator.normal(size=samples), present


def test_prior_is_the_mean_restricted_and_scaled() -> None:
    present = np.array([[True, True, True], [True, False, True], [False] * 3])
    expected = [[1.5, 1.0, 0.5], [1.5, 0.0, 0.5], [0.0, 0.0, 0.0]]
    np.testing.assert_allclose(state().prior(present), expected, rtol=1e-14)


@pytest.mark.parametrize("variant", ["instance", "bi_level"])
def test_second_pass_by_its_formula(variant: str) -> None:
    own, first, present = instances()
    current = state(variant)
    distance = divergence(
        own, first, "regression", present, current.unimodal_variance, 0.4
    )
    rows = combined_weights(
        shares(distance, present), current.information, present, variant, "mean_one"
    )
    prior = scaled(np.tile(current.mean_weights, (50, 1)), present, "mean_one")
    result = current.infer(own, first, present)
    np.testing.assert_allclose(result, 0.3 * rows + 0.7 * prior, rtol=1e-12)
    np.testing.assert_allclose(result.sum(1), present.sum(1), rtol=1e-12)


@pytest.mark.parametrize("variant", ["modality", "averaged_instance"])
def test_modality_level_variants_return_the_prior(variant: str) -> None:
    own, first, present = instances()
    result = state(variant).infer(own, first, present)
    np.testing.assert_array_equal(result, state(variant).prior(present))


def test_a_row_does_not_depend_on_the_others() -> None:
    own, first, present = instances(40_000)
    whole = state().infer(own, first, present)
    order = np.random.default_rng(1).permutation(40_000)[:500]
    some = state().infer(own[order], first[order], present[order])
    np.testing.assert_array_equal(whole[order], some)
    for i in order[:20]:
        row = slice(i, i + 1)
        one = state().infer(own[row], first[row], present[row])
        np.testing.assert_array_equal(whole[row], one)


def test_absent_values_never_matter() -> None:
    own, first, present = instances()
    expected = state().infer(own, first, present)
    own[~present] = np.nan
    np.testing.assert_array_equal(state().infer(own, first, present), expected)


def test_overrides_replace_the_state() -> None:
    own, first, present = instances()
    spread = {
        "unimodal_variance": np.square(own) + 0.1,
        "multimodal_variance": first**2,
    }
    result = state().infer(own, first, present, **spread)
    assert not np.allclose(result, state().infer(own, first, present))
    information = np.array([1.0, 0.0, 0.0])
    other = state("modality").infer(own, first, present, information=information)
    expected = 0.3 * scaled(np.tile(information, (50, 1)), present, "mean_one")
    expected += 0.7 * state().prior(present)
    np.testing.assert_allclose(other, expected, rtol=1e-12)
    with pytest.raises(ValueError, match="variant instance uses none"):
        state("instance").infer(own, first, present, information=information)


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_arrays_hold_the_state_exactly(task: str) -> None:
    before = state("instance", task)
    arrays = before.to_arrays()
    assert all(isinstance(array, np.ndarray) for array in arrays.values())
    after = InferenceState.from_arrays(arrays)
    for name, value in vars(before).items():
        np.testing.assert_array_equal(getattr(after, name), value)
        assert type(getattr(after, name)) is type(value)


def test_missing_variances_are_named() -> None:
    own, first, _ = instances()
    arrays = state().to_arrays()
    del arrays["unimodal_variance"]
    bare = InferenceState.from_arrays(arrays)
    with pytest.raises(ValueError, match="unimodal_variance: the state holds none"):
        bare.infer(own, first)
    bare.infer(own, first, unimodal_variance=np.ones(3))


def test_bad_states_are_named() -> None:
    with pytest.raises(ValueError, match="variant: got 'local'"):
        state("local")
    arrays = state().to_arrays()
    with pytest.raises(ValueError, match="unknown or missing extra"):
        InferenceState.from_arrays(arrays | {"extra": np.ones(1)})
    del arrays["mean_weights"]
    with pytest.raises(ValueError, match="unknown or missing mean_weights"):
        InferenceState.from_arrays(arrays)
    with pytest.raises(ValueError, match="present: got shape"):
        state().prior(np.ones((2, 4), dtype=bool))


def test_tensors_come_back_as_tensors() -> None:
    own, first, present = (torch.tensor(x) for x in instances())
    result = state().infer(own.float(), first.float(), present)
    assert result.dtype == torch.float32
    assert isinstance(state().prior(present), torch.Tensor)
