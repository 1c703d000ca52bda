"""Simulated PLINK sets, written byte by byte, that state SNPs in different ways."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

SNPS = 200
TELLING = 60  # of them follow a latent
STRENGTH = 0.9  # of a latent in the logit of an allele
LINKED = 60  # SNPs that stand beside another and mostly repeat it
REPEATED = 0.9  # share of alleles that a linked SNP repeats
MISSING = 0.01  # share of genotypes
# SNPs of each set that PLINK's reader cannot use: insertions, and no name.
ODD = 6
SETS = ("ADNI_GO_2_Forward_Bin", "ADNI3_PLINK_Final")
BOTH = 0.05  # share of people of the first set who are in the second, too
PAIRS = (("A", "C"), ("A", "G"), ("C", "T"), ("G", "T"))
OTHER_STRAND = {"A": "T", "C": "G", "G": "C", "T": "A"}
HEADER = b"\x6c\x1b\x01"

Copies = Int[np.ndarray, "people snps"]  # 0 to 2 of allele A1, -1 where missing
File = tuple[str, bytes]


@dataclass(frozen=True)
class Snp:
    """A line of a .bim, and whether its column counts the other allele."""

    name: str
    position: int
    a1: str
    a2: str
    is_turned: bool = False

    def line(self) -> str:
        """As PLINK writes it."""
        return f"1\t{self.name}\t0\t{self.position}\t{self.a1}\t{self.a2}\n"


def sets(
    ids: Sequence[str],
    seen: Float[np.ndarray, "subjects latents"],
    there: Bool[np.ndarray, " subjects"],
    generator: np.random.Generator,
) -> Iterator[File]:
    """Two sets of all who were genotyped, some in both.

    The second states some SNPs by the other allele or on the other strand.
    """
    copies = drawn_copies(seen, generator)
    drawn = generator.integers(0, len(PAIRS), copies.shape[1])
    pairs = np.array(PAIRS)[drawn].tolist()
    known = np.flatnonzero(there)
    half = len(known) // 2
    shared = known[:half][generator.random(half) < BOTH]
    groups = (known[:half], np.concatenate([shared, known[half:]]))
    for number, (name, people) in enumerate(zip(SETS, groups, strict=True)):
        snps = [_snp(k, pair, number, generator) for k, pair in enumerate(pairs)]
        yield from _files(
            name, [ids[k] for k in people], copies[people], snps, generator
        )


def drawn_copies(
    seen: Float[np.ndarray, "subjects latents"], generator: np.random.Generator
) -> Copies:
    """Copies of A1: two alleles each, some SNPs follow a latent, some a neighbour."""
    count, latents = seen.shape
    logits = np.tile(generator.uniform(-1.5, 0.5, SNPS), (count, 1))
    for k in range(TELLING):
        logits[:, k * SNPS // TELLING] += STRENGTH * seen[:, k % latents]
    alleles = generator.random((2, count, SNPS)) < 1 / (1 + np.exp(-logits))
    columns = [*alleles.transpose(2, 0, 1)]
    for k in range(LINKED):
        place = k * (SNPS // LINKED + 1) + 1
        fresh = generator.random((2, count)) < 0.4
        repeats = generator.random((2, count)) < REPEATED
        near = columns[place - 1]
        columns.insert(place, np.where(repeats, near, fresh))
    copies = np.stack(columns, axis=2).sum(axis=0)
    return np.where(generator.random(copies.shape) < MISSING, -1, copies)


def bed(copies: Copies) -> bytes:
    """The bytes of a SNP-major .bed, four people a byte, the first in the low bits.

    >>> bed(np.array([[2], [1], [0], [-1], [2]])).hex(" ")
    '6c 1b 01 78 00'
    """
    codes = np.array([3, 2, 0, 1])[copies]  # of 0, 1 and 2 copies; -1 is the last
    people = len(codes)
    padded = np.zeros((codes.shape[1], -(-people // 4) * 4), dtype=np.uint8)
    padded[:, :people] = codes.T
    four = padded.reshape(len(padded), -1, 4) << np.array([0, 2, 4, 6], dtype=np.uint8)
    return HEADER + four.sum(axis=2).astype(np.uint8).tobytes()


def _snp(
    number: int, pair: Sequence[str], of_set: int, generator: np.random.Generator
) -> Snp:
    """A SNP as a set states it: the second one turns alleles and strands at will."""
    is_turned = bool(of_set) and generator.random() < 0.3
    a1, a2 = pair[::-1] if is_turned else pair
    if of_set and generator.random() < 0.3:
        a1, a2 = OTHER_STRAND[a1], OTHER_STRAND[a2]
    # Positions of another assembly: only names join sets.
    position = 10_000 + 500 * number + 37 * of_set
    return Snp(f"rs{1000 + number}", position, a1, a2, is_turned)


def _files(
    name: str,
    ids: Sequence[str],
    copies: Copies,
    snps: Sequence[Snp],
    generator: np.random.Generator,
) -> Iterator[File]:
    """The three files of a set, with SNPs between the others that cannot be used."""
    columns, lines = [*copies.T], list(snps)
    for k in range(ODD):
        place = 7 + k * len(snps) // ODD
        odd = Snp(f"rs{900 + k}", 0, "I", "D") if k % 2 else Snp(".", 0, "A", "G")
        lines.insert(place, odd)
        columns.insert(place, generator.integers(0, 3, len(ids)))
    turned = [
        np.where(own < 0, -1, 2 - own) if snp.is_turned else own
        for own, snp in zip(columns, lines, strict=True)
    ]
    family = "".join(f"{k} {person} 0 0 0 -9\n" for k, person in enumerate(ids))
    yield f"{name}.bed", bed(np.stack(turned, axis=1))
    yield f"{name}.bim", "".join(snp.line() for snp in lines).encode()
    yield f"{name}.fam", family.encode()
