import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.metrics import log_loss

from repro.baselines.logistic import logistic

SPLIT = np.repeat(["train", "valid", "test"], [300, 100, 100])


def planted(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two columns that tell the class, a constant one, one with absent values."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, 500)
    x = random.normal(size=(500, 4)) * [1, 50, 1, 1] + [0, 10, 0, 0]
    x[:, 0] += y
    x[:, 1] -= 50 * (y == 1)
    x[:, 2] = 7.0
    x[random.random(500) < 0.3, 3] = np.nan
    return x, y


def test_is_the_minimum_of_the_penalized_log_loss() -> None:
    x, y = planted()
    fit = logistic(x[:, :2], y, SPLIT, 3, (5.0,))
    train = SPLIT == "train"
    z = (x[:, :2] - x[train, :2].mean(0)) / x[train, :2].std(0)

    def loss(flat: np.ndarray) -> float:
        weights, bias = flat[:6].reshape(2, 3), flat[6:]
        logs = log_softmax(z[train] @ weights + bias, axis=1)
        fits = -logs[np.arange(300), y[train]].sum()
        return float(fits + 2.5 * (weights**2).sum())

    best = minimize(loss, np.zeros(9), tol=1e-10).x
    expected = np.exp(log_softmax(z @ best[:6].reshape(2, 3) + best[6:], axis=1))
    np.testing.assert_allclose(fit.predictions[0], expected, atol=2e-3)


def test_the_strength_with_the_lowest_valid_log_loss_is_taken() -> None:
    x, y = planted()
    each = [logistic(x, y, SPLIT, 3, (s,)) for s in (1e4, 10.0, 0.1)]
    both = logistic(x, y, SPLIT, 3, (1e4, 10.0, 0.1))
    valid = SPLIT == "valid"
    losses = [log_loss(y[valid], fit.predictions[0][valid]) for fit in each]
    told = [fit.settings["valid_log_loss"] for fit in each]
    np.testing.assert_allclose(told, losses, rtol=1e-12)
    assert losses[1] < losses[0]
    best = each[int(np.argmin(losses))].settings["strength"]
    assert both.settings["strength"] == best
    with pytest.raises(ValueError, match="strengths is empty"):
        logistic(x, y, SPLIT, 3, ())


def test_labels_of_test_and_absent_classes() -> None:
    x, y = planted()
    first = logistic(x, y, SPLIT, 4).predictions
    assert (first[0, :, 3] == 0).all()
    np.testing.assert_allclose(first.sum(2), 1, rtol=1e-12)
    y = np.where(SPLIT == "test", 0, y)
    np.testing.assert_array_equal(logistic(x, y, SPLIT, 4).predictions, first)


def test_without_signal_a_class_is_as_probable_as_frequent() -> None:
    _, y = planted()
    fit = logistic(np.ones((500, 1)), y, SPLIT, 3)
    shares = np.bincount(y[:300]) / 300
    np.testing.assert_allclose(fit.predictions[0], np.tile(shares, (500, 1)), atol=1e-3)
