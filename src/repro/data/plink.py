"""Reader of PLINK sets: genotypes from .bed, .bim and .fam, several sets joined.

A column of the .bed belongs to a line of the .bim by its place alone: a SNP that is
dropped is dropped in both, or every later genotype bears the name of another SNP.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float16, Int

from repro.data import plink_joining
from repro.data.places import inside, regular_file
from repro.records import told

MAGIC = b"\x6c\x1b"
SNP_MAJOR = b"\x01"
BIM = ("chromosome", "name", "centimorgans", "position", "a1", "a2")
FAM = ("family", "person", "father", "mother", "sex", "phenotype")
BASES = ("A", "C", "G", "T")
COMPLEMENT = dict(zip(BASES, reversed(BASES), strict=True))
# Copies of allele A1 by the two bits of a person: 00 A1 A1, 01 missing, 10, 11 A2 A2.
COPIES = np.array([2, np.nan, 1, 0], dtype=np.float16)
_OF_BYTE = COPIES[np.arange(256)[:, None] >> np.array([0, 2, 4, 6]) & 3]


@dataclass(frozen=True)
class Genotypes:
    """Copies of one allele of every SNP that every person has; NaN where missing.

    `names` are those of SNPs with the allele that is counted, in the order of the
    first set.
    """

    people: list[str]
    names: tuple[str, ...]
    copies: Float16[np.ndarray, "people snps"]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Set:
    """A set: its .bed, who is in it, and the SNPs of its .bim that can be used."""

    bed: Path
    people: list[str]
    total: int
    usable: pd.DataFrame  # chromosome, a1 and a2; the index is the place in the .bed


def read(root: Path, fewest: int = 0) -> Genotypes | None:
    """The SNPs that all sets below `root` have with the same alleles; None without any.

    Sets are joined by the name of a SNP, as positions differ between assemblies. One
    that counts the other allele, or states the other strand, is turned to the first
    set. A person of two sets is taken from the first, and what that lacks from the
    next. Counts of people below `fewest` are not told.

    Source: the PLINK 1 binary format, cog-genomics.org/plink/1.9/formats#bed.
    Departure: the released preparation takes SNPs out of .bim alone.
    Raises:
        ValueError: a file of a set is missing or damaged, or no SNP is in all sets.
    """
    stems = {path.with_suffix("") for end in ("bed", "bim") for path in _all(root, end)}
    if not stems:
        return None
    sets, counted = _sets(sorted(stems), root)
    kept, others, note = _common(sets, counted, root)
    people, copies = _stacked(sets, kept, others)
    singles, copies, compared, differing = plink_joining.together(people, copies)
    plink_joining.refuse_most(differing, compared, "genotypes of people twice", root)
    names = tuple(f"{name}_{sets[0].usable.at[name, 'a1']}" for name in kept)
    twice = len(people) - len(singles)
    shared = f"genetic: {told(twice, fewest)} people of two sets, taken from the first"
    if differing:
        shared += f"; {told(differing, fewest)} genotypes of theirs differ"
    return Genotypes(singles, names, copies, (note, *([shared] if twice else [])))


def _common(
    sets: Sequence[_Set], counted: str, root: Path
) -> tuple[list[str], list[np.ndarray], str]:
    """SNPs of all sets, which of them each set turns, and what was left out."""
    first = sets[0].usable
    common = [name for name in first.index if all(name in s.usable.index for s in sets)]
    parts = [one.usable.loc[common] for one in sets]
    turns = [turned(parts[0], part) for part in parts]
    is_same = np.all([is_known for is_known, _ in turns], axis=0)
    if not is_same.any():
        raise ValueError(
            f"{root}: no SNP stands with the same alleles in all of "
            f"{', '.join(one.bed.name for one in sets)}; give sets of one study"
        )
    is_moved = plink_joining.on_two([part["chromosome"] for part in parts])
    moved, what = int(is_moved.sum()), "SNPs on two chromosomes by name"
    plink_joining.refuse_most(moved, len(common), what, root)
    is_kept = is_same & ~is_moved
    note = (
        f"genetic: {int(is_kept.sum())} SNPs in all of {len(sets)} sets; left out "
        f"{counted}, {int((~is_same).sum())} of other alleles in another set"
    )
    if lone := len({name for one in sets for name in one.usable.index}) - len(common):
        note += f", {lone} in some sets only"
    if moved:
        note += f", {moved} on another chromosome in another set"
    kept = np.array(common)[is_kept].tolist()
    return kept, [is_other[is_kept] for _, is_other in turns], note


def bed_copies(
    path: Path, people: int, snps: int, places: Sequence[int]
) -> Float16[np.ndarray, "people places"]:
    """Copies of allele A1 that every person has of the SNPs at `places`.

    Raises:
        ValueError: the file is no SNP-major .bed, or not of that many people and SNPs.
    """
    width = -(-people // 4)
    with regular_file(path).open("rb") as handle:
        start = handle.read(3)
    if start[:2] != MAGIC:
        raise ValueError(
            f"{path}: begins with {start[:2].hex(' ')}, a .bed with 6c 1b; give the "
            "file that PLINK wrote"
        )
    if start[2:] != SNP_MAJOR:
        raise ValueError(
            f"{path}: is not SNP-major (byte 3 is {start[2:].hex()}, not 01); write it "
            "again with plink --make-bed"
        )
    size, needed = path.stat().st_size, 3 + snps * width
    if size != needed:
        raise ValueError(
            f"{path}: has {size} bytes, {snps} SNPs of the .bim x {people} people of "
            f"the .fam need {needed}; the three files are not of one set, or one is cut"
        )
    raw = np.memmap(path, np.uint8, "r", offset=3, shape=(snps, width))
    copies = _OF_BYTE[raw[np.asarray(places, dtype=np.int64)]]
    return copies.reshape(len(places), -1)[:, :people].T


def turned(
    first: pd.DataFrame, other: pd.DataFrame
) -> tuple[Bool[np.ndarray, " snps"], Bool[np.ndarray, " snps"]]:
    """Whether SNPs have the same two alleles, on either strand, and A1 and A2 changed.

    >>> first = pd.DataFrame({"a1": ["A", "A", "A", "A"], "a2": ["C", "C", "C", "C"]})
    >>> other = pd.DataFrame({"a1": ["A", "C", "G", "A"], "a2": ["C", "A", "T", "G"]})
    >>> [found.tolist() for found in turned(first, other)]
    [[True, True, True, False], [False, True, True, False]]
    """
    (a1, a2), (b1, b2) = (
        (t["a1"].to_numpy(), t["a2"].to_numpy()) for t in (first, other)
    )
    c1, c2 = (other[name].map(COMPLEMENT).to_numpy() for name in ("a1", "a2"))
    is_plain = (b1 == a1) & (b2 == a2) | (c1 == a1) & (c2 == a2)
    is_other = (b1 == a2) & (b2 == a1) | (c1 == a2) & (c2 == a1)
    return is_plain | is_other, is_other & ~is_plain


def _all(root: Path, end: str) -> list[Path]:
    return [
        inside(root, p.relative_to(root).as_posix()) for p in root.rglob(f"*.{end}")
    ]


def _sets(stems: Sequence[Path], root: Path) -> tuple[list[_Set], str]:
    """Every set, and how many SNPs of them cannot be used, in words."""
    sets, odd, nameless, either = [], 0, 0, 0
    for stem in stems:
        parts = {
            end: regular_file(inside(root, f"{stem.relative_to(root).as_posix()}{end}"))
            for end in (".bed", ".bim", ".fam")
        }
        bim, fam = _columns(parts[".bim"], BIM), _columns(parts[".fam"], FAM)
        again = fam["person"].duplicated()
        if again.any():
            raise ValueError(
                f"{parts['.fam']}: person {fam['person'][again].iloc[0]!r} stands "
                "twice; leave one"
            )
        bim["a1"], bim["a2"] = bim["a1"].str.upper(), bim["a2"].str.upper()
        is_base = bim["a1"].isin(BASES) & bim["a2"].isin(BASES)
        has_name = (bim["name"] != ".") & ~bim["name"].duplicated(keep=False)
        # A and T, or C and G, look the same on both strands: which one two sets state
        # cannot be told.
        is_either = is_base & (bim["a1"].map(COMPLEMENT) == bim["a2"])
        is_either &= len(stems) > 1
        odd += int((~is_base).sum())
        nameless += int((is_base & ~has_name).sum())
        either += int((has_name & is_either).sum())
        usable = bim[is_base & has_name & ~is_either]
        table = (
            usable[["chromosome", "a1", "a2"]]
            .assign(place=usable.index)
            .set_axis(usable["name"])
        )
        sets.append(_Set(parts[".bed"], fam["person"].tolist(), len(bim), table))
    return sets, (
        f"{odd} with alleles other than {''.join(BASES)}, {nameless} of no name of "
        f"their own, {either} the same on both strands"
    )


def _stacked(
    sets: Sequence[_Set], names: Sequence[str], is_other: Sequence[np.ndarray]
) -> tuple[list[str], Float16[np.ndarray, "people snps"]]:
    """People of all sets below each other, the allele of the first set counted."""
    people, copies = [], []
    for one, others in zip(sets, is_other, strict=True):
        places: Int[np.ndarray, " snps"] = one.usable.loc[names, "place"].to_numpy()
        own = bed_copies(one.bed, len(one.people), one.total, places.tolist())
        copies.append(np.where(others, np.float16(2) - own, own))
        people += one.people
    return people, np.concatenate(copies)


def _columns(path: Path, names: Sequence[str]) -> pd.DataFrame:
    """A file of columns without a header, as strings.

    Raises:
        ValueError: it is no text, is empty, or a line has more or fewer fields.
    """
    try:
        lines = [line.split() for line in path.read_text("utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text ({error}); give PLINK's file") from None
    for number, fields in enumerate(lines, start=1):
        if len(fields) != len(names):
            raise ValueError(
                f"{path}: line {number} has {len(fields)} fields, {len(names)} are "
                f"needed ({', '.join(names)}); the file is damaged"
            )
    if not lines:
        raise ValueError(f"{path}: is empty; give the file that PLINK wrote")
    return pd.DataFrame(lines, columns=list(names), dtype="str")
