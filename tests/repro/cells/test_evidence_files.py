"""What the weights stage reads and writes fits the seeds and samples in force."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from repro.cells import fits, initial_weights
from repro.cells.stored_evidence import read_evidence, write_evidence
from repro.cells.study import Study
from repro.cells.writing import write_run
from tests.repro.small_study import Trained, small_params, small_study, trained


@pytest.fixture(scope="module")
def models() -> Trained:
    """Unimodal models and the unweighted one."""
    return trained(small_study(small_params(training={"epochs": 1})), ())


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return small_study()


def test_evidence_survives_its_file(study: Study, models: Trained) -> None:
    _, in_sample = fits.assembled_evidence(study, models.unimodal, models.unweighted)
    write_evidence(study, models.evidence, in_sample)
    again = read_evidence(study)
    assert np.array_equal(again.unimodal, models.evidence.unimodal)
    assert np.array_equal(again.unweighted, models.evidence.unweighted)
    switched = replace(study, switches=frozenset({"in_sample_unimodal"}))
    assert np.array_equal(read_evidence(switched).unimodal, in_sample)
    assert not np.array_equal(in_sample, again.unimodal)


def test_evidence_of_other_seeds_or_samples_is_refused(
    study: Study, models: Trained
) -> None:
    write_evidence(study, models.evidence, models.evidence.unimodal)
    with pytest.raises(ValueError, match=r"holds seeds \[0, 1\] .*seeds \[0, 2\]"):
        read_evidence(replace(study, params=small_params([0, 2])))
    with pytest.raises(ValueError, match=r"96 samples.* of 95; run dvc repro"):
        read_evidence(replace(study, samples=study.samples[:-1]))


def test_a_stored_run_comes_back_in_the_order_of_the_study(
    study: Study, models: Trained
) -> None:
    write_run(study, "unimodal", models.unimodal)
    result = initial_weights.stored(study, "unimodal", "audio")
    for split, predictions in models.unimodal[1].predictions.items():
        assert np.array_equal(result.predictions[split], predictions)
    for seeds in ([0, 2], [1, 0], [0]):
        other = replace(study, params=small_params(seeds))
        with pytest.raises(ValueError, match=r"predictions\.parquet: split train"):
            initial_weights.stored(other, "unimodal", "audio")


def test_out_of_fold_predictions_come_from_members_without_the_group(
    models: Trained,
) -> None:
    for result in models.unimodal:
        train, in_sample = (
            result.predictions[name] for name in ("train", "train_in_sample")
        )
        assert np.isfinite(train).all()
        study = small_study()
        m = study.inputs.names.index(result.method)
        there = study.inputs.present[study.rows["train"], m].numpy()
        assert np.array_equal(train[:, ~there], in_sample[:, ~there])
        assert (train[:, there] != in_sample[:, there]).mean() > 0.9
