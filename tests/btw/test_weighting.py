import subprocess
import sys

import numpy as np
import pytest
import torch

import btw
from btw import (
    InferenceState,
    ModalityWeighting,
    combined_weights,
    scaled,
    shares,
)
from tests.btw.made_training import JOINT_SPREAD, SPREAD, VARIANTS, fitted, train


@pytest.mark.parametrize("variant", VARIANTS)
def test_three_epochs_by_their_formula(variant: str) -> None:
    own, joint, _, present = train()
    weighting = fitted(variant)
    every = np.ones_like(present)
    is_global = variant in ("averaged_instance", "modality")
    expected, factor = weighting.weights, 0.5
    if is_global:
        expected = weighting.prior(every)
    for epoch, score in enumerate((1.0, 0.9, 0.95)):
        current = joint + 0.1 * (epoch + 1) * own[:, 0]
        result = weighting.update(current, score, **JOINT_SPREAD)
        distance = btw.divergence(own, current, "regression", present, *SPREAD.values())
        rows = shares(distance, present)
        information = btw.modality_information(own, current, "regression", present)
        averaged = btw.common_weights(rows, present)
        mask = every if is_global else present
        new = combined_weights(rows, information, mask, variant, averaged=averaged)
        expected = factor * new + (1 - factor) * expected
        restricted = scaled(expected, present) if is_global else expected
        np.testing.assert_allclose(result, restricted, rtol=1e-12)
        factor += 0.05 if score != 0.95 else -0.05
    assert weighting.factor == pytest.approx(factor)


@pytest.mark.parametrize("variant", VARIANTS)
def test_rows_sum_to_one_over_present_modalities(variant: str) -> None:
    present = train()[-1]
    weights = fitted(variant).update(train(1)[1], 1.0, **JOINT_SPREAD)
    np.testing.assert_allclose(weights.sum(1), present.any(1), rtol=1e-12)
    assert (weights[~present] == 0).all()


def test_inference_between_observe_and_step_is_that_of_the_epoch() -> None:
    own, joint, _, present = train()
    weighting = fitted()
    before = weighting.weights
    weighting.observe(joint + own[:, 1], **JOINT_SPREAD)
    state = weighting.state()
    means = btw.common_weights(before, present)
    np.testing.assert_array_equal(state.mean_weights, means)
    assert state.factor == 0.5
    new = btw.modality_information(own, joint + own[:, 1], "regression", present)
    np.testing.assert_array_equal(state.information, new)
    np.testing.assert_array_equal(weighting.infer(own, joint), state.infer(own, joint))
    np.testing.assert_array_equal(weighting.prior(present), state.prior(present))


def test_leak_free_pools_the_variances() -> None:
    own, joint, y, present = train()
    weighting = ModalityWeighting("regression")
    held_out = {"held_out": joint[:20] + 1, "held_out_targets": y[:20]}
    weighting.fit(own, joint, present=present, targets=y, **held_out)
    state = weighting.state()
    expected = btw.pooled_variance(own, y, present)
    np.testing.assert_array_equal(state.unimodal_variance, expected)
    assert state.multimodal_variance == btw.pooled_variance(joint[:20] + 1, y[:20])
    exact = {"held_out": y[:20], "held_out_targets": y[:20]}
    weighting.observe(joint, **exact)
    assert weighting.state().multimodal_variance == pytest.approx(1e-3 * y.var())
    assert weighting.infer(own, joint).shape == own.shape


def test_published_uses_the_label_of_each_instance() -> None:
    own, joint, y, present = train()
    weighting = ModalityWeighting("regression", "instance", protocol="published")
    first = weighting.fit(own, joint, present=present, targets=y)
    np.testing.assert_array_equal(first, present.astype(float))
    second = weighting.update(joint, 0.5, targets=y)
    spread = btw.squared_residuals(own, y), btw.squared_residuals(joint, y)
    rows = shares(btw.divergence(own, joint, "regression", present, *spread), present)
    np.testing.assert_allclose(second, 0.5 * rows + 0.5 * present, rtol=1e-12)
    assert weighting.state().unimodal_variance is None
    with pytest.raises(ValueError, match="the state holds none"):
        weighting.infer(own, joint, present)
    labeled = weighting.infer(own, joint, present, targets=y)
    assert not np.allclose(labeled, weighting.infer(own, joint, present, targets=-y))


def test_classification_needs_no_labels() -> None:
    generator = np.random.default_rng(0)
    own = generator.dirichlet(np.ones(4), size=(40, 3))
    joint = own.mean(1)
    weighting = ModalityWeighting("classification", modalities=("ts", "notes", "ecg"))
    weighting.fit(own, joint)
    weights = weighting.update(joint[::-1], 0.6, higher_is_better=True)
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-12)
    assert weighting.infer(own[:2], joint[:2]).shape == (2, 3)


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_present_modality_and_identical_ones_are_neutral(variant: str) -> None:
    own, joint, _, _ = train()
    present = np.zeros((60, 3), dtype=bool)
    present[:, 0] = True
    weighting = ModalityWeighting("regression", variant, neighbors=1, scale="mean_one")
    if variant in ("modality", "bi_level"):
        with pytest.warns(UserWarning, match="present in 0 rows"):
            weights = weighting.fit(own, joint, present=present, **SPREAD)
    else:
        weights = weighting.fit(own, joint, present=present, **SPREAD)
    np.testing.assert_allclose(weights, present, rtol=1e-12)
    same = np.repeat(joint[:, None], 3, axis=1)
    spread = {"unimodal_variance": np.ones(3), "multimodal_variance": 1.0}
    np.testing.assert_allclose(weighting.fit(same, joint, **spread), 1, rtol=1e-12)


def test_samples_and_modalities_permute() -> None:
    own, joint, y, present = train()
    order, rows = [2, 0, 1], np.random.default_rng(3).permutation(60)
    labels = {"held_out": joint[:30], "held_out_targets": y[:30]}
    whole = ModalityWeighting("regression", "instance").fit(
        own, joint, present=present, targets=y, **labels
    )
    turned = ModalityWeighting("regression", "instance").fit(
        own[rows][:, order],
        joint[rows],
        present=present[rows][:, order],
        targets=y[rows],
        **labels,
    )
    np.testing.assert_allclose(turned, whole[rows][:, order], rtol=1e-12)


def test_held_factor_does_not_move() -> None:
    weighting = fitted(alpha=0.4)
    weighting.update(train()[1], held=True, **JOINT_SPREAD)
    assert weighting.factor == 0.4
    weighting.update(train()[1], 0.1, held=True, **JOINT_SPREAD)
    assert weighting.factor == 0.4


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("protocol", ["leak_free", "published"])
def test_state_dict_resumes_exactly(variant: str, protocol: str) -> None:
    own, joint, y, present = train()
    explicit = SPREAD if protocol == "leak_free" else {"targets": y}
    current = JOINT_SPREAD if protocol == "leak_free" else {}
    first = ModalityWeighting("regression", variant, protocol=protocol)
    first.fit(own, joint, present=present, **explicit)
    first.update(joint + 0.2, 1.0, **current)
    first.observe(joint - 0.1, **current)
    second = ModalityWeighting("regression", variant, protocol=protocol)
    second.load_state_dict(first.state_dict())
    for score in (0.9, 2.0, 0.8):
        np.testing.assert_array_equal(first.step(score), second.step(score))
        for weighting in (first, second):
            weighting.observe(joint * score, **current)
        assert first.factor == second.factor
    arrays = first.state().to_arrays()
    for name, array in second.state().to_arrays().items():
        np.testing.assert_array_equal(array, arrays[name])
    restored = InferenceState.from_arrays(arrays)
    np.testing.assert_array_equal(restored.prior(present), first.prior(present))


def test_load_refuses_other_settings() -> None:
    saved = fitted("instance").state_dict()
    with pytest.raises(ValueError, match="state: variant is 0"):
        ModalityWeighting("regression").load_state_dict(saved)
    other = ModalityWeighting("regression", "instance", alpha_step=0.1)
    with pytest.raises(
        ValueError, match=r"alpha_step is 0\.05, this weighting has 0\.1"
    ):
        other.load_state_dict(saved)
    one = ModalityWeighting("regression", "modality")
    saved_vector = fitted("modality").state_dict()
    del saved_vector["vector"]
    with pytest.raises(ValueError, match="state: vector missing"):
        one.load_state_dict(saved_vector)
    del saved["best"]
    with pytest.raises(ValueError, match="state: best missing"):
        ModalityWeighting("regression", "instance").load_state_dict(saved)


def test_tensors_come_back_as_tensors() -> None:
    own, joint, _, present = (torch.tensor(x) for x in train())
    weighting = ModalityWeighting("regression")
    leaf = joint.float().requires_grad_()
    weights = weighting.fit(own.float(), leaf, present=present, **SPREAD)
    assert (weights.dtype, weights.requires_grad) == (torch.float32, False)
    assert isinstance(weighting.update(leaf, 1.0, **JOINT_SPREAD), torch.Tensor)
    assert isinstance(weighting.weights, torch.Tensor)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "ranking"}, "task: got 'ranking'"),
        ({"variant": "local"}, "variant: got 'local'"),
        ({"protocol": "leaky"}, "protocol: got 'leaky'"),
        ({"scale": "one"}, "scale: got 'one'"),
        ({"initial": "zeros"}, "initial: got 'zeros'"),
        ({"neighbors": 0}, "neighbors: got 0"),
        ({"alpha": 2.0}, "alpha: got 2"),
        ({"alpha_step": -1.0}, "step: got -1"),
    ],
)
def test_bad_options_are_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModalityWeighting(**({"task": "regression"} | options))


@pytest.mark.parametrize(
    ("options", "labels", "message"),
    [
        ({}, {}, "targets: missing"),
        ({}, {"targets": True}, "held_out: missing"),
        ({}, {"targets": True, "held_out": True}, "held_out_targets: missing"),
        ({"protocol": "published"}, {}, "targets: missing"),
        ({"protocol": "published"}, {"held_out": True}, "pass targets instead"),
        ({"modalities": ("text",)}, {}, "got 3 modalities; pass the 1 named text"),
    ],
)
def test_missing_labels_are_named(options: dict, labels: dict, message: str) -> None:
    own, joint, y, _ = train()
    arrays = {"targets": y, "held_out": joint, "held_out_targets": y}
    weighting = ModalityWeighting("regression", **options)
    with pytest.raises(ValueError, match=message):
        weighting.fit(own, joint, **{name: arrays[name] for name in labels})


def test_labels_and_calls_out_of_place_are_named() -> None:
    own, joint, y, _ = train()
    weighting = fitted()
    with pytest.raises(ValueError, match="inference never sees labels"):
        weighting.infer(own, joint, targets=y)
    with pytest.raises(ValueError, match="pass held_out and held_out_targets"):
        weighting.observe(joint, targets=y)
    with pytest.raises(ValueError, match="nothing observed"):
        weighting.step(1.0)
    with pytest.raises(ValueError, match="score: missing"):
        weighting.update(joint, **JOINT_SPREAD)
    with pytest.raises(ValueError, match="call fit first"):
        ModalityWeighting("regression").observe(joint)
    uniform = np.full((4, 2, 2), 0.5)
    classes = ModalityWeighting("classification", "modality", neighbors=1)
    with pytest.raises(ValueError, match="classification uses no labels"):
        classes.fit(uniform, uniform[:, 0], targets=y[:4])
    with pytest.raises(ValueError, match="classification has none"):
        classes.fit(uniform, uniform[:, 0], unimodal_variance=[1.0, 1.0])


def test_import_needs_numpy_and_scipy_only() -> None:
    program = (
        "import sys; sys.modules['jaxtyping'] = None; import btw; "
        "print([m for m in ('torch', 'sklearn', 'pandas') if m in sys.modules]); "
        "print(btw.shares([[1.0, 3.0]]).tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["[]", "[[0.25, 0.75]]"]
