"""Planted facts by the ids of samples, of both simulators."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro import files, params, paths
from repro.params import Params
from repro.simulation import sentiment
from repro.simulation.icu.plan import drawn_plan
from repro.simulation.icu.settings import Signals, Size, signals_of
from repro.simulation.posterior import reliability
from repro.simulation.truth import truth_of, truth_table

ROOT = Path(__file__).parents[3]
PARAMETERS = params.load(ROOT / "params.yaml")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sentences() -> pd.DataFrame:
    simulation = PARAMETERS.simulation
    _, truth = sentiment.simulate(
        simulation, (60, 20, 30), simulation.sets["mosi"], np.random.default_rng(0)
    )
    files.write_table(paths.simulated_truth("mosi"), truth)
    return truth


def stays() -> pd.DataFrame:
    truth = drawn_plan(Size(stays=120), Signals(), 0).truth
    files.write_table(paths.planted_stays(), truth)
    return truth


def test_samples_come_in_the_order_asked_for():
    table = sentences()
    rows = table.sample(40, random_state=1)
    truth = truth_of(PARAMETERS, "mosi", rows["id"].to_numpy())
    np.testing.assert_array_equal(truth.score, rows["unclipped"])
    np.testing.assert_array_equal(truth.seen[:, 1, 2], rows["seen_audio_synergy"])
    np.testing.assert_array_equal(truth.reliable[:, 2], rows["reliable_video"])
    found = reliability(truth.law, truth.seen, truth.present)
    np.testing.assert_allclose(truth.posterior, found, atol=1e-12)
    assert truth.parts.shared == pytest.approx(
        sentiment.label_scale(PARAMETERS.simulation) * PARAMETERS.simulation.shared
    )


@pytest.mark.parametrize("cohort", ["icu_all", "icu_complete", "icu_all/fold_1"])
def test_every_cohort_has_the_truth_of_the_one_tree(cohort: str):
    table = stays()
    rows = table.iloc[[7, 3, 50]]
    truth = truth_of(PARAMETERS, cohort, rows["stay_id"].astype(str).to_numpy())
    np.testing.assert_array_equal(truth.score, rows["score"])
    np.testing.assert_array_equal(truth.present[:, 2], rows["present_cxr"])
    assert not truth.reliable[~truth.present].any()
    assert (truth.posterior[~truth.present] == 0).all()
    assert truth.law == signals_of(PARAMETERS.icu_simulation).law
    assert truth.place("labs") == truth.place("timeseries") == 0
    with pytest.raises(ValueError, match="modality 'noise_1': nothing was planted"):
        truth.place("noise_1")


def test_a_sample_without_truth_is_named():
    sentences()
    with pytest.raises(ValueError, match=r"mosi/truth\.parquet: no row of 'x'"):
        truth_of(PARAMETERS, "mosi", np.array(["x"], dtype=object))


def real(settings: Params) -> Params:
    mosi = settings.datasets.files["mosi"].model_copy(update={"source": "mmsa"})
    clinical = settings.clinical.model_copy(update={"source": "mimiciv"})
    known = settings.datasets.model_copy(update={"files": {"mosi": mosi}})
    return settings.model_copy(update={"datasets": known, "clinical": clinical})


@pytest.mark.parametrize("dataset", ["mosi", "icu_all"])
def test_real_data_have_no_planted_truth(dataset: str):
    with pytest.raises(ValueError, match=f"{dataset}: not simulated"):
        truth_table(real(PARAMETERS), dataset)
