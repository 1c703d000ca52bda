import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch.nn import functional

from btw import (
    contribution_share,
    deletion,
    effect_correlation,
    leave_one_out,
    sensitivity,
    surviving_share,
    weight_agreement,
)

ROWS, EXPERTS, CLASSES = 40, 4, 3


def ensemble(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    logits = 2 * generator.standard_normal((ROWS, EXPERTS, CLASSES))
    weights = generator.dirichlet(np.ones(EXPERTS), ROWS)
    return logits, weights, generator.integers(CLASSES, size=ROWS)


def test_effects_are_those_of_a_plain_loop_with_torch():
    logits, weights, y = ensemble()
    found = leave_one_out(logits, weights, y)
    for row in range(ROWS):
        for expert in range(EXPERTS):
            others = [e for e in range(EXPERTS) if e != expert]
            kept = weights[row, others] / weights[row, others].sum()
            with_all = torch.tensor(weights[row] @ logits[row])[None]
            without = torch.tensor(kept @ logits[row, others])[None]
            true = torch.tensor([int(y[row])])
            loss = functional.cross_entropy
            expected = float(loss(without, true) - loss(with_all, true))
            assert found[row, expert] == pytest.approx(expected, abs=1e-12)


def test_effects_of_other_tasks_by_hand():
    logits, weights = [[[1.0], [3.0]]], [[0.5, 0.5]]
    found = leave_one_out(logits, weights, [2.5], "regression")
    assert found.tolist() == [[0.0, 1.0]]
    labels = np.array([[1.0, 0.0]])
    found = leave_one_out([[[4.0, 0.0], [0.0, 4.0]]], weights, labels, "multilabel")
    bce = functional.binary_cross_entropy_with_logits
    intact = bce(torch.tensor([[2.0, 2.0]]), torch.tensor([[1.0, 0.0]]))
    without = bce(torch.tensor([[0.0, 4.0]]), torch.tensor([[1.0, 0.0]]))
    assert found[0, 0] == pytest.approx(float(without - intact), abs=1e-6)


def test_the_others_of_an_expert_with_all_weight_share_alike():
    logits = [[[4.0, 0.0], [0.0, 2.0], [0.0, 0.0]]]
    found = leave_one_out(logits, [[1.0, 0.0, 0.0]], [0])
    expected = np.logaddexp(0, 1.0) - np.logaddexp(0, -4.0)
    assert found[0].tolist() == pytest.approx([expected, 0.0, 0.0])


def test_contributions_are_shares_and_blind_to_a_common_shift():
    logits, weights, _ = ensemble()
    share = contribution_share(logits, weights)
    assert share.sum(axis=1) == pytest.approx(np.ones(ROWS))
    shifted = logits + np.array([5.0, -3.0, 0.0, 1.0])[:, None]
    assert contribution_share(shifted, weights) == pytest.approx(share)


def test_contributions_by_hand():
    logits = [[[2.0, -2.0], [-1.0, 1.0]]]
    found = contribution_share(logits, [[0.75, 0.25]])
    assert found.tolist() == [[1.5 / 1.75, 0.25 / 1.75]]
    found = contribution_share([[[2.0], [-1.0]]], [[0.5, 0.5]], "regression")
    assert found[0].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert contribution_share([[[1.0, 1.0]] * 2], [[0.9, 0.1]]).tolist() == [[0.5, 0.5]]


def test_deletion_by_loop():
    logits, weights, y = ensemble(3)
    found = deletion(logits, weights, y)
    right = np.zeros((ROWS, EXPERTS))
    for row in range(ROWS):
        for expert in range(EXPERTS):
            kept = weights[row].copy()
            kept[expert] = 0
            right[row, expert] = (kept @ logits[row]).argmax() == y[row]
    top = [right[row, weights[row].argmax()] for row in range(ROWS)]
    assert found.without_top == pytest.approx(np.mean(top))
    assert found.without_any == pytest.approx(right.mean())
    mixed = np.einsum("neo,ne->no", logits, weights)
    assert found.intact == pytest.approx((mixed.argmax(1) == y).mean())
    assert found.effect == found.without_any - found.without_top


def test_weights_that_matter_have_an_effect_and_others_have_none():
    generator = np.random.default_rng(4)
    y, able = generator.integers(3, size=3000), generator.integers(4, size=3000)
    logits = 0.1 * generator.standard_normal((3000, 4, 3))
    logits[np.arange(3000), able, y] += 4
    honest = 0.1 + 0.6 * np.eye(4)[able]
    idle = honest[generator.permutation(3000)]
    assert deletion(logits, honest, y).effect > 0.4
    assert abs(deletion(logits, idle, y).effect) < 0.05


def test_the_correlation_with_effects_is_that_of_scipy():
    logits, weights, y = ensemble(5)
    effect = leave_one_out(logits, weights, y)
    found = effect_correlation(logits, weights, y)
    for expert in range(EXPERTS):
        theirs = spearmanr(weights[:, expert], effect[:, expert]).statistic
        assert found[expert] == pytest.approx(theirs)


def test_a_detector_of_noise_does_not_survive_and_a_reader_does():
    """Expert 0 reads the value of a modality; expert 1 only whether it is large."""
    generator = np.random.default_rng(6)
    value = generator.choice([-0.5, 0.5], size=500)
    draws = generator.standard_normal((8, 500)) * 3
    others = np.stack([generator.permutation(value) for _ in range(8)])

    def experts(x: np.ndarray) -> np.ndarray:
        both = np.stack([x, 2.0 * (np.abs(x) > 1)])
        return np.stack([both, -both], axis=-1)

    anchor = experts(value)
    masked = [
        np.stack([experts(draw)[:, None] for draw in kind]) for kind in (draws, others)
    ]
    noise, shuffled = (sensitivity(anchor, values) for values in masked)
    assert noise.shape == (2, 1)
    survives = surviving_share(noise, shuffled)
    assert survives[0] > 0.15 and survives[1] == 0.0
    expected = np.sqrt(2) * np.abs(draws - value).mean()
    assert noise[0, 0] == pytest.approx(expected)


def test_rows_without_a_modality_are_left_out_of_its_sensitivity():
    masked = np.array([[[[[3.0, 4.0], [np.nan, np.nan]]]]])
    assert sensitivity(np.zeros((1, 2, 2)), masked).tolist() == [[5.0]]
    assert np.isnan(sensitivity(np.zeros((1, 2, 2)), np.full_like(masked, np.nan)))
    assert np.isnan(surviving_share([[0.0]], [[1.0]]))


def test_agreement_of_seeds():
    generator = np.random.default_rng(7)
    one = generator.dirichlet(np.ones(4), 2000)
    assert weight_agreement([one, one, one]).tolist() == pytest.approx([1.0] * 4)
    apart = [generator.dirichlet(np.ones(4), 2000) for _ in range(3)]
    found = weight_agreement(apart)
    assert np.abs(found).max() < 0.05
    pairs = ((0, 1), (0, 2), (1, 2))
    theirs = [spearmanr(apart[a][:, 2], apart[b][:, 2]).statistic for a, b in pairs]
    assert found[2] == pytest.approx(np.mean(theirs))
    assert np.isnan(weight_agreement(np.full((2, 9, 4), 0.25))).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: deletion(np.zeros((2, 2, 2)), [[0.5, 0.5]], [0]),
            "weights: got shape",
        ),
        (
            lambda: leave_one_out(np.zeros((1, 2, 2)), [[2.0, 3.0]], [0]),
            "weights: got values",
        ),
        (
            lambda: leave_one_out(np.zeros((1, 2, 2)), [[0.5, 0.5]], [0], "ranking"),
            "task: got 'ranking'",
        ),
        (
            lambda: leave_one_out(
                np.zeros((1, 2, 2)), [[0.5, 0.5]], [[1.0]], "multilabel"
            ),
            r"y: got shape \(1, 1\)",
        ),
        (lambda: weight_agreement(np.zeros((1, 3, 2))), "at least two"),
        (lambda: surviving_share([[1.0]], [[1.0, 1.0]]), "same experts"),
        (lambda: sensitivity(np.zeros((1, 2, 2)), np.zeros((1, 2, 1, 2, 2))), "agree"),
    ],
)
def test_bad_input_is_refused(call, message: str):
    with pytest.raises(ValueError, match=message):
        call()
