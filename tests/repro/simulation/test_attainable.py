"""The law of the score against hand-computed cases, quadrature and simulation."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.linear_model import LinearRegression

from repro.simulation.attainable import ScoreLaw, score_law, score_law_of_patterns
from repro.simulation.planted import Law, Parts, Planted, drawn, score_parts
from repro.simulation.posterior import pattern_posterior

NAMES = ("text", "audio", "video")
LAW = Law((0.15, 0.4, 0.4), unreliable_sd=2.5, latent_noise=0.3)
PARTS = Parts((1.0, 0.5, 0.4), shared=0.6, synergy=0.5, noise=0.4)
ROWS = 20_000


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def planted() -> tuple[Planted, np.ndarray]:
    found = drawn(LAW, ROWS, generator(1))
    return found, np.sum(list(score_parts(PARTS, NAMES, found).values()), axis=0)


def laws(found: Planted) -> tuple[ScoreLaw, ScoreLaw]:
    """Reliability known, and unknown."""
    present = np.ones(found.reliable.shape, bool)
    known = score_law(PARTS, LAW, found.seen, found.reliable, 32, generator(2))
    weights = pattern_posterior(LAW, found.seen, present)
    unknown = score_law_of_patterns(
        PARTS, LAW, found.seen, present, weights, 32, generator(3)
    )
    return known, unknown


def test_a_linear_score_of_one_modality_by_hand():
    law = Law((0.0,), unreliable_sd=1.0, latent_noise=0.5)
    parts = Parts((2.0,), shared=1.0, synergy=0.0, noise=0.5)
    seen = np.array([[[1.0, -2.0, 9.0]]])
    found = score_law(parts, law, seen, np.array([[True]]), 1, generator())
    # Trust 1 / 1.25 = 0.8: mean 2 * 0.8 - 1.6, variance 4 * 0.2 + 0.2 + 0.25.
    assert found.mean[0, 0] == pytest.approx(0.0)
    assert found.sd[0, 0] == pytest.approx(np.sqrt(1.25))


def test_expected_products_of_synergy_are_products_of_expectations():
    parts = Parts((0.0, 0.0), shared=0.0, synergy=1.0, noise=0.0)
    law = Law((0.0, 0.0), unreliable_sd=1.0, latent_noise=1.0)
    seen = np.zeros((1, 2, 3))
    seen[0, :, 2] = [4.0, -2.0]
    usable = np.array([[True, True]])
    found = score_law(parts, law, seen, usable, 200_000, generator())
    assert found.expectation()[0] == pytest.approx(2.0 * -1.0, abs=0.02)
    alone = score_law(parts, law, seen, usable & [True, False], 200_000, generator())
    assert alone.expectation()[0] == pytest.approx(0.0, abs=0.02)


def test_the_shared_latent_is_pooled_over_usable_modalities():
    parts = Parts((0.0, 0.0), shared=1.0, synergy=0.0, noise=0.0)
    law = Law((0.0, 0.0), unreliable_sd=1.0, latent_noise=0.5)
    seen = np.zeros((1, 2, 3))
    seen[0, :, 1] = [1.0, 2.0]
    both = score_law(parts, law, seen, np.array([[True, True]]), 1, generator())
    assert both.mean[0, 0] == pytest.approx(3 / 2.25)
    assert both.sd[0, 0] ** 2 == pytest.approx(0.25 / 2.25)
    one = score_law(parts, law, seen, np.array([[True, False]]), 1, generator())
    assert one.mean[0, 0] == pytest.approx(1 / 1.25)


def test_median_and_classes_of_a_mixture_agree_with_quadrature():
    law = ScoreLaw(
        np.array([[0.7, 0.3]]), np.array([[-1.0, 2.0]]), np.array([[0.5, 1.5]])
    )
    grid = np.linspace(-12, 12, 200_001)
    density = 0.7 * norm(-1, 0.5).pdf(grid) + 0.3 * norm(2, 1.5).pdf(grid)
    below = np.cumsum(density) * (grid[1] - grid[0])
    assert law.median()[0] == pytest.approx(grid[np.searchsorted(below, 0.5)], abs=1e-3)
    classes = law.classes(np.array([-1.0, 0.5]))
    at = [0.0, *np.interp([-1.0, 0.5], grid, below), 1.0]
    np.testing.assert_allclose(classes[0], np.diff(at), atol=1e-3)
    assert law.expectation()[0] == pytest.approx(-0.1)


def test_scores_fall_where_the_law_says():
    found, score = planted()
    for law in laws(found):
        ranks = law.below(score)  # uniform if the law is right
        shares = np.histogram(ranks, 10, (0, 1))[0] / ROWS
        assert np.abs(shares - 0.1).max() < 4 * np.sqrt(0.09 / ROWS) + 0.002
        slope = LinearRegression().fit(law.expectation()[:, None], score)
        assert slope.coef_[0] == pytest.approx(1, abs=0.02)
        assert slope.intercept_ == pytest.approx(0, abs=0.02)


def test_knowing_reliability_helps_and_both_beat_a_linear_predictor():
    found, score = planted()
    known, unknown = (np.abs(law.median() - score).mean() for law in laws(found))
    rows = found.seen.reshape(ROWS, -1)
    fitted = LinearRegression().fit(rows, score).predict(rows)
    linear = np.abs(fitted - score).mean()
    assert known < unknown - 0.01 < linear - 0.05


def test_no_component_stands_out_of_the_weights():
    found, _ = planted()
    known, unknown = laws(found)
    np.testing.assert_allclose(known.weight.sum(1), 1)
    np.testing.assert_allclose(unknown.weight.sum(1), 1)
    edges = np.array([-1.0, 0.0, 1.0])
    classes = unknown.classes(edges)
    np.testing.assert_allclose(classes.sum(1), 1)
    assert (classes >= -1e-12).all()
