"""The protocol on clinical fusions: labels, absence, weights, retraining."""

from dataclasses import replace

import numpy as np
import pytest
from protocol_checks import changed, everything
from small_icu import small_icu_study
from small_study import Trained, trained

from repro.cells import comparisons, fits
from repro.cells.stored_evidence import write_evidence

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
def test_weights_of_one_equal_the_unweighted_model(
    models: dict[str, Trained], fusion: str
) -> None:
    study = small_icu_study(fusion, control="ones")
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


def test_absent_modalities_count_where_asked(
    models: dict[str, Trained], tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study, known = small_icu_study("fusemoe"), models["fusemoe"]
    _, in_sample = fits.assembled_evidence(study, known.unimodal, known.unweighted)
    write_evidence(study, known.evidence, in_sample)
    zero = small_icu_study("fusemoe", missing="zero", count_absent=True, alpha=0.5)
    unweighted, instance, _ = comparisons.retrained_results(zero)
    absent = ~study.inputs.present[study.rows["test"]].numpy()
    assert (instance.weights["test"][:, absent] > 0).all()
    before = known.unweighted.predictions["test"]
    assert not np.array_equal(unweighted.predictions["test"], before)


def test_a_removed_modality_has_no_influence(
    models: dict[str, Trained], tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study, known = small_icu_study("fusemoe"), models["fusemoe"]
    _, in_sample = fits.assembled_evidence(study, known.unimodal, known.unweighted)
    write_evidence(study, known.evidence, in_sample)
    left = small_icu_study("fusemoe", without=["text"], alpha=0.5)
    left = replace(left, inputs=study.inputs.only("timeseries", "cxr"))
    found = comparisons.retrained_results(left)
    assert [r.method for r in found] == ["fusemoe", "instance", "bi_level"]
    for result in found:
        assert result.modalities == ("timeseries", "cxr")
    assert found[1].weights["test"].shape[-1] == 2
    assert found[1].parameters < known.weighted["instance"].parameters
