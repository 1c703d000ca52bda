from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from btw import Decomposition, decomposition, decomposition_of_codes, mechanism_auroc
from repro import params
from repro.params.mechanisms import InteractionSet
from repro.simulation import interactions
from repro.simulation.interaction_law import (
    auroc_ceilings,
    bayes_accuracy,
    codes_of_mechanisms,
    information,
    joint_of,
    planted_decomposition,
)

ROOT = Path(__file__).parents[3]
SIMULATION = params.load(ROOT / "params.yaml").interaction_simulation
NAMES = ("unique_m1", "unique_m2", "synergy", "redundancy")


def mix(shares: list[float], classes: int = 3, visible: float = 1.0) -> InteractionSet:
    named = dict(zip(NAMES, shares, strict=True))
    return InteractionSet(modalities=2, classes=classes, visible=visible, shares=named)


def parts(found: Decomposition) -> list[float]:
    return [found.unique_1, found.unique_2, found.redundancy, found.synergy]


@pytest.mark.parametrize("name", list(SIMULATION.sets))
def test_the_law_is_that_of_what_is_drawn(name: str):
    planned, rows = SIMULATION.sets[name], 200_000
    found = interactions.drawn(planned, 0.2, rows, np.random.default_rng(0))
    laws = codes_of_mechanisms(planned, 0.2)
    for number, law in enumerate(laws):
        chosen = found.mechanism == number
        counts = np.zeros(law.shape)
        np.add.at(counts, (found.y[chosen], *found.codes[chosen].T), 1 / chosen.sum())
        assert law.sum() == pytest.approx(1)
        assert counts == pytest.approx(law, abs=0.01)


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_accuracy_of_who_knows_the_mechanism(classes: int):
    found = bayes_accuracy(mix([0.25] * 4, classes), 0.1)
    assert list(found) == list(NAMES)
    assert list(found.values()) == pytest.approx([0.9 + 0.1 / classes] * 4)


@pytest.mark.parametrize(
    ("classes", "others", "redundant"),
    [(2, 0.5833, 0.75), (3, 0.6111, 0.8333), (4, 0.625, 0.875)],
)
def test_ceilings_of_hidden_tags(classes: int, others: float, redundant: float):
    found = auroc_ceilings(mix([0.25] * 4, classes, visible=0.0))
    expected = [others, others, others, redundant]
    assert list(found.values()) == pytest.approx(expected, abs=1e-4)


def test_ceilings_of_visible_tags_and_between():
    assert set(auroc_ceilings(mix([0.25] * 4)).values()) == {1.0}
    half = auroc_ceilings(mix([0.25] * 4, visible=0.5))
    hidden = auroc_ceilings(mix([0.25] * 4, visible=0.0))
    assert all(hidden[name] < half[name] < 1 for name in NAMES)


def test_what_is_not_in_the_mix_has_no_ceiling():
    found = auroc_ceilings(mix([0.5, 0.5, 0.0, 0.0]))
    assert np.isnan(found["synergy"]) and found["unique_m1"] == 1.0


def test_no_score_of_hidden_features_is_above_the_ceiling():
    """Nor the posterior, nor other functions of codes and tags, by more than luck."""
    planned = SIMULATION.sets["planted_hidden"]
    found = interactions.drawn(planned, 0.1, 20_000, np.random.default_rng(1))
    ceiling = list(auroc_ceilings(planned).values())
    agree = (found.codes[:, 0] == found.codes[:, 1]).astype(float)
    best = mechanism_auroc(
        np.stack([-agree, -agree, -agree, agree], axis=1), found.mechanism
    )
    assert best == pytest.approx(ceiling, abs=0.01)
    generator = np.random.default_rng(2)
    for _ in range(20):
        scores = generator.random((3, 3, 4, 4, 4))[
            (*found.codes.T, *found.tags.T)  # any function of all that is seen
        ]
        areas = mechanism_auroc(scores, found.mechanism)
        assert (areas <= np.array(ceiling) + 0.01).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([2, 3]), st.sampled_from([0.0, 0.1]))
@example(253, 3, 0.1)  # off by three times as much with few scalings
@example(434, 3, 0.1)
def test_the_closed_form_is_what_the_search_finds(
    seed: int, classes: int, redrawn: float
):
    shares = np.random.default_rng(seed).dirichlet(np.ones(4)).tolist()
    shares[3] = 1 - sum(shares[:3])
    planned = mix(shares, classes)
    searched = decomposition(joint_of(planned, redrawn))
    closed = planted_decomposition(planned, redrawn)
    assert parts(searched) == pytest.approx(parts(closed), abs=1e-3)


def test_planted_quarters_are_no_unique_information_at_all():
    """What weights would have to say, were the decomposition the truth of the rows."""
    found = planted_decomposition(mix([0.25] * 4, classes=4), 0.0)
    assert parts(found) == pytest.approx([0, 0, 1.0, 1.0])
    assert parts(found.shares()) == pytest.approx([0, 0, 0.5, 0.5])
    found = planted_decomposition(mix([0.55, 0.15, 0.15, 0.15]), 0.0)
    assert parts(found.shares()) == pytest.approx([0.4, 0, 0.3, 0.3])


@pytest.mark.parametrize("name", NAMES)
def test_a_mix_of_one_mechanism_is_that_part_alone(name: str):
    planned = mix([float(name == other) for other in NAMES])
    searched = decomposition(joint_of(planned, 0.1))
    expected = {
        "unique_m1": [1, 0, 0, 0],
        "unique_m2": [0, 1, 0, 0],
        "redundancy": [0, 0, 1, 0],
        "synergy": [0, 0, 0, 1],
    }[name]
    assert parts(searched.shares()) == pytest.approx(expected, abs=1e-4)
    assert searched.total == pytest.approx(information(3, 0.1), abs=1e-4)


def test_counted_codes_and_tags_come_near_the_closed_form():
    planned = mix([0.55, 0.15, 0.15, 0.15])
    found = interactions.drawn(planned, 0.1, 100_000, np.random.default_rng(3))
    first, second = (found.codes[:, m] * 4 + found.tags[:, m] for m in (0, 1))
    counted = decomposition_of_codes(first, second, found.y)
    closed = planted_decomposition(planned, 0.1)
    assert parts(counted) == pytest.approx(parts(closed), abs=0.01)


def test_a_modality_against_the_rest():
    """Parity of three is synergy for each; a pair that is redundant leaves out one."""
    three = SIMULATION.sets["planted_three"]
    alone = three.model_copy(update={"shares": {"synergy": 1.0}})
    for m in range(3):
        found = decomposition(joint_of(alone, 0.0, m))
        assert parts(found) == pytest.approx([0, 0, 0, 1], abs=1e-4)
    pair = three.model_copy(update={"shares": {"redundancy_m1_m2": 1.0}})
    found = [decomposition(joint_of(pair, 0.0, m)) for m in range(3)]
    assert parts(found[0]) == pytest.approx([0, 0, 1, 0], abs=1e-4)
    assert parts(found[2]) == pytest.approx([0, 1, 0, 0], abs=1e-4)


def test_three_modalities_have_no_closed_form():
    planned = SIMULATION.sets["planted_three"]
    with pytest.raises(ValueError, match="modalities=3"):
        planted_decomposition(planned, 0.1)
    with pytest.raises(ValueError, match="visible=0"):
        planted_decomposition(mix([0.25] * 4, visible=0.0), 0.1)
