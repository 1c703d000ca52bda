"""Training the parts of a cell; what is learned is tested in test_protocol.py."""

import time
from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from repro.cells import fits, recipes
from repro.models.tokens.text import FineTuning
from tests.repro.small_icu import small_icu_study
from tests.repro.small_study import NAMES, small_params, small_study


def test_seconds_are_of_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    fit, idle = fits.fit, 3.0

    def late(*parts: object) -> object:
        time.sleep(idle)
        return fit(*parts)

    monkeypatch.setattr(fits, "fit", late)
    study = small_study(small_params((0,), training={"epochs": 1}))
    assert 0.0 < fits.unweighted_result(study, "moe").seconds < idle


def test_held_out_seeds_run_one_after_another_with_a_fine_tuned_encoder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fit, seen = fits.fit, []

    def untuned(inputs, rows, members, architecture, settings):  # type: ignore[no-untyped-def]
        seen.append({member.seed for member in members})
        return fit(inputs, rows, members, replace(architecture, text=None), settings)

    study = small_study(small_params((0, 1), training={"epochs": 1}))
    stacked = fits.held_out_result(study)
    monkeypatch.setattr(fits, "fit", untuned)
    tuned = replace(study, text=FineTuning("text", nn.Identity(), 1, "mean", lr=0.0))
    found = fits.held_out_result(tuned)
    assert seen == [{0}, {1}]
    close = {"rtol": 0.0, "atol": 1e-5}  # stacks of other sizes round otherwise
    np.testing.assert_allclose(
        found.predictions["train"], stacked.predictions["train"], **close
    )


def test_a_loss_that_the_fusion_does_not_state_is_named() -> None:
    study = small_study(small_params((0,)), trains=["mmim"])
    members, shape = study.members(folds=False), study.architecture("mmim")
    settings = replace(study.settings("mmim", "mmim"), loss_weights={"contrast": 1.0})
    with pytest.raises(ValueError, match=r"test/mosi: mmim: .* loss 'likelihood' with"):
        fits.fit(study.inputs, study.rows, members, shape, settings)


@pytest.mark.parametrize("checkpoints", [True, False])
def test_checkpoints_are_kept_only_where_the_recipe_asks(checkpoints: bool) -> None:
    settings = small_params((0,), training={"epochs": 1})
    trains = ["unimodal", "moe", "instance"]
    study = small_study(settings, trains=trains, checkpoints=checkpoints)
    (run,) = recipes.trained([study])
    kept = {name for name, result in run.results.items() if result.checkpoint}
    assert kept == ({"moe", "instance", *NAMES} if checkpoints else set())


def test_a_row_without_the_modality_has_the_class_shares_of_train() -> None:
    study = small_icu_study("late_fusion")
    found = fits.unimodal_result(study, "cxr").predictions
    y = study.samples["y"].to_numpy(int)[study.rows["train"]]
    shares = np.bincount(y, minlength=4) / len(y)
    for split in ("train", "valid", "test"):
        absent = ~study.inputs.present[study.rows[split], 2].numpy()
        assert absent.any() and not absent.all()
        np.testing.assert_allclose(found[split][0, absent] - shares, 0, atol=1e-15)
        gap = np.abs(found[split][0, ~absent] - shares).max(1)
        assert (gap > 1e-6).all()
    series = fits.unimodal_result(study, "timeseries").predictions["test"]
    assert np.abs(series - shares).max() > 1e-6


def test_a_score_without_the_modality_is_the_mean_of_train() -> None:
    study = small_study(small_params((0,), training={"epochs": 1}))
    known = study.inputs.present.clone()
    known[study.rows["test"][:3], 0] = False
    study = replace(study, inputs=replace(study.inputs, present=known))
    predictions = np.zeros((1, len(study.rows["test"])))
    name = study.inputs.names[0]
    found = fits.without_input(study, name, "test", predictions)
    absent = ~known[study.rows["test"], 0].numpy()
    assert absent[:3].all()
    mean = study.samples["y"].to_numpy()[study.rows["train"]].mean()
    np.testing.assert_allclose(found[0, absent], mean, rtol=1e-6)
    assert not found[0, ~absent].any() and not predictions.any()
