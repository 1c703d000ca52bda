"""Who is in the data set of ADNI: subjects with a diagnosis, at one visit."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from repro.data.adni_fields import LABEL, UNSTATED
from repro.data.adni_tables import (
    SUBJECT,
    Visit,
    at_visit,
    found,
    subjects_of,
    table_of,
)

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

    @property
    def subjects(self) -> list[str]:
        """PTIDs in the order of samples."""
        return self.rows.index.tolist()

    def table(self, family: str) -> tuple[Path, pd.DataFrame] | None:
        """A table with its path, or nothing if there is no file of the family."""
        path = found(self.root, family)
        return None if path is None else (path, table_of(path, self.people))


def diagnosed(root: Path, visit: Visit) -> tuple[Cohort, list[str]]:
    """Subjects with a diagnosis, sorted, and notes on those without.

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
    table = table_of(path)
    if "DIAGNOSIS" not in table:
        raise ValueError(
            f"{path}: has no column DIAGNOSIS; download a table of 2023 or later"
        )
    people = subjects_of(table, path)
    stated = table["DIAGNOSIS"].str.strip()
    stated = stated.str.removesuffix(".0").mask(stated.isin(UNSTATED), "")
    odd = ~stated.isin([*CODES, ""])
    if odd.any():
        raise ValueError(
            f"{path}: DIAGNOSIS {stated[odd].iloc[0][:40]!r} of "
            f"{table[SUBJECT][odd].iloc[0]} is none of {', '.join(CODES)}; correct it"
        )
    rows = at_visit(table.assign(DIAGNOSIS=stated), visit, path)
    rows, notes = _stable(rows) if visit == "published" else _at_baseline(rows, table)
    if rows.empty:
        raise ValueError(f"{path}: nobody has a diagnosis at the visit {visit!r}")
    _check_agreement(rows, path)
    first = rows.drop_duplicates(SUBJECT).set_index(SUBJECT).sort_index()
    kept = first[["day"]].assign(y=first["DIAGNOSIS"].map(CODES))
    return Cohort(root, visit, kept, people), notes


def _at_baseline(
    rows: pd.DataFrame, table: pd.DataFrame
) -> tuple[pd.DataFrame, list[str]]:
    """Rows with a diagnosis, and how many subjects have none at the baseline."""
    rows = rows[rows["DIAGNOSIS"] != ""]
    lost = table[SUBJECT].nunique() - rows[SUBJECT].nunique()
    return rows, [f"{lost} subjects left out, without a diagnosis at the baseline"]


def _stable(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Rows of subjects with the same diagnosis at every visit, and who is left out."""
    codes = rows.groupby(SUBJECT)["DIAGNOSIS"]
    unstated = codes.transform(lambda own: (own == "").any()).to_numpy(bool)
    changing = codes.transform("nunique").to_numpy() > 1
    lost = rows[SUBJECT][unstated].nunique()
    changed = rows[SUBJECT][changing & ~unstated].nunique()
    return rows[~unstated & ~changing], [
        f"{lost} subjects left out, a visit of theirs has no diagnosis, and {changed} "
        "whose diagnosis changes, as published"
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
