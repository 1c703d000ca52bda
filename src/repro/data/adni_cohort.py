"""Who is in the data set of ADNI: subjects with a diagnosis, at one visit."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from repro.data.adni_fields import LABEL
from repro.data.adni_tables import (
    SUBJECT,
    Visit,
    at_visit,
    found,
    in_capitals,
    stated,
    subjects_of,
    table_of,
)
from repro.records import told

CODES = {"1": 0, "2": 1, "3": 2}  # of DIAGNOSIS: CN, MCI, AD
# What repro.simulation.adni calls its subjects: no site has the number 000.
_SIMULATED = r"000_S_\d{4}"


@dataclass(frozen=True)
class Cohort:
    """Subjects with a diagnosis, the visit it is of, and who a RID is."""

    root: Path
    visit: Visit
    rows: pd.DataFrame  # y and the day of the diagnosis; the index is the PTID
    people: dict[int, str]
    known: frozenset[str]  # with a row in the table of diagnoses, whatever it says
    fewest: int  # counts below it are not told
    unknown: dict[str, int] = field(default_factory=dict)  # rows of nobody, by file

    @property
    def subjects(self) -> list[str]:
        """PTIDs in the order of samples."""
        return self.rows.index.tolist()

    def table(self, family: str) -> tuple[Path, pd.DataFrame] | None:
        """A table with its path, or nothing if there is no file of the family."""
        path = found(self.root, family)
        if path is None:
            return None
        table, self.unknown[path.name] = table_of(path, self.people, self.known)
        return path, table

    def told(self, count: int) -> str:
        """A count as notes may say it."""
        return told(count, self.fewest)

    def unknown_notes(self) -> list[str]:
        """Rows of the tables read so far whose subject has no row of a diagnosis."""
        return [
            f"{name}: {self.told(count)} rows left out, {LABEL} does not name their "
            "subject"
            for name, count in self.unknown.items()
            if count
        ]


def diagnosed(root: Path, visit: Visit, fewest: int = 0) -> tuple[Cohort, list[str]]:
    """Subjects with a diagnosis, sorted, and notes on those without.

    Counts below `fewest` are not told of subjects that nobody simulated.

    Raises:
        ValueError: the table of diagnoses is missing or bad, states an unknown one or
            two of one visit, or nobody has one.
    """
    path = found(root, LABEL)
    if path is None:
        raise ValueError(
            f"{root}: has no {LABEL}_*.csv with the diagnoses; put the "
            "tables of LONI there"
        )
    people = subjects_of(in_capitals(path), path)
    table, unknown = table_of(path, people)
    if "DIAGNOSIS" not in table:
        raise ValueError(
            f"{path}: has no column DIAGNOSIS; download a table of 2023 or later"
        )
    rows = at_visit(table.assign(DIAGNOSIS=_codes(table, path)), visit, path)
    known = frozenset(table[SUBJECT])
    fewest = 0 if all(re.fullmatch(_SIMULATED, name) for name in known) else fewest
    undated = int(rows["day"].isna().sum()) if visit == "published" else 0
    if visit == "published":
        rows, notes = _stable(rows, fewest)
    else:
        rows, notes = _at_baseline(rows, len(known), fewest)
    if rows.empty:
        raise ValueError(f"{path}: nobody has a diagnosis at the visit {visit!r}")
    _check_agreement(rows, path)
    first = rows.drop_duplicates(SUBJECT).set_index(SUBJECT).sort_index()
    kept = first[["day"]].assign(y=first["DIAGNOSIS"].map(CODES))
    if undated:
        notes.append(f"{path.name}: {told(undated, fewest)} rows without a date")
    if unknown:
        said = f"rows left out, of no {SUBJECT} and an unknown RID"
        notes.append(f"{path.name}: {told(unknown, fewest)} {said}")
    return Cohort(root, visit, kept, people, known, fewest), notes


def _codes(table: pd.DataFrame, path: Path) -> pd.Series:
    codes = stated(table["DIAGNOSIS"]).str.removesuffix(".0")
    odd = ~codes.isin([*CODES, ""])
    if odd.any():
        raise ValueError(
            f"{path}: DIAGNOSIS {codes[odd].iloc[0][:40]!r} of "
            f"{table[SUBJECT][odd].iloc[0]} is none of {', '.join(CODES)}; correct it"
        )
    return codes


def _at_baseline(
    rows: pd.DataFrame, people: int, fewest: int
) -> tuple[pd.DataFrame, list[str]]:
    """Rows with a diagnosis, and how many subjects have none at the baseline."""
    rows = rows[rows["DIAGNOSIS"] != ""]
    lost = told(people - rows[SUBJECT].nunique(), fewest)
    return rows, [f"{lost} subjects left out, without a diagnosis at the baseline"]


def _stable(rows: pd.DataFrame, fewest: int) -> tuple[pd.DataFrame, list[str]]:
    """Rows of subjects with the same diagnosis at every visit, and who is left out."""
    codes = rows.groupby(SUBJECT)["DIAGNOSIS"]
    unstated = codes.transform(lambda own: (own == "").any()).to_numpy(bool)
    changing = codes.transform("nunique").to_numpy() > 1
    lost = rows[SUBJECT][unstated].nunique()
    changed = rows[SUBJECT][changing & ~unstated].nunique()
    return rows[~unstated & ~changing], [
        f"{told(lost, fewest)} subjects left out, a visit of theirs has no diagnosis, "
        f"and {told(changed, fewest)} whose diagnosis changes, as published"
    ]


def _check_agreement(rows: pd.DataFrame, path: Path) -> None:
    """Stop at a visit entered twice at the same time with two diagnoses."""
    key = [SUBJECT, "rank", "day", "entered"]
    codes = rows.groupby(key, dropna=False)["DIAGNOSIS"].nunique()
    if (codes > 1).any():
        raise ValueError(
            f"{path}: one visit of {codes[codes > 1].index[0][0]} has two diagnoses "
            "entered at the same time; leave the right one"
        )


def is_made_up(cohort: Cohort, *, simulated: bool) -> bool:
    """Whether the simulator wrote the files, by the ids of all subjects.

    Raises:
        ValueError: they are called simulated and are not.
    """
    ids = pd.Series(cohort.subjects)
    made_up = ids.str.fullmatch(_SIMULATED).astype(bool)
    if simulated and not made_up.all():
        raise ValueError(
            f"{cohort.root}: the simulator did not write it, {int((~made_up).sum())} "
            f"subjects are not its own (first {ids[~made_up].iloc[0][:40]!r}); set "
            "source: own"
        )
    return bool(made_up.all())
