"""The chance that a part is the largest: by hand, by counting, and by calibration."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from repro.simulation.largest_part import largest_part
from repro.simulation.planted import Law, Parts, Planted, drawn, score_parts

NAMES = ("text", "audio", "video")
PARTS = Parts((1.0, 0.7, 0.6), shared=0.6, synergy=0.5, noise=0.4)
ROWS = 20_000


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def is_largest(found: Planted) -> np.ndarray:
    """Where the unique part of each modality is the largest that modalities explain."""
    parts = score_parts(PARTS, NAMES, found)
    parts.pop("noise")
    return np.abs(np.stack(list(parts.values()), 1)).argmax(1)[:, None] == range(3)


@pytest.mark.parametrize("unreliable_sd", [1.0, 2.5])
def test_chances_are_calibrated_and_tell_more_than_nothing(unreliable_sd):
    law = Law((0.15, 0.4, 0.4), unreliable_sd, latent_noise=0.3)
    found = drawn(law, ROWS, generator(1))
    present = generator(2).random((ROWS, 3)) > 0.1
    chance = largest_part(PARTS, law, found.seen, present, 64, generator(3))
    largest = is_largest(found)
    for m in range(3):
        for low, high in ((0.0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.01)):
            inside = (chance[:, m] >= low) & (chance[:, m] < high)
            share, count = largest[inside, m].mean(), inside.sum()
            spread = np.sqrt(chance[inside, m].var() + 0.25) / np.sqrt(max(count, 1))
            assert count < 30 or abs(share - chance[inside, m].mean()) < 4 * spread
        assert roc_auc_score(largest[:, m], chance[:, m]) > 0.65


def test_without_blur_and_noise_the_chance_is_the_truth():
    law = Law((0.0, 0.0, 0.0), unreliable_sd=1.0, latent_noise=0.0)
    found = drawn(law, 500, generator(4))
    present = np.full((500, 3), True)
    chance = largest_part(PARTS, law, found.seen, present, 5, generator(5))
    assert np.array_equal(chance, is_largest(found))


def test_absent_modalities_leave_the_prior():
    law = Law((0.2,), unreliable_sd=1.0, latent_noise=0.3)
    parts = Parts((2.0,), shared=1.0, synergy=0.0, noise=0.3)
    seen, none = np.ones((1, 1, 3)), np.array([[False]])
    found = largest_part(parts, law, seen, none, 400_000, generator(6))
    # P(|2u| > |z|) of two independent standard normals.
    wanted, _ = quad(lambda z: 2 * norm.sf(z / 2) * 2 * norm.pdf(z), 0, np.inf)
    assert found[0, 0] == pytest.approx(wanted, abs=0.004)
