"""A small folder in the layout of ADNI, whose every file a test may spoil."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from repro.data.adni import Visit, read
from repro.records import Dataset
from repro.simulation.adni_genetics import bed

Rows = Sequence[Mapping[str, object]]
CLASSES = ("CN", "MCI", "AD")
COUNT = 30
LABEL, IMAGE = "DXSUM_09Sep2024.csv", "UCSFFSX7_09Sep2024.csv"
# A SNP per line: name, A1, A2.
SNPS = (("rs1", "A", "C"), ("rs2", "G", "T"), ("rs3", "A", "G"), ("rs4", "C", "T"))


def subject(number: int) -> str:
    """A PTID of a site that exists."""
    return f"011_S_{number:04d}"


def csv_bytes(rows: Rows, end: str = "\n") -> bytes:
    """Rows as LONI writes them: every field quoted."""
    buffer = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(
        buffer, names, "", quoting=csv.QUOTE_ALL, lineterminator=end
    )
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


def write(root: Path, name: str, rows: Rows) -> Path:
    path = root / name
    path.write_bytes(csv_bytes(rows))
    return path


def row(number: int, visit: str = "bl", **fields: object) -> dict[str, object]:
    """A row of a table: keys, the visit, and its own fields."""
    keys = {"PHASE": "ADNI2", "PTID": subject(number), "RID": number}
    dates = {"EXAMDATE": "2011-03-05", "update_stamp": "2011-04-01 10:00:00.0"}
    return {**keys, "VISCODE": "v03", "VISCODE2": visit, **dates, **fields}


def diagnoses(count: int = COUNT) -> list[dict[str, object]]:
    """CN, MCI and AD in turn, all at the baseline."""
    return [row(k, DIAGNOSIS=1 + k % 3) for k in range(1, count + 1)]


def regions(count: int = COUNT) -> list[dict[str, object]]:
    """A volume and a thickness that name the subject; row 1 states no thickness."""
    return [
        row(k, "sc", ST29SV=3000 + k, ST24TA="" if k == 1 else k / 10)
        for k in range(1, count + 1)
    ]


def genotypes(count: int = COUNT, snps: int = len(SNPS), seed: int = 0) -> np.ndarray:
    """Copies of A1, some missing."""
    return np.random.default_rng(seed).integers(-1, 3, (count, snps))


def write_set(
    root: Path,
    stem: str,
    people: Sequence[str],
    snps: Sequence[Sequence[str]],
    copies: np.ndarray,
) -> Path:
    """A PLINK set; gives its stem."""
    lines = [f"1\t{n}\t0\t{100 + k}\t{a}\t{b}\n" for k, (n, a, b) in enumerate(snps)]
    (root / f"{stem}.bim").write_text("".join(lines))
    family = [f"{k} {person} 0 0 0 -9\n" for k, person in enumerate(people)]
    (root / f"{stem}.fam").write_text("".join(family))
    (root / f"{stem}.bed").write_bytes(bed(copies))
    return root / stem


def write_adni(root: Path, count: int = COUNT) -> Path:
    """Diagnoses, regions, vital signs, proteins and one PLINK set of every subject."""
    root.mkdir(parents=True)
    write(root, "DXSUM_09Sep2024.csv", diagnoses(count))
    write(root, "UCSFFSX7_09Sep2024.csv", regions(count))
    vital = [row(k, VSWEIGHT=60 + k, VSWTUNIT=2) for k in range(1, count + 1)]
    write(root, "VITALS_09Sep2024.csv", vital)
    proteins = [row(k, ABETA42=900 + k, TAU=200) for k in range(1, count + 1)]
    proteins = [{n: v for n, v in one.items() if n != "PTID"} for one in proteins]
    write(root, "UPENNBIOMK_ROCHE_ELECSYS_09Sep2024.csv", proteins)
    people = [subject(k) for k in range(1, count + 1)]
    write_set(root, "ADNI3_PLINK_Final", people, SNPS, genotypes(count))
    return root


def found(root: Path, visit: Visit = "baseline") -> Dataset:
    """What the reader makes of such a folder."""
    return read(root, CLASSES, visit)
