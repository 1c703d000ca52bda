"""The protocol on the sentiment fusions: labels, phases, weights, bad requests."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from repro.cells import fits, recipes, writing
from repro.cells.evidence import evidence_of
from repro.cells.refusal import refuse_impossible
from repro.models.fusions.interface import fusion_class, fusion_names, refusal
from repro.models.fusions.mmim import MMIM
from repro.params.cells import Recipe
from repro.training.auxiliary import auxiliary_parameters
from repro.training.fitting import fit
from tests.repro.protocol_checks import changed, everything
from tests.repro.small_study import (
    Trained,
    held_at_one,
    small_params,
    small_study,
    trained,
)

SENTIMENT = [n for n in fusion_names() if fusion_class(n).tokens != ("query",)]
# MMIM and ITHP need several modalities: their unimodal models are those of others.
WHOLE = [n for n in SENTIMENT if fusion_class(n).needs_text == "never" and n != "moe"]
METHODS = ("instance", "bi_level")


@pytest.fixture(scope="module")
def models() -> dict[str, Trained]:
    """All models of every fusion but the main one, which has its own tests."""
    return {
        fusion: trained(small_study(small_params((0,)), fusion=fusion), METHODS)
        for fusion in WHOLE
    }


@pytest.mark.parametrize("fusion", WHOLE)
def test_test_labels_change_nothing(models: dict[str, Trained], fusion: str) -> None:
    study = small_study(small_params((0,)), fusion=fusion)
    assert changed(study, "test", METHODS, models[fusion]) == set()
    assert f"{fusion}.predictions.test" in everything(study, models[fusion])


@pytest.mark.parametrize("fusion", [*WHOLE, "moe"])
def test_a_fusion_learns_more_than_the_mean(fusion: str) -> None:
    params = small_params((0, 1), training={"epochs": 30})
    study = small_study(params, fusion=fusion, trains=[fusion])
    found = fits.unweighted_result(study, fusion).predictions["test"]
    y = study.samples["y"].to_numpy()
    test = y[study.rows["test"]]
    mean = np.abs(y[study.rows["train"]].mean() - test).mean()
    errors = np.abs(found.reshape(2, -1) - test).mean(1)
    assert (errors < 0.9 * mean).all()


@pytest.mark.parametrize("fusion", ["mmim", "ithp"])
def test_test_labels_change_nothing_in_those_with_an_anchor(fusion: str) -> None:
    study = small_study(small_params((0,)), fusion=fusion)
    one = fits.unweighted_result(study, study.recipe.fusion)
    y = study.inputs.y.clone()
    y[study.rows["test"]] += 1
    two = fits.unweighted_result(
        replace(study, inputs=replace(study.inputs, y=y)), fusion
    )
    for split, predictions in one.predictions.items():
        assert np.array_equal(predictions, two.predictions[split])


def test_weights_on_mmim(
    models: dict[str, Trained], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(small_params((0,)), fusion="mmim")
    unweighted = fits.unweighted_result(study, study.recipe.fusion)
    known = {r.method: r for r in (*models["late_fusion"].unimodal, unweighted)}
    evidence = evidence_of(study, known)
    other = fits.weighted_result(study, evidence, "bi_level").predictions["test"]
    held_at_one(monkeypatch)
    same = fits.weighted_result(study, evidence, "bi_level").predictions["test"]
    assert np.array_equal(same, unweighted.predictions["test"])
    assert np.abs(other - same).max() > 1e-4


@pytest.mark.parametrize("fusion", WHOLE)
def test_weights_of_one_equal_the_unweighted_model(
    models: dict[str, Trained], fusion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_at_one(monkeypatch)
    study = small_study(small_params((0,)), fusion=fusion)
    result = fits.weighted_result(study, models[fusion].evidence, "bi_level")
    for split, predictions in models[fusion].unweighted.predictions.items():
        assert np.array_equal(result.predictions[split], predictions)


@pytest.mark.parametrize("fusion", WHOLE)
def test_weights_reach_the_predictions(models: dict[str, Trained], fusion: str) -> None:
    known = models[fusion]
    for result in known.weighted.values():
        difference = result.predictions["test"] - known.unweighted.predictions["test"]
        assert np.abs(difference).max() > 1e-4


def test_the_first_phase_alone_trains_the_bound() -> None:
    study = small_study(small_params((0, 1)), fusion="mmim")
    settings = study.settings("mmim", "mmim")
    held = replace(settings, auxiliary_lr=0.0)
    outcomes = [
        fit(study.inputs, study.rows, study.members(folds=False), shape, chosen)
        for shape in [study.architecture("mmim")]
        for chosen in (settings, held)
    ]
    moved, still = (o.model.fusion for o in outcomes)
    assert isinstance(moved, MMIM) and isinstance(still, MMIM)
    own = {id(p) for p in auxiliary_parameters(outcomes[1].model)}
    fresh = fit(
        study.inputs,
        study.rows,
        study.members(folds=False),
        study.architecture("mmim"),
        replace(held, training=settings.training.model_copy(update={"lr": 0.0})),
    ).model.fusion
    same = zip(still.parameters(), fresh.parameters(), strict=True)
    for trained_in_main, start in same:
        is_bound = id(trained_in_main) in own
        assert torch.equal(trained_in_main, start) == is_bound
    bound = moved.likelihood.parameters()
    pairs = zip(bound, fresh.likelihood.parameters(), strict=True)
    assert all(not torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    ("fusion", "name"), [("mmim", "likelihood"), ("mmim", "contrast")]
)
def test_loss_weights_come_from_params(fusion: str, name: str) -> None:
    settings = small_params((0,))
    models = settings.active.last_state
    sizes = models.fusions | {fusion: models.fusions[fusion] | {name: 5.0}}
    changed = models.model_copy(update={"fusions": sizes})
    active = settings.active.model_copy(update={"last_state": changed})
    other = settings.model_copy(update={"active": active})
    one, two = (
        fits.unweighted_result(small_study(chosen, fusion=fusion), fusion)
        for chosen in (settings, other)
    )
    assert not np.array_equal(one.predictions["test"], two.predictions["test"])


@pytest.mark.parametrize(
    ("fusion", "missing", "message"),
    [
        ("ithp", None, "cells.own.mine: fusion ithp predicts from text alone"),
        ("fusemoe", None, "fusion fusemoe takes query tokens only"),
        ("mmim", "zero", "missing='zero' has no meaning"),
    ],
)
def test_what_a_fusion_cannot_do_is_refused_before_training(
    fusion: str, missing: str | None, message: str
) -> None:
    recipe = Recipe(dataset="mosi", fusion=fusion, trains=["bi_level"], missing=missing)
    with pytest.raises(ValueError, match=message):
        refuse_impossible(small_params((0,)), "own/mine", recipe)


def test_a_refusal_names_what_can() -> None:
    found = refusal("ithp", "last_state", site="embedding", missing="mask")
    assert found is not None and "ithp" not in found
    assert {"moe", "moe_plus_plus", "mult"} <= set(
        found.split(" go with ")[1].split(", ")
    )
    assert refusal("late_fusion", "query", site="embedding", missing="zero") is None


@pytest.mark.parametrize("fusion", ["mmim", "ithp"])
def test_data_without_text_train_nothing_and_say_why(fusion: str) -> None:
    study = small_study(small_params((0,)), fusion=fusion, trains=[fusion])
    absent = int((~study.inputs.present[:, 0]).sum())
    every = f"ITHP needs text in every sample; {absent} have none"
    assert study.cannot_fuse(fusion) == (every if fusion == "ithp" else None)
    few = replace(study, inputs=study.inputs.only("audio", "video"))
    reason = "needs text and another modality; the data have audio, video"
    assert few.cannot_fuse(fusion) == f"{fusion.upper()} {reason}"
    (run,) = recipes.trained([few])
    report = writing.report(few, run.results, run.left_out)
    assert report.methods == {}
    assert report.left_out == {fusion: few.cannot_fuse(fusion)}


def test_a_fusion_is_reported_with_its_sizes() -> None:
    study = small_study(small_params((0,)), trains=["mmim"])
    (run,) = recipes.trained([study])
    report = writing.report(study, run.results, run.left_out)
    sizes = study.params.models("mosi").fusions["mmim"]
    assert report.methods["mmim"].settings == sizes
