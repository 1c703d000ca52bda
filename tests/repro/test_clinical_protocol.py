"""The protocol on clinical fusions: labels, absence, weights, retraining."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from repro.cells import fits
from repro.models.batch import gather
from repro.models.predictor import EVALUATION, Predictor
from repro.training.checkpoint import load_parameters, stored_snapshots
from repro.training.prediction import predict
from repro.training.weighting.loop import Reweighting
from tests.repro.protocol_checks import FIXED, changed, everything
from tests.repro.small_icu import small_icu_study
from tests.repro.small_study import Trained, held_at_one, trained

FUSIONS = ("fusemoe", "mult", "concat_transformer")
METHODS = ("instance", "bi_level")
BY_FUSION = pytest.mark.parametrize("fusion", FUSIONS)


@pytest.fixture(scope="module")
def models() -> dict[str, Trained]:
    """All models of each fusion."""
    return {f: trained(small_icu_study(f), METHODS) for f in FUSIONS}


@BY_FUSION
def test_test_labels_change_nothing(models: dict[str, Trained], fusion: str) -> None:
    study = small_icu_study(fusion)
    assert changed(study, "test", METHODS, models[fusion]) == set()
    assert f"{fusion}.predictions.test" in everything(study, models[fusion])


@BY_FUSION
def test_fixed_selection_does_not_depend_on_valid_labels(fusion: str) -> None:
    study = small_icu_study(fusion, weighting={"selection": FIXED["selection"]})
    assert changed(study, "valid", METHODS) == set()


def test_valid_labels_matter_once_they_may(models: dict[str, Trained]) -> None:
    study = small_icu_study("fusemoe")
    assert changed(study, "valid", METHODS, models["fusemoe"]) != set()


@BY_FUSION
def test_the_checkpoint_predicts_what_is_reported(
    models: dict[str, Trained], fusion: str
) -> None:
    study = small_icu_study(fusion)
    result = models[fusion].weighted["bi_level"]
    model = Predictor(1, study.inputs, study.architecture(fusion))
    load_parameters(model, result.checkpoint)
    plan = fits.plan(study, "bi_level")
    run = Reweighting(models[fusion].evidence, study.members(folds=False), plan)

    def predictor(split: str, weights: object) -> np.ndarray:
        rows = study.rows[split]
        return predict(study.task, model, study.inputs, rows, weights, EVALUATION, 4096)

    for split, kept in run.replay(
        stored_snapshots(result.checkpoint), predictor
    ).items():
        assert np.array_equal(kept.predictions, result.predictions[split])


@BY_FUSION
def test_weights_of_one_equal_the_unweighted_model(
    models: dict[str, Trained], fusion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_at_one(monkeypatch)
    study = small_icu_study(fusion)
    result = fits.weighted_result(study, models[fusion].evidence, "bi_level")
    for split, predictions in models[fusion].unweighted.predictions.items():
        assert np.array_equal(result.predictions[split], predictions)


@BY_FUSION
def test_absent_modalities_weigh_nothing(
    models: dict[str, Trained], fusion: str
) -> None:
    study = small_icu_study(fusion)
    absent = ~study.inputs.present[study.rows["test"]].numpy()
    assert absent.any()
    for result in models[fusion].weighted.values():
        weights = result.weights["test"]
        assert (weights[:, absent] == 0).all()
        assert (weights[:, ~absent] > 0).any()


def test_absent_modalities_count_where_asked(models: dict[str, Trained]) -> None:
    zero = small_icu_study("fusemoe", missing="zero", count_absent=True)
    found = trained(zero, METHODS)
    unweighted, instance = found.unweighted, found.weighted["instance"]
    absent = ~zero.inputs.present[zero.rows["test"]].numpy()
    weights = instance.weights["test"]
    assert np.allclose(weights.sum(-1), 1)  # over all, the absent ones too
    assert (weights[:, absent].max() < 0.5 / absent.shape[1]) and (
        weights[:, absent] > 0
    ).all()
    before = models["fusemoe"].unweighted.predictions["test"]
    assert not np.array_equal(unweighted.predictions["test"], before)


def test_weights_multiply_zeros_that_count() -> None:
    study = small_icu_study("fusemoe", missing="zero")
    plain = replace(study.architecture("fusemoe"), weight_site="contribution")
    counted = replace(plain, scale_absent=True)
    rows = torch.arange(len(study.samples)).expand(1, -1)
    batch = gather(study.inputs, rows)
    weights = torch.where(batch.present, 1.0, 3.0)
    for architecture, moves in (
        (plain, False),
        (counted, True),
    ):
        model = Predictor(1, study.inputs, architecture).eval()
        model.initialize([torch.Generator().manual_seed(0)])
        # Biases, so that a zero token contributes something.
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.1
        same = torch.equal(model(batch, weights).logits, model(batch).logits)
        assert same is not moves


def test_a_removed_modality_has_no_influence(models: dict[str, Trained]) -> None:
    left = small_icu_study("fusemoe", without=["text"])
    found = []
    for filler in (0.0, 7.0):
        text = left.inputs.names.index("text")
        values = list(left.inputs.values)
        values[text] = replace(values[text], values=values[text].values + filler)
        inputs = replace(left.inputs, values=tuple(values)).only("timeseries", "cxr")
        run = trained(replace(left, inputs=inputs), METHODS)
        found.append([run.unweighted, *run.weighted.values()])
    for one, other in zip(*found, strict=True):
        assert one.modalities == ("timeseries", "cxr")
        for split, predictions in one.predictions.items():
            assert np.array_equal(predictions, other.predictions[split])
    assert [r.method for r in found[0]] == ["fusemoe", "instance", "bi_level"]
    whole = models["fusemoe"].weighted["instance"].parameters
    assert found[0][1].parameters < whole


def test_unimodal_epochs_are_judged_on_rows_that_have_the_modality() -> None:
    study = small_icu_study("fusemoe")
    valid = study.rows["valid"]
    absent = ~study.inputs.present[valid, study.inputs.names.index("cxr")].numpy()
    assert absent.any()
    y = study.inputs.y.clone()
    y[valid[absent]] = (y[valid[absent]] + 1) % 4
    other = replace(study, inputs=replace(study.inputs, y=y))
    one, two = (fits.unimodal_result(s, "cxr") for s in (study, other))
    assert one.history == two.history and one.epochs == two.epochs


def test_too_few_groups_with_a_modality_are_named() -> None:
    study = small_icu_study("fusemoe")
    present = study.inputs.present.clone()
    present[study.rows["train"], study.inputs.names.index("cxr")] = False
    study = replace(study, inputs=replace(study.inputs, present=present))
    with pytest.raises(ValueError, match=r"0 groups of train have modality cxr.*"):
        fits.unimodal_result(study, "cxr")
