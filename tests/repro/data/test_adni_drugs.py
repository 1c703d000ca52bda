"""Drugs against dementia are met whatever their spelling, others are not."""

import numpy as np
import pytest

from repro.data.adni_drugs import NAMES, edits, telling_words


@pytest.mark.parametrize(
    "entry",
    [
        *("ARICEPT 10mg", "Aricpet", "arcept", "Donepezil HCl", "donepizel", "Aricep"),
        *("don\u00e9p\u00e9zil", "Ebixa", "axura", "E2020", "e-2020 study drug"),
        *("memantin", "Nemenda XR", "galantamin", "Razadine", "rivastigmin patch"),
        *("Exelon/aspirin", "excelon", "cognex", "leqembi infusion", "namzeric"),
    ],
)
def test_a_drug_against_dementia_is_met(entry: str):
    assert telling_words(entry)


@pytest.mark.parametrize(
    "entry",
    [
        *("aspirin", "taurine", "amantadine", "tacrolimus", "glucosamine", "Remeron"),
        *("metformin", "Lipitor", "vitamin E 2000", "neostigmine", "calamine", "Emend"),
        *("Xeloda", "Arixtra", "Coreg", "Namibia", "melatonin", "mesalamine"),
    ],
)
def test_other_drugs_stay(entry: str):
    assert telling_words(entry) == []


def slow_edits(one: str, other: str) -> int:
    """By recursion, as the distance is defined."""
    if not one or not other:
        return len(one) + len(other)
    found = min(
        slow_edits(one[:-1], other) + 1,
        slow_edits(one, other[:-1]) + 1,
        slow_edits(one[:-1], other[:-1]) + (one[-1] != other[-1]),
    )
    if one[-2:] == other[-2:][::-1] and len(one) > 1:
        found = min(found, slow_edits(one[:-2], other[:-2]) + 1)
    return found


def test_edits_agree_with_their_definition():
    random = np.random.default_rng(0)
    for _ in range(60):
        one, other = (
            "".join(random.choice([*"abc"], n)) for n in random.integers(0, 6, 2)
        )
        assert edits(one, other) == edits(other, one) == slow_edits(one, other)
    assert [edits(name, name) for name in NAMES] == [0] * len(NAMES)
