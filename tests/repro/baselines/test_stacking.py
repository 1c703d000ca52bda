import numpy as np
import pytest

from repro.baselines.logistic import logistic
from repro.baselines.ridge import ridge
from repro.baselines.stacking import stacked
from repro.metrics.log_loss import log_loss

SPLIT = np.repeat(["train", "valid", "test"], [600, 200, 200])
TEST = SPLIT == "test"


def experts(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Posteriors of three models, given one independent clue each; the third is
    sure of itself whatever it sees.
    """
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, 1000)
    clues = np.stack([np.eye(3)[y] * s + random.normal(size=(1000, 3)) for s in (1, 2)])
    odds = np.exp(np.stack([clues[0], 2 * clues[1], 6 * random.normal(size=(1000, 3))]))
    return (odds / odds.sum(2, keepdims=True)).transpose(1, 0, 2), y.astype(float)


def test_logistic_stacking_comes_near_the_bayes_posterior() -> None:
    p, y = experts()
    fit = stacked(p[None], y, SPLIT, (4,))
    assert fit.seeds == (4,) and fit.predictions.shape == (1, 1000, 3)
    posterior = p[:, 0] * p[:, 1]  # independent clues, equal class shares
    posterior /= posterior.sum(1, keepdims=True)
    best = log_loss(posterior[TEST], y[TEST])
    found = log_loss(fit.predictions[0, TEST], y[TEST])
    means = log_loss(p[TEST].mean(1), y[TEST])
    assert found < best + 0.03 < min(means, log_loss(p[TEST][:, 1], y[TEST]))


def test_every_seed_has_a_model_of_its_own() -> None:
    p, y = experts()
    two = np.stack([p, p[:, ::-1]])
    fit = stacked(two, y, SPLIT, (0, 1))
    alone = logistic(np.log(p.clip(1e-7)).reshape(1000, -1), y.astype(int), SPLIT, 3)
    np.testing.assert_allclose(fit.predictions[0], alone.predictions[0], rtol=1e-9)
    np.testing.assert_allclose(fit.predictions[1], fit.predictions[0], atol=1e-3)
    assert fit.settings["strength"][0] == alone.settings["strength"]
    assert len(fit.settings["strength"]) == 2


def test_zero_probabilities_are_floored() -> None:
    p, y = experts()
    p[:5] = np.eye(3)
    assert np.isfinite(stacked(p[None], y, SPLIT, (0,)).predictions).all()


def test_scores_are_stacked_by_ridge() -> None:
    random = np.random.default_rng(0)
    y = random.normal(size=1000)
    scores = y[:, None] + random.normal(size=(1000, 3)) * [0.5, 1.0, 3.0]
    fit = stacked(scores[None], y, SPLIT, (0,))
    np.testing.assert_array_equal(fit.predictions, ridge(scores, y, SPLIT).predictions)
    error = np.abs(fit.predictions[0] - y)[TEST].mean()
    precisions = np.array([4.0, 1.0, 1 / 9])  # Gauss-Markov with the prior's own
    best = np.abs(scores @ precisions / (1 + precisions.sum()) - y)[TEST].mean()
    assert error == pytest.approx(best, rel=0.02)
