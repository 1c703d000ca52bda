"""Labels that a protocol must not see change nothing, bit for bit."""

import numpy as np
import pytest

from repro.cells import fits
from tests.repro.protocol_checks import FIXED, changed, everything
from tests.repro.small_study import (
    ALL_METHODS,
    Trained,
    held_at_one,
    small_params,
    small_study,
    trained,
)


@pytest.fixture(scope="module")
def default() -> Trained:
    """All models of the study with every default."""
    return trained(small_study())


def test_leak_free_results_do_not_depend_on_test_labels(default: Trained) -> None:
    study = small_study()
    assert changed(study, "test", known=default) == set()
    names = set(everything(study, default))
    assert {"text.predictions.train_in_sample", "moe.epochs", "variance.1"} <= names
    assert {f"{m}.weights.test" for m in ALL_METHODS} <= names
    assert "bi_level.checkpoint.states.0.state.multimodal_variance" in names
    assert "instance.checkpoint.states.1.state.unimodal_variance" in names


@pytest.mark.parametrize(
    ("training", "variance"), [("current", "conditional"), ("cross_fitted", "pooled")]
)
def test_options_do_not_read_test_labels(training: str, variance: str) -> None:
    weighting = {"multimodal_train": training, "unimodal_variance": variance}
    study = small_study(small_params((0,), weighting=weighting))
    assert changed(study, "test", ("instance", "bi_level")) == set()


def test_own_label_variance_is_caught_by_the_same_test() -> None:
    found = changed(small_study(names=["own_label_variance"]), "test")
    assert {"instance.predictions.test", "bi_level.weights.test"} <= found
    assert not any(name.startswith("moe.") for name in found)


def test_test_epoch_is_caught_by_the_same_test() -> None:
    settings = small_params(training={"epochs": 4})
    found = changed(small_study(settings, names=["test_epoch"]), "test", ())
    assert "moe.epochs" in found
    assert {"text.epochs", "audio.epochs", "video.epochs"} & found


def test_reading_test_labels_for_the_factor_is_caught() -> None:
    # The score decides on the factor from the second epoch on.
    settings = small_params((0,), training={"epochs": 5})
    study = small_study(settings, names=["test_smoothing"])
    assert "instance.trajectory" in changed(study, "test", ("instance",))


def test_fixed_selection_does_not_depend_on_valid_labels() -> None:
    study = small_study(small_params(weighting=FIXED))
    assert changed(study, "valid") == set()


@pytest.mark.parametrize("option", sorted(FIXED))
def test_valid_labels_matter_once_they_may(option: str) -> None:
    kept = {name: value for name, value in FIXED.items() if name != option}
    settings = small_params((0,), weighting=kept, training={"epochs": 4})
    study = small_study(settings)
    found = changed(study, "valid", ("instance",))
    assert "instance.predictions.test" in found
    assert ("moe.epochs" in found) == (option == "selection")


def test_weights_one_equal_the_unweighted_model_bit_for_bit(
    default: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_at_one(monkeypatch)
    study, moe = small_study(), default.unweighted
    for method in ALL_METHODS:
        result = fits.weighted_result(study, default.evidence, method)
        assert result.epochs == moe.epochs
        for split, predictions in moe.predictions.items():
            assert np.array_equal(result.predictions[split], predictions)
        for name, array in moe.checkpoint.items():
            assert np.array_equal(result.checkpoint[name], array), name


@pytest.mark.parametrize("missing", ["mask", "zero", "embedding"])
@pytest.mark.parametrize("site", ["contribution", "embedding"])
def test_weights_one_are_neutral_in_every_mode(
    missing: str, site: str, default: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_at_one(monkeypatch)
    weighting = {"missing": missing, "site": site}
    settings = small_params((0,), weighting=weighting, training={"epochs": 1})
    study = small_study(settings)
    moe = fits.unweighted_result(study, "moe")
    result = fits.weighted_result(study, default.evidence.of_seeds([0]), "instance")
    given = fits.given_result(study, "ones")
    for split, predictions in moe.predictions.items():
        assert np.array_equal(result.predictions[split], predictions)
        assert np.array_equal(given.predictions[split], predictions)


def test_equal_weights_are_not_neutral(default: Trained) -> None:
    result = fits.given_result(small_study(), "uniform")
    found = np.unique(result.weights["test"]).round(6)
    assert set(found) <= {0.0, 0.333333, 0.5, 1.0}
    moe = default.unweighted.predictions["test"]
    assert not np.array_equal(result.predictions["test"], moe)
