"""PLINK sets: the bits of a .bed, SNPs that are dropped, sets that are joined."""

from pathlib import Path

import numpy as np
import pytest

from repro.data.plink import Genotypes, bed_copies, read
from repro.simulation.adni_genetics import bed
from tests.repro.made_adni import SNPS, genotypes, write_set

PEOPLE = ["011_S_0001", "011_S_0002", "011_S_0003", "011_S_0004", "011_S_0005"]


def slow_copies(content: bytes, people: int, snps: int) -> list[list[float]]:
    """The copies of A1 by the format, bit by bit."""
    width, found = (people + 3) // 4, []
    for person in range(people):
        own = []
        for snp in range(snps):
            byte = content[3 + snp * width + person // 4]
            low = byte >> 2 * (person % 4) & 1
            high = byte >> 2 * (person % 4) + 1 & 1
            own.append(
                {(0, 0): 2.0, (1, 0): np.nan, (0, 1): 1.0, (1, 1): 0.0}[low, high]
            )
        found.append(own)
    return found


def found(root: Path) -> Genotypes:
    genotypes = read(root)
    assert genotypes is not None
    return genotypes


def as_floats(copies: np.ndarray) -> np.ndarray:
    return np.where(copies < 0, np.nan, copies).astype(float)


@pytest.mark.parametrize("people", [1, 3, 4, 5, 8, 13])
def test_bits_agree_with_a_plain_loop(people: int, tmp_path: Path):
    width, snps = -(-people // 4), 7
    random = np.random.default_rng(people).integers(0, 256, snps * width, np.uint8)
    path = tmp_path / "a.bed"
    path.write_bytes(b"\x6c\x1b\x01" + random.tobytes())
    expected = slow_copies(path.read_bytes(), people, snps)
    np.testing.assert_array_equal(bed_copies(path, people, snps, range(7)), expected)
    some = bed_copies(path, people, snps, [6, 2])
    np.testing.assert_array_equal(some, np.array(expected)[:, [6, 2]])


def test_the_example_of_the_format(tmp_path: Path):
    """Six people and three SNPs. Source: cog-genomics.org/plink/1.9/formats#bed.

    Their genotypes, A1 of the SNPs G, 1 and A; 0 0 is missing.
    """
    text = (
        *("G G 2 2 C C", "A A 0 0 A C", "0 0 1 2 A C"),
        *("A A 2 2 0 0", "A A 2 2 0 0", "A A 2 2 A A"),
    )
    expected = np.full((6, 3), np.nan)
    for person, line in enumerate(text):
        alleles = line.split()
        for snp, counted in enumerate("G1A"):
            pair = alleles[2 * snp : 2 * snp + 2]
            if "0" not in pair:
                expected[person, snp] = pair.count(counted)
    path = tmp_path / "a.bed"
    path.write_bytes(bytes.fromhex("6c1b01dc0fe70f6b01"))
    np.testing.assert_array_equal(bed_copies(path, 6, 3, range(3)), expected)


def test_what_is_written_is_read(tmp_path: Path):
    copies = genotypes(11, 9)
    (tmp_path / "a.bed").write_bytes(bed(copies))
    read_back = bed_copies(tmp_path / "a.bed", 11, 9, range(9))
    np.testing.assert_array_equal(read_back, as_floats(copies))


@pytest.mark.parametrize("place", [0, 1, 3, 4])
def test_a_planted_genotype_survives_a_dropped_snp(place: int, tmp_path: Path):
    """The released preparation drops the line of the .bim and keeps the column."""
    copies = genotypes(5)
    odd = np.full(5, 2)
    write_set(
        tmp_path,
        "set",
        PEOPLE,
        [*SNPS[:place], ("rs9", "I", "D"), *SNPS[place:]],
        np.insert(copies, place, odd, axis=1),
    )
    genotype = found(tmp_path)
    assert genotype.names == ("rs1_A", "rs2_G", "rs3_A", "rs4_C")
    np.testing.assert_array_equal(genotype.copies, as_floats(copies))
    assert "1 with alleles other than ACGT" in genotype.notes[0]


@pytest.mark.parametrize(
    ("snp", "told"),
    [
        (("rs9", "0", "A"), "1 with alleles other than ACGT"),
        (("rs9", "AT", "A"), "1 with alleles other than ACGT"),
        ((".", "A", "C"), "1 of no name of their own"),
    ],
)
def test_what_cannot_be_used_is_dropped_and_counted(
    snp: tuple[str, str, str], told: str, tmp_path: Path
):
    copies = genotypes(5, 5)
    write_set(tmp_path, "set", PEOPLE, [*SNPS[:2], snp, *SNPS[2:]], copies)
    genotype = found(tmp_path)
    expected = as_floats(np.delete(copies, 2, axis=1))
    np.testing.assert_array_equal(genotype.copies, expected)
    assert told in genotype.notes[0]


def test_a_name_of_two_snps_is_of_neither(tmp_path: Path):
    snps = [*SNPS[:2], ("rs1", "A", "G")]
    write_set(tmp_path, "set", PEOPLE, snps, genotypes(5, 3))
    assert found(tmp_path).names == ("rs2_G",)


def test_sets_are_joined_by_name_and_allele_on_either_strand(tmp_path: Path):
    one, two = genotypes(5, 6), genotypes(5, 6, seed=1)
    write_set(tmp_path, "a", PEOPLE, [*SNPS, ("rs5", "A", "C"), ("rs6", "A", "T")], one)
    others = [p.replace("011", "012") for p in PEOPLE]
    snps = [
        ("rs6", "T", "A"),  # the same on both strands
        ("rs5", "A", "G"),  # another allele
        ("rs4", "T", "C"),  # turned
        ("rs3", "T", "C"),  # the other strand
        ("rs2", "A", "C"),  # turned and on the other strand
        ("rs1", "A", "C"),  # as in the first
    ]
    write_set(tmp_path, "b", others, snps, two)
    genotype = found(tmp_path)
    assert genotype.names == ("rs1_A", "rs2_G", "rs3_A", "rs4_C")
    assert genotype.people == [*PEOPLE, *others]
    np.testing.assert_array_equal(genotype.copies[:5], as_floats(one)[:, :4])
    second = as_floats(two)
    expected = [second[:, 5], 2 - second[:, 4], second[:, 3], 2 - second[:, 2]]
    np.testing.assert_array_equal(genotype.copies[5:], np.stack(expected, axis=1))
    assert "2 the same on both strands" in genotype.notes[0]
    assert genotype.notes[0].endswith("1 of other alleles in another set")


def test_a_snp_on_both_strands_is_kept_in_a_set_of_its_own(tmp_path: Path):
    write_set(tmp_path, "a", PEOPLE, [("rs6", "A", "T")], genotypes(5, 1))
    assert found(tmp_path).names == ("rs6_A",)


def test_a_person_of_two_sets_is_taken_from_the_first(tmp_path: Path):
    one, two = np.zeros((5, 4), int), np.ones((5, 4), int)
    two[0] = 0
    write_set(tmp_path, "a", PEOPLE, SNPS, one)
    write_set(tmp_path, "b", [PEOPLE[2], "x1", "x2", "x3", "x4"], SNPS, two)
    genotype = found(tmp_path)
    assert genotype.people == [*PEOPLE, "x1", "x2", "x3", "x4"]
    assert genotype.copies[2].tolist() == [0, 0, 0, 0]
    assert "1 people of two sets" in genotype.notes[1]


def test_without_a_set_there_is_nothing(tmp_path: Path):
    assert read(tmp_path) is None


@pytest.mark.parametrize("change", [-1, 1])
def test_a_bed_of_another_length_is_refused(change: int, tmp_path: Path):
    stem = write_set(tmp_path, "set", PEOPLE, SNPS, genotypes(5))
    path = stem.with_suffix(".bed")
    content = path.read_bytes()
    path.write_bytes(content[:-1] if change < 0 else content + b"\0")
    said = rf"has {11 + change} bytes, 4 SNPs .* 5 people .* need 11"
    with pytest.raises(ValueError, match=said):
        read(tmp_path)


@pytest.mark.parametrize(
    ("start", "said"),
    [(b"\x6c\x1b\x00", "not SNP-major"), (b"PK\x03", "begins with 50 4b")],
)
def test_another_file_than_a_bed_is_refused(start: bytes, said: str, tmp_path: Path):
    stem = write_set(tmp_path, "set", PEOPLE, SNPS, genotypes(5))
    path = stem.with_suffix(".bed")
    path.write_bytes(start + path.read_bytes()[3:])
    with pytest.raises(ValueError, match=said):
        read(tmp_path)


@pytest.mark.parametrize("end", [".bed", ".bim", ".fam"])
def test_a_missing_file_of_a_set_is_named(end: str, tmp_path: Path):
    stem = write_set(tmp_path, "set", PEOPLE, SNPS, genotypes(5))
    stem.with_suffix(end).unlink()
    with pytest.raises(ValueError, match=rf"set\{end}: no such file"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("end", "content", "said"),
    [
        (".bim", "1 rs1 0 5 A\n", "line 1 has 5 fields, 6 are needed"),
        (".bim", "", "is empty"),
        (".fam", "0 p 0 0 0 -9\n1 p 0 0 0 -9\n", "'p' stands twice"),
    ],
)
def test_damaged_lists_are_refused(end: str, content: str, said: str, tmp_path: Path):
    stem = write_set(tmp_path, "set", PEOPLE, SNPS, genotypes(5))
    stem.with_suffix(end).write_text(content)
    with pytest.raises(ValueError, match=said):
        read(tmp_path)


def test_sets_without_a_common_snp_are_refused(tmp_path: Path):
    write_set(tmp_path, "a", PEOPLE, SNPS[:1], genotypes(5, 1))
    write_set(tmp_path, "b", PEOPLE, SNPS[1:2], genotypes(5, 1))
    with pytest.raises(ValueError, match=r"no SNP .* in all of a\.bed, b\.bed"):
        read(tmp_path)
