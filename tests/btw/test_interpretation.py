import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from btw import (
    bayes_auroc,
    disagreement_scores,
    mechanism_auroc,
    mix_correlation,
    normalised_score,
    top_one,
    total_variation,
)

ROWS, EXPERTS = 4000, 4


def planted(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(EXPERTS, size=ROWS)


def weights(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(EXPERTS), ROWS)


def test_oracle_weights_are_perfect():
    mechanism = planted()
    oracle = np.eye(EXPERTS)[mechanism]
    assert mechanism_auroc(oracle, mechanism).tolist() == [1.0] * EXPERTS
    assert top_one(oracle, mechanism) == 1.0
    shares = np.bincount(mechanism) / ROWS
    assert total_variation(oracle, shares) == pytest.approx(0)


def test_shuffled_oracle_weights_are_chance_but_right_on_average():
    mechanism = planted()
    shuffled = np.eye(EXPERTS)[np.random.default_rng(2).permutation(mechanism)]
    areas = mechanism_auroc(shuffled, mechanism)
    assert np.abs(areas - 0.5).max() < 0.02
    shares = np.bincount(mechanism) / ROWS
    assert total_variation(shuffled, shares) == pytest.approx(0)


def test_uniform_weights_are_chance():
    mechanism, uniform = planted(), np.full((ROWS, EXPERTS), 1 / EXPERTS)
    assert mechanism_auroc(uniform, mechanism).tolist() == [0.5] * EXPERTS
    assert top_one(uniform, mechanism) == pytest.approx(1 / EXPERTS)


def test_swapped_names_are_below_chance():
    mechanism = planted()
    swapped = np.eye(EXPERTS)[(mechanism + 1) % EXPERTS]
    assert (mechanism_auroc(swapped, mechanism) < 0.5).all()
    assert top_one(swapped, mechanism) == 0.0


def test_areas_are_those_of_scikit_learn_with_ties():
    mechanism, scores = planted(), weights().round(1)
    found = mechanism_auroc(scores, mechanism)
    for expert in range(EXPERTS):
        theirs = roc_auc_score(mechanism == expert, scores[:, expert])
        assert found[expert] == pytest.approx(theirs, abs=1e-12)


def test_a_mechanism_without_rows_or_without_an_expert():
    mechanism = np.array([0, 0, 2, 3])
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.85, 0.15]])
    areas = mechanism_auroc(scores, mechanism)
    assert areas[0] == 0.75 and np.isnan(areas[1])
    assert top_one(scores, mechanism) == 1.0
    assert np.isnan(top_one(scores, np.array([2, 3, 2, 3])))


def brute_area(own: np.ndarray, rest: np.ndarray) -> float:
    """Every pair of outcomes, one of the mechanism and one of the rest."""
    score, won = own / (own + rest), 0.0
    for a, p in enumerate(own):
        for b, q in enumerate(rest):
            won += (
                p * q * (0.5 if np.isclose(score[a], score[b]) else score[a] > score[b])
            )
    return won / (own.sum() * rest.sum())


@given(st.integers(0, 1000))
def test_the_ceiling_is_that_of_every_pair_and_no_score_beats_it(seed: int):
    generator = np.random.default_rng(seed)
    joint = generator.dirichlet(np.ones(6), 3) / 3
    best = bayes_auroc(joint)
    rest = joint.sum(axis=0) - joint
    for kind in range(3):
        assert best[kind] == pytest.approx(brute_area(joint[kind], rest[kind]))
    other = generator.random(6)
    for kind in range(3):
        beats = other[:, None] > other[None]
        area = joint[kind] @ beats @ rest[kind] / (joint[kind].sum() * rest[kind].sum())
        assert area <= best[kind] + 1e-12


@pytest.mark.parametrize(
    ("classes", "others", "redundant"),
    [(2, 7 / 12, 0.75), (3, 11 / 18, 5 / 6), (4, 0.625, 0.875)],
)
def test_ceilings_of_equal_codes_by_hand(classes: int, others: float, redundant: float):
    """Codes agree in all redundant rows, elsewhere by chance."""
    agree = np.array([1 / classes] * 3 + [1.0])
    joint = np.stack([agree, 1 - agree], axis=1) / 4
    expected = [others, others, others, redundant]
    assert bayes_auroc(joint) == pytest.approx(expected)


def test_a_ceiling_of_what_never_or_always_occurs_is_undefined():
    assert np.isnan(bayes_auroc([[0.4, 0.6], [0.0, 0.0]])).all()


def test_normalised_scores():
    found = normalised_score(np.array([0.5, 0.8, 0.7]), np.array([0.7, 0.8, 0.5]))
    assert found[:2].tolist() == [0.0, 1.0]
    assert np.isnan(found[2])


def test_total_variation_by_hand():
    assert total_variation([[0.7, 0.3], [0.9, 0.1]], [0.5, 0.5]) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="shares: a row misses the sum 1"):
        total_variation([[0.7, 0.3]], [0.5, 0.3])
    with pytest.raises(ValueError, match="a share per expert"):
        total_variation([[0.7, 0.3]], [1.0])


def test_the_correlation_over_mixes_is_that_of_scipy():
    generator = np.random.default_rng(3)
    one, other = generator.random((5, 4)), generator.random((5, 4)).round(1)
    found = mix_correlation(one, other)
    for expert in range(4):
        theirs = spearmanr(one[:, expert], other[:, expert]).statistic
        assert found[expert] == pytest.approx(theirs)
    assert np.isnan(mix_correlation(np.full((5, 4), 0.25), other)).all()
    with pytest.raises(ValueError, match="at least three"):
        mix_correlation(one[:2], other[:2])


def test_the_disagreement_rule_by_hand_with_three_modalities():
    fused = [[0.8, 0.2]]
    own = [[[0.8, 0.2], [0.5, 0.5], [0.0, 1.0]]]  # overlaps 1, 0.7, 0.2
    found = disagreement_scores(own, fused)
    assert found.tolist()[0] == pytest.approx([0.3, -0.3, -0.8, 0.0, 0.2])


def test_equal_overlaps_have_no_unique_modality():
    found = disagreement_scores([[[0.8, 0.2], [0.8, 0.2]]], [[0.8, 0.2]])
    assert found.tolist()[0] == pytest.approx([0.0, 0.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mechanism_auroc([[0.1, 0.9]], [0, 1]), "mechanism: got shape"),
        (lambda: mechanism_auroc([[0.1, 0.9]], [0.5]), "mechanism: pass whole"),
        (lambda: mechanism_auroc([[0.1, 0.9]], [-1]), "mechanism: pass whole"),
        (lambda: top_one([[0.1, np.nan]], [0]), "scores: 1 values are not finite"),
        (lambda: bayes_auroc([[-0.1, 0.5]]), "joint: got -0.1"),
        (lambda: disagreement_scores([[[1.0, 0.0]]], [[1.0, 0.0]]), "two modalities"),
        (
            lambda: disagreement_scores([[[1.0, 0.0], [3.0, 0.0]]], [[1.0, 0.0]]),
            "unimodal: got values from 0.0 to 3.0",
        ),
    ],
)
def test_bad_input_is_refused(call, message: str):
    with pytest.raises(ValueError, match=message):
        call()
