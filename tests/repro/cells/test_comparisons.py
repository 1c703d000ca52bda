"""Attribution rows and the noise stress test on a small study."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from repro.cells.comparisons import attribution_results, noise_results, with_noise
from repro.cells.stored_evidence import write_evidence
from repro.cells.study import Study
from tests.repro.small_study import (
    Trained,
    small_inputs,
    small_params,
    small_study,
    trained,
)

SETTINGS = small_params([0], training={"epochs": 1})


@pytest.fixture(scope="module")
def models() -> Trained:
    """What the stages before have trained."""
    return trained(small_study(SETTINGS), ("instance",))


@pytest.fixture
def study(models: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study whose weights stage has run."""
    monkeypatch.chdir(tmp_path)
    study = small_study(SETTINGS)
    write_evidence(study, models.evidence, models.evidence.unimodal)
    return study


def test_noise_modalities_do_not_depend_on_their_number() -> None:
    inputs = small_inputs()
    one, two = with_noise(inputs, 1), with_noise(inputs, 2)
    assert two.names == ("text", "audio", "video", "noise_1", "noise_2")
    assert torch.equal(one.values[3].values, two.values[3].values)
    assert not torch.equal(two.values[3].values, two.values[4].values)
    assert two.present[:, 3:].all()
    assert torch.equal(two.present[:, :3], inputs.present)
    slope = torch.corrcoef(torch.stack([inputs.y, two.values[3].values[:-1, 0]]))[0, 1]
    assert slope.abs() < 0.35


def test_the_plain_row_repeats_the_cells_it_stands_for(
    study: Study, models: Trained
) -> None:
    results = attribution_results(study)
    names = [result.method for result in results]
    assert names == ["moe", "instance", "bi_level", "averaged_instance"]
    for result, expected in (
        (results[0], models.unweighted),
        (results[1], models.weighted["instance"]),
    ):
        for split, predictions in expected.predictions.items():
            assert np.array_equal(result.predictions[split], predictions)


def test_a_switch_of_the_models_trains_them_again(
    study: Study, models: Trained
) -> None:
    switched = replace(study, switches=frozenset({"no_balance_loss"}))
    results = attribution_results(switched)
    assert [result.method for result in results] == ["moe", "instance", "bi_level"]
    found = results[0].predictions["test"]
    assert not np.array_equal(found, models.unweighted.predictions["test"])


def test_cross_fitted_weights_differ(study: Study, models: Trained) -> None:
    cell = study.cell.model_copy(update={"multimodal_train": "cross_fitted"})
    results = attribution_results(replace(study, cell=cell))
    assert np.array_equal(
        results[0].predictions["test"], models.unweighted.predictions["test"]
    )
    found = results[1].weights["train"]
    assert not np.array_equal(found, models.weighted["instance"].weights["train"])


def test_noise_joins_every_model(study: Study) -> None:
    cell = study.cell.model_copy(update={"noise": 2})
    results = noise_results(replace(study, cell=cell))
    assert [r.method for r in results] == ["moe", "instance", "modality", "bi_level"]
    for result in results[1:]:
        assert result.modalities[3:] == ("noise_1", "noise_2")
        assert result.weights["test"].shape == (1, 24, 5)
        present = study.inputs.present[study.rows["test"]].sum(1).numpy() + 2
        assert np.allclose(result.weights["test"].sum(2), present, atol=1e-5)
