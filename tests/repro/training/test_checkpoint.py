"""Reported predictions equal inference from the stored checkpoint, bit for bit."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from repro.cells import fits
from repro.cells.study import Study
from repro.files import read_arrays, write_arrays
from repro.models.predictor import EVALUATION, Predictor
from repro.training.checkpoint import load_parameters, stored_snapshots
from repro.training.prediction import predict
from repro.training.task import Task
from repro.training.weighting.inference import Kept
from repro.training.weighting.loop import Reweighting
from tests.repro.small_study import Trained, small_study, trained

METHODS = ("instance", "bi_level", "averaged_instance")


@pytest.fixture(scope="module")
def models() -> Trained:
    """All models of a small study."""
    return trained(small_study(), METHODS)


def reloaded(study: Study, arrays: dict[str, np.ndarray]) -> Predictor:
    """A fresh model with the stored parameters."""
    model = Predictor(len(study.seeds), study.inputs, study.architecture("moe"))
    load_parameters(model, arrays)
    return model


def rerun(study: Study, models: Trained, method: str, place: Path) -> dict[str, Kept]:
    """Inference of every split from a checkpoint file."""
    write_arrays(place, models.weighted[method].checkpoint)
    arrays = read_arrays(place)
    model = reloaded(study, arrays)
    run = Reweighting(
        models.evidence, study.members(folds=False), fits.plan(study, method)
    )

    def predictor(split: str, weights: object) -> np.ndarray:
        rows = study.rows[split]
        return predict(Task(), model, study.inputs, rows, weights, EVALUATION, 4096)

    return run.replay(stored_snapshots(arrays), predictor)


@pytest.mark.parametrize("method", METHODS)
def test_weighted_predictions(models: Trained, method: str, tmp_path: Path) -> None:
    study, result = small_study(), models.weighted[method]
    again = rerun(study, models, method, tmp_path / "checkpoint.safetensors")
    for split, kept in again.items():
        assert np.array_equal(kept.predictions, result.predictions[split])
        assert np.array_equal(kept.weights, result.weights[split])


def test_unweighted_predictions(models: Trained, tmp_path: Path) -> None:
    study, result = small_study(), models.unweighted
    write_arrays(tmp_path / "moe.safetensors", result.checkpoint)
    model = reloaded(study, read_arrays(tmp_path / "moe.safetensors"))
    again = partial(predict, Task(), model, study.inputs)
    for split, rows in study.rows.items():
        found = again(rows, None, EVALUATION, 4096)
        assert np.array_equal(found, result.predictions[split])


def test_reported_valid_predictions_are_those_that_were_scored(
    models: Trained,
) -> None:
    study = small_study()
    y = study.samples["y"].to_numpy()[study.rows["valid"]]
    for result in (models.unweighted, *models.weighted.values()):
        error = np.abs(result.predictions["valid"] - y).mean(1)
        for position, epoch in enumerate(result.epochs):
            row = result.history[(epoch - 1) * 2 + position]
            assert error[position] == pytest.approx(row["valid_error"], abs=1e-6)


def test_a_checkpoint_of_another_shape_is_refused(models: Trained) -> None:
    study = small_study()
    arrays = dict(models.unweighted.checkpoint)
    name = next(n for n in arrays if n.startswith("parameters."))
    with pytest.raises(ValueError, match=r"checkpoint: parameters\..*use the settings"):
        reloaded(study, arrays | {name: arrays[name][:1]})
    del arrays[name]
    with pytest.raises(ValueError, match="is None"):
        reloaded(study, arrays)


def test_merged_seeds_give_the_same_checkpoint_as_stacked_ones() -> None:
    from repro.cells.result import merged

    study = small_study()
    stacked = fits.unweighted_result(study, "moe")
    single = [fits.unweighted_result(study.of_seed(s), "moe") for s in study.seeds]
    together = merged(single)
    assert together.checkpoint.keys() == stacked.checkpoint.keys()
    for name, array in stacked.checkpoint.items():
        assert together.checkpoint[name].shape == array.shape
    assert replace(together, seconds=0.0).epochs == stacked.epochs


def test_a_unimodal_checkpoint_holds_the_members_that_learned_from_all_of_train(
    models: Trained,
) -> None:
    study = small_study()
    for name, result in zip(study.inputs.names, models.unimodal, strict=True):
        inputs = study.inputs.only(name)
        model = Predictor(len(study.seeds), inputs, study.architecture("moe"))
        load_parameters(model, result.checkpoint)
        rows = study.rows["test"]
        rows = rows[inputs.present[rows, 0].numpy()]
        there = inputs.present[study.rows["test"], 0].numpy()
        found = predict(Task(), model, inputs, rows, None, EVALUATION, 4096)
        expected = result.predictions["test"][:, there]
        assert np.abs(found - expected).max() < 1e-6


@pytest.mark.parametrize("recipe", [{"noise": 1}, {"checkpoints": False}])
def test_nothing_is_kept_of_what_is_not_applied(recipe: dict) -> None:
    study = small_study(**recipe)
    assert fits.unimodal_result(study, "audio").checkpoint == {}
