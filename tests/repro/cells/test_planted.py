"""Weights that are given: equal shares, planted reliability and its posterior."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro import paths
from repro.cells.noise import with_noise
from repro.cells.planted import given_weights, unplanted
from repro.cells.study import Study
from repro.files import write_table
from tests.repro.small_study import NAMES, small_study, with_file_sets

RELIABLE = {"text": True, "audio": False, "video": True}
POSTERIOR = {"text": 0.9, "audio": 0.2, "video": 0.6}


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study whose truth lies in another order than its samples."""
    monkeypatch.chdir(tmp_path)
    made = small_study()
    truth = pd.DataFrame({"id": made.samples["id"][::-1]})
    for name in NAMES:
        truth[f"reliable_{name}"] = RELIABLE[name]
        truth[f"posterior_{name}"] = POSTERIOR[name]
    truth.loc[truth["id"] == "s003", "posterior_text"] = 0.5
    write_table(paths.simulated_truth("mosi"), truth)
    return made


def test_weights_by_hand(study: Study) -> None:
    present = study.inputs.present.numpy()
    uniform = given_weights(study, "uniform")
    assert np.allclose(uniform.sum(1), 1) and ((uniform > 0) == present).all()
    oracle = given_weights(study, "oracle")
    assert np.array_equal(oracle, present * [1.0, 0.0, 1.0])
    posterior = given_weights(study, "posterior")
    expected = present * [0.9, 0.2, 0.6]
    expected[3, 0] = 0.5 * present[3, 0]
    assert np.array_equal(posterior, expected)
    assert np.array_equal(given_weights(study, "ones"), present)


def test_added_noise_has_no_weight(study: Study) -> None:
    noisy = replace(study, inputs=with_noise(study.inputs, 2))
    found = given_weights(noisy, "oracle")
    assert found.shape[1] == 5 and not found[:, 3:].any() and found[:, 0].any()


def test_a_truth_of_other_data_is_refused(study: Study) -> None:
    renamed = study.samples.assign(id=study.samples["id"].replace("s007", "s999"))
    with pytest.raises(ValueError, match=r"truth.parquet: .*1 samples.*s999"):
        given_weights(replace(study, samples=renamed), "oracle")
    names = ("text", "audio", "touch")
    other = replace(study, inputs=replace(study.inputs, names=names))
    with pytest.raises(ValueError, match="nothing is planted in touch"):
        given_weights(other, "posterior")


@pytest.mark.parametrize("change", [{"source": "mmsa"}, {"path": "data/raw/old.pkl"}])
def test_data_of_others_have_no_truth(study: Study, change: dict[str, str]) -> None:
    other = replace(study, params=with_file_sets(study.params, **change))
    assert "nothing is known to be planted" in str(unplanted(other, "oracle"))
    assert unplanted(other, "uniform") is None
    assert unplanted(study, "posterior") is None
