"""PLINK sets beside each other: where they contradict each other, and who is twice."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float16

MOST = 0.05  # share of contradictions from which sets are not of one study
# Codes of PLINK for chromosomes with a letter; 0 is unknown.
CODES = {"X": "23", "Y": "24", "XY": "25", "MT": "26", "M": "26"}


def on_two(chromosomes: Sequence[pd.Series]) -> Bool[np.ndarray, " snps"]:
    """Which SNPs stand on different chromosomes; an unknown one differs from none.

    >>> on_two([pd.Series(["1", "chrX", "0"]), pd.Series(["7", "23", "5"])]).tolist()
    [True, False, False]
    """
    coded = [
        own.str.upper().str.removeprefix("CHR").replace(CODES).reset_index(drop=True)
        for own in chromosomes
    ]
    table = pd.concat(coded, axis=1)
    return (table.mask(table == "0").nunique(axis=1) > 1).to_numpy(bool)


def together(
    people: Sequence[str], copies: Float16[np.ndarray, "rows snps"]
) -> tuple[list[str], Float16[np.ndarray, "people snps"], int, int]:
    """One row of every person: the first, filled from later ones where it is missing.

    Also how many genotypes were stated twice, and how many of them differ.
    """
    first: dict[str, int] = {}
    joined, compared, differing = copies.copy(), 0, 0
    for row, person in enumerate(people):
        place = first.setdefault(person, row)
        if place == row:
            continue
        both = ~np.isnan(joined[place]) & ~np.isnan(copies[row])
        compared += int(both.sum())
        differing += int((joined[place] != copies[row])[both].sum())
        missing = np.isnan(joined[place])
        joined[place] = np.where(missing, copies[row], joined[place])
    return list(first), joined[list(first.values())], compared, differing


def refuse_most(count: int, of: int, what: str, root: Path) -> None:
    """Stop where more than a small share is a contradiction.

    Raises:
        ValueError: it is.
    """
    if count > MOST * of:
        raise ValueError(
            f"{root}: {what}: {count / of:.0%} contradict each other in two sets, more "
            f"than {MOST:.0%}; give sets of one study"
        )
