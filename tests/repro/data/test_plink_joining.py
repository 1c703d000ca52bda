"""Sets that contradict each other are counted, and refused where they often do."""

from pathlib import Path

import numpy as np
import pytest

from repro.data.plink import read
from repro.data.plink_joining import refuse_most, together
from tests.repro.made_adni import write_set

SNPS = [(f"rs{k}", "A", "C") for k in range(20)]
PEOPLE = ["a", "b", "c", "d", "e"]


def test_a_person_twice_is_filled_from_the_other_and_differences_are_counted(
    tmp_path: Path,
):
    one, two = np.zeros((5, 20), int), np.zeros((5, 20), int)
    one[0, 3], two[0, 3], two[1, 4] = -1, 2, 1
    write_set(tmp_path, "a", PEOPLE, SNPS, one)
    write_set(tmp_path, "b", PEOPLE, SNPS, two)
    found = read(tmp_path)
    assert found is not None and found.people == PEOPLE
    assert found.copies[0, 3] == 2 and found.copies[1, 4] == 0
    assert found.notes[1].startswith("genetic: 5 people of two sets")
    assert found.notes[1].endswith("1 genotypes of theirs differ")
    write_set(tmp_path, "b", PEOPLE, SNPS, 2 - one)
    with pytest.raises(ValueError, match="genotypes of people twice: 100% contradict"):
        read(tmp_path)


def test_people_together_agree_with_a_plain_loop():
    random = np.random.default_rng(0)
    people = random.choice([*"abcd"], 9).tolist()
    copies = random.choice([0, 1, 2, np.nan], (9, 6)).astype(np.float16)
    names, joined, compared, differing = together(people, copies)
    assert names == list(dict.fromkeys(people))
    pairs = []
    for place, name in enumerate(names):
        for snp in range(6):
            own = [v for p, v in zip(people, copies[:, snp], strict=True) if p == name]
            own = [v for v in own if not np.isnan(v)]
            np.testing.assert_equal(joined[place, snp], own[0] if own else np.nan)
            pairs += [v != own[0] for v in own[1:]]
    assert (compared, differing) == (len(pairs), sum(pairs))


@pytest.mark.parametrize(("moved", "told"), [(1, "1 on another"), (2, None)])
def test_a_name_on_two_chromosomes_is_of_neither(
    moved: int, told: str | None, tmp_path: Path
):
    write_set(tmp_path, "a", PEOPLE, SNPS, np.zeros((5, 20), int))
    stem = write_set(
        tmp_path, "b", ["x"], [*SNPS, ("r", "A", "C")], np.zeros((1, 21), int)
    )
    lines = stem.with_suffix(".bim").read_text().splitlines()
    lines[:moved] = [f"7{line[1:]}" for line in lines[:moved]]
    stem.with_suffix(".bim").write_text("\n".join(lines) + "\n")
    if told is None:
        with pytest.raises(ValueError, match="SNPs on two chromosomes by name: 10%"):
            read(tmp_path)
        return
    found = read(tmp_path)
    assert found is not None and found.names[0] == "rs1_A" and len(found.names) == 19
    assert "1 in some sets only, 1 on another chromosome" in found.notes[0]


def test_a_small_share_is_not_refused(tmp_path: Path):
    refuse_most(5, 100, "x", tmp_path)
    refuse_most(0, 0, "x", tmp_path)
    with pytest.raises(ValueError, match="more than 5%"):
        refuse_most(6, 100, "x", tmp_path)
