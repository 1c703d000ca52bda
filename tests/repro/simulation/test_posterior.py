"""The posterior of reliability against closed forms, a plain loop and frequencies."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from repro.simulation.planted import Law, drawn
from repro.simulation.posterior import pattern_posterior, patterns, reliability

LAW = Law((0.15, 0.4, 0.3), unreliable_sd=2.5, latent_noise=0.3)
HIDDEN = Law((0.15, 0.4, 0.3), unreliable_sd=1.0, latent_noise=0.3)


def everywhere(seen: np.ndarray) -> np.ndarray:
    return np.ones(seen.shape[:2], bool)


def test_one_modality_is_a_ratio_of_two_normal_densities():
    law = Law((0.2,), unreliable_sd=2.0, latent_noise=0.5)
    seen = np.array([[[0.4, -1.1, 2.0]], [[3.0, -4.0, 1.0]]])
    good = 0.8 * norm(scale=np.sqrt(1.25)).pdf(seen[:, 0]).prod(axis=1)
    bad = 0.2 * norm(scale=np.sqrt(4.25)).pdf(seen[:, 0]).prod(axis=1)
    found = reliability(law, seen, everywhere(seen))
    np.testing.assert_allclose(found[:, 0], good / (good + bad), rtol=1e-12)
    # By hand: the sum of squares of the first row is 5.37, of the second 26.
    odds = 4 * (4.25 / 1.25) ** 1.5 * np.exp(-0.5 * 5.37 * (1 / 1.25 - 1 / 4.25))
    assert found[0, 0] == pytest.approx(odds / (1 + odds), rel=1e-12)


def by_loops(law: Law, row: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Probability of each pattern for one sample, over the whole covariance."""
    count = len(row)
    found = []
    for reliable in product([False, True], repeat=count):
        prior = 1.0
        covariance = np.zeros((count, 3, count, 3))
        for m, good in enumerate(reliable):
            prior *= 1 - law.unreliable[m] if good else law.unreliable[m]
            for k in range(3):
                wide = 1.0 if good else law.unreliable_sd**2
                covariance[m, k, m, k] = wide + law.latent_noise**2
            for other in range(count):
                if other != m and good and reliable[other]:
                    covariance[m, 1, other, 1] = 1.0
        keep = np.repeat(there, 3)
        flat = covariance.reshape(3 * count, 3 * count)[np.ix_(keep, keep)]
        values = row.ravel()[keep]
        likelihood = multivariate_normal(cov=flat).pdf(values) if keep.any() else 1.0
        found.append(prior * likelihood)
    return np.array(found) / np.sum(found)


@pytest.mark.parametrize("law", [LAW, HIDDEN])
def test_patterns_agree_with_a_plain_loop_over_joint_densities(law: Law):
    generator = np.random.default_rng(3)
    seen = drawn(law, 40, generator).seen
    present = generator.random((40, 3)) < 0.7
    present[0] = False
    found = pattern_posterior(law, seen, present)
    expected = [by_loops(law, r, p) for r, p in zip(seen, present, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    marginal = reliability(law, seen, present)
    np.testing.assert_allclose(
        marginal, np.where(present, found @ patterns(3), 0), rtol=1e-12
    )


@pytest.mark.parametrize("law", [LAW, HIDDEN])
def test_it_is_as_often_right_as_it_says(law: Law):
    planted = drawn(law, 60_000, np.random.default_rng(4))
    found = reliability(law, planted.seen, everywhere(planted.seen))
    for m in range(3):
        bins = np.minimum((found[:, m] * 20).astype(int), 19)
        for one in np.unique(bins):
            rows = bins == one
            error = np.sqrt(0.25 / rows.sum())
            gap = found[rows, m].mean() - planted.reliable[rows, m].mean()
            assert abs(gap) < 4 * error, (m, one)


def test_noise_that_looks_like_signal_leaves_the_prior_of_a_lone_modality():
    seen = drawn(HIDDEN, 200, np.random.default_rng(5)).seen
    present = np.zeros((200, 3), bool)
    present[np.arange(200), np.arange(200) % 3] = True
    found = reliability(HIDDEN, seen, present)
    prior = 1 - np.array(HIDDEN.unreliable)
    np.testing.assert_allclose(found, np.where(present, prior, 0), rtol=1e-12)


def test_hidden_noise_shows_where_two_modalities_disagree_on_what_they_share():
    seen = np.zeros((2, 3, 3))
    seen[0, :2, 1], seen[1, :2, 1] = [1.0, 1.1], [1.5, -1.5]
    present = np.array([[True, True, False]] * 2)
    agree, differ = reliability(HIDDEN, seen, present)[:, 1]
    assert agree > 1 - HIDDEN.unreliable[1] > differ


def test_without_blur_two_modalities_that_share_the_latent_are_reliable():
    law = Law((0.5, 0.5), unreliable_sd=1.0, latent_noise=0.0)
    planted = drawn(law, 2000, np.random.default_rng(6))
    found = reliability(law, planted.seen, everywhere(planted.seen))
    both = planted.reliable.all(axis=1)
    np.testing.assert_allclose(found[both], 1, atol=1e-5)
    # The other three patterns are as likely as each other: reliable in one of three.
    np.testing.assert_allclose(found[~both], 1 / 3, atol=1e-5)


def test_shares_of_none_and_all_are_certain():
    law = Law((0.0, 1.0), unreliable_sd=1.0, latent_noise=0.3)
    seen = drawn(law, 50, np.random.default_rng(7)).seen
    found = reliability(law, seen, everywhere(seen))
    assert (found == [1.0, 0.0]).all()
