"""The protocol for classes: no label that it must not see changes a bit."""

from dataclasses import replace

import numpy as np
import pytest

from repro.cells import fits
from repro.cells.study import Study
from repro.params.switches import in_force
from tests.repro.protocol_checks import FIXED, changed, everything
from tests.repro.small_study import (
    ALL_METHODS,
    Trained,
    held_at_one,
    small_params,
    small_study,
    trained,
)


def study_of_classes(*names: str, **settings: object) -> Study:
    """Three classes; `settings` go to `small_params`."""
    return small_study(
        small_params(**settings),  # type: ignore[arg-type]
        names=names,
        classes=3,
    )


@pytest.fixture(scope="module")
def default() -> Trained:
    """All models of the study with every default."""
    return trained(study_of_classes())


def test_predictions_are_distributions(default: Trained) -> None:
    for result in (*default.unimodal, default.unweighted, *default.weighted.values()):
        for predictions in result.predictions.values():
            assert predictions.shape[-1] == 3
            np.testing.assert_allclose(predictions.sum(-1), 1)


def test_test_labels_change_nothing(default: Trained) -> None:
    study = study_of_classes()
    assert changed(study, "test", known=default) == set()
    names = set(everything(study, default))
    assert {f"{m}.weights.test" for m in ALL_METHODS} <= names


def test_valid_labels_change_nothing_once_selection_is_fixed() -> None:
    study = study_of_classes(weighting=FIXED)
    assert changed(study, "valid") == set()


def test_valid_labels_matter_for_selection() -> None:
    study = study_of_classes(seeds=(0,), training={"epochs": 4})
    assert "moe.epochs" in changed(study, "valid", ("instance",))


def test_reading_the_test_split_early_is_caught() -> None:
    study = study_of_classes("test_epoch", training={"epochs": 4})
    assert "moe.epochs" in changed(study, "test", ())


def test_weights_of_one_equal_the_unweighted_model(
    default: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_at_one(monkeypatch)
    study = small_study(classes=3)
    for method in ALL_METHODS:
        result = fits.weighted_result(study, default.evidence, method)
        for split, predictions in default.unweighted.predictions.items():
            assert np.array_equal(result.predictions[split], predictions)


def test_one_modality_makes_every_variant_the_unweighted_model() -> None:
    study = study_of_classes(seeds=(0,))
    study = replace(study, inputs=study.inputs.only("text"))
    models = trained(study)
    for method, result in models.weighted.items():
        assert set(np.unique(result.weights["test"])) <= {0.0, 1.0}, method
        for split, predictions in models.unweighted.predictions.items():
            assert np.array_equal(result.predictions[split], predictions), method


def test_every_switch_with_a_meaning_runs() -> None:
    names = sorted(in_force([], "published", "classification"))
    assert "swap_audio_video" not in names
    study = study_of_classes(*names, seeds=(0,), training={"epochs": 1})
    models = trained(study, ("instance", "bi_level"))
    for result in models.weighted.values():
        assert np.isfinite(result.predictions["test"]).all()


@pytest.mark.parametrize("name", ["own_label_variance", "swap_audio_video"])
def test_switches_without_a_meaning_are_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: no meaning for a classification"):
        in_force([name], task="classification")
