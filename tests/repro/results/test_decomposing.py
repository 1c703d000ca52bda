from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from btw import Decomposition
from repro import params
from repro.results.decomposing import (
    clusters,
    decomposed_features,
    decomposed_truth,
)
from repro.simulation import interactions
from repro.simulation.interaction_law import planted_decomposition

ROOT = Path(__file__).parents[3]
SIMULATION = params.load(ROOT / "params.yaml").interaction_simulation
SIZES = (1500, 300, 900)


def parts(found: Decomposition) -> list[float]:
    return [found.unique_1, found.unique_2, found.redundancy, found.synergy]


def test_clusters_are_the_planted_codes_and_tags():
    _, arrays, truth = interactions.simulate(SIMULATION, "planted_uniform", SIZES)
    found = clusters(arrays["m1"].astype(np.float64), 12)
    planted = truth["code_m1"].astype(str) + truth["tag_m1"]
    assert adjusted_rand_score(planted, found) > 0.7
    assert (clusters(arrays["m1"].astype(np.float64), 12) == found).all()


@pytest.mark.parametrize("name", ["planted_uniform", "planted_unique_m1"])
def test_estimates_come_near_the_closed_form_of_the_mix(name: str):
    _, arrays, truth = interactions.simulate(SIMULATION, name, SIZES)
    closed = planted_decomposition(SIMULATION.sets[name], SIMULATION.redrawn)
    known = decomposed_truth(truth)
    assert parts(known) == pytest.approx(parts(closed), abs=0.06)
    features = [array.astype(np.float64) for array in arrays.values()]
    found = decomposed_features(features, truth["y"].to_numpy(), 12)
    # Codes read with errors tell less, above all together.
    assert found.total < known.total
    assert parts(found) == pytest.approx(parts(closed), abs=0.2)


def test_a_constant_feature_is_no_error():
    features = np.array([[0.0, 7.0], [0.1, 7.0], [5.0, 7.0], [5.1, 7.0]])
    assert clusters(features, 2)[0] == clusters(features, 2)[1]


def test_three_modalities_are_each_set_against_the_rest():
    _, _, truth = interactions.simulate(SIMULATION, "planted_three", SIZES)
    for m in range(3):
        assert decomposed_truth(truth, modality=m).total > 0.4
