"""Shares and leave-one-out effects of experts, against plain sums."""

import numpy as np
import pytest

from repro.cells.contributions import contribution_shares, left_out_effects
from repro.metrics.log_loss import log_loss

ROWS, EXPERTS, CLASSES = 6, 4, 3


def drawn(outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights and logits of two seeds."""
    draw = np.random.default_rng(2)
    weights = draw.dirichlet(np.ones(EXPERTS), (2, ROWS))
    return weights, draw.standard_normal((2, ROWS, EXPERTS, outputs))


def test_shares_add_up_to_what_the_predicted_class_has() -> None:
    weights, logits = drawn(CLASSES)
    found = contribution_shares(weights, logits)
    assert np.allclose(found.sum(-1), 1.0)
    for s in range(2):
        for b in range(ROWS):
            parts = weights[s, b, :, None] * logits[s, b]
            k = parts.sum(0).argmax()
            own = [abs(p[k] - p.mean()) for p in parts]
            assert np.allclose(found[s, b], np.array(own) / sum(own))


def test_a_shift_of_an_expert_changes_no_share() -> None:
    weights, logits = drawn(CLASSES)
    shift = np.arange(EXPERTS, dtype=float)[:, None]
    expected = contribution_shares(weights, logits)
    assert np.allclose(contribution_shares(weights, logits + shift), expected)


def test_an_expert_left_out_is_a_mixture_of_the_others() -> None:
    y = np.arange(ROWS) % CLASSES
    weights, logits = drawn(CLASSES)
    found = left_out_effects(weights, logits, y.astype(float))

    def loss(mixed: np.ndarray, b: int) -> float:
        shares = np.exp(mixed) / np.exp(mixed).sum()
        return float(log_loss(shares[None], y[b : b + 1].astype(float)))

    for b in range(ROWS):
        w, own = weights[1, b], logits[1, b]
        for e in range(EXPERTS):
            kept = np.arange(EXPERTS) != e
            without = (w[kept, None] * own[kept]).sum(0) / w[kept].sum()
            gain = loss(without, b) - loss((w[:, None] * own).sum(0), b)
            assert found[1, b, e] == pytest.approx(gain)


def test_of_one_expert_nothing_can_be_left_out() -> None:
    weights, logits = np.ones((1, ROWS, 1)), np.ones((1, ROWS, 1, 1))
    assert np.isnan(left_out_effects(weights, logits, np.zeros(ROWS))).all()
    assert np.array_equal(contribution_shares(weights, logits), weights)
    nothing = contribution_shares(weights, 0 * logits)
    assert np.array_equal(nothing, 0 * weights)
