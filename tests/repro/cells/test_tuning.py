"""Cells whose text encoder is trained along."""

from dataclasses import replace

import numpy as np

from repro.cells import recipes
from tests.repro.models.tokens.test_text import pair


def test_seeds_of_a_tuned_encoder_train_apart() -> None:
    _, study = pair("bert", 1, dropout=True)
    trains = ["unimodal", "moe", "instance", "uniform"]
    study = replace(study, recipe=study.recipe.model_copy(update={"trains": trains}))
    (run,), (alone,) = recipes.trained([study]), recipes.trained([study.of_seed(1)])
    assert set(run.results) == {"moe", "instance", "uniform", *study.inputs.names}
    for method, result in run.results.items():
        other = alone.results[method]
        assert result.epochs[1:] == other.epochs
        for split, predictions in result.predictions.items():
            assert np.array_equal(predictions[1:], other.predictions[split])
    first, second = (f"parameters.tokens.encoders.0.copies.{s}." for s in (0, 1))
    stored, lone = run.results["moe"].checkpoint, alone.results["moe"].checkpoint
    tuned = [name for name in stored if name.startswith(second)]
    assert tuned
    for name in tuned:
        zeroth = name.replace(second, first)
        assert np.array_equal(stored[name], lone[zeroth]) and zeroth in stored
