import numpy as np
import pytest
from sklearn.metrics import log_loss as of_scikit_learn

from repro.metrics.log_loss import log_loss


def test_agrees_with_scikit_learn_for_every_seed() -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 4, 200)
    p = random.dirichlet(np.ones(4), size=(3, 200))
    p[0, 0] = np.eye(4)[(y[0] + 1) % 4]  # certain, and wrong
    expected = [of_scikit_learn(y, own, labels=range(4)) for own in p]
    np.testing.assert_allclose(log_loss(p, y.astype(float)), expected, rtol=1e-12)


def test_moves_where_the_chosen_class_does_not() -> None:
    y = np.array([0, 1])
    unsure, sure = (np.array([[a, 1 - a], [1 - a, a]]) for a in (0.51, 0.9))
    assert (unsure.argmax(1) == sure.argmax(1)).all()
    assert log_loss(unsure, y) == pytest.approx(-np.log(0.51))
    assert log_loss(sure, y) == pytest.approx(-np.log(0.9))
