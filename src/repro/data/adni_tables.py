"""Tables of ADNI as LONI gives them: the file, its subjects, the rows of one visit."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro.data.adni_fields import UNSTATED
from repro.data.csv_files import csv_table
from repro.data.places import inside
from repro.data.spelling import plain

Visit = Literal["baseline", "published"]
# Visits that are the baseline, the one that counts first.
BASELINE = ("bl", "sc", "scmri")
DATES = ("EXAMDATE", "VISDATE", "USERDATE")  # of a visit, by the first stated
STAMP = "UPDATE_STAMP"
MOST = 0.05  # share of subjects whose rows may contradict each other
SUBJECT, RID = "PTID", "RID"
_BOUND = re.compile(r"[<>]\s*(?=[\d.])")  # of an assay: beyond what it can measure


def is_named(name: str, family: str) -> bool:
    """Whether a file is named as a table of the family, with or without a day.

    LONI ends names with the day of the download and may begin them with All_Subjects;
    a browser numbers a second download.

    >>> is_named("DXSUM_PDXCONV_09Sep2024.csv", "DXSUM"), is_named("DXS.csv", "DXSUM")
    (True, False)
    >>> is_named("All_Subjects_DXSUM_15Oct2024 (1).csv", "DXSUM")
    True
    """
    middle = rf"{family}(_PDXCONV)?(_ADNIALL)?(_?\d\w*)?"
    return bool(re.fullmatch(rf"(All_Subjects_)?{middle}( ?\(\d+\))?\.csv", name))


def found(root: Path, family: str) -> Path | None:
    """The one file of a family of tables; None if there is none.

    Raises:
        ValueError: there are several.
    """
    names = sorted(p.name for p in root.glob("*.csv") if is_named(p.name, family))
    if len(names) > 1:
        raise ValueError(
            f"{root}: {' and '.join(names)} are both {family}; leave one download"
        )
    return inside(root, names[0]) if names else None


def in_capitals(path: Path) -> pd.DataFrame:
    """A table with columns in capitals and PTIDs as they are read, "" without one.

    Raises:
        ValueError: the file is bad, has neither PTID nor RID, or two columns differ in
            case alone.
    """
    table = csv_table(path, ())
    names = table.columns.str.strip().str.upper()
    if (again := names[names.duplicated()]).size:
        raise ValueError(f"{path}: has the column {again[0]} twice; rename one")
    table.columns = names
    if SUBJECT not in table and RID not in table:
        raise ValueError(
            f"{path}: has no column {SUBJECT} among {names[:20].tolist()}; download it "
            "again from LONI"
        )
    own = table[SUBJECT] if SUBJECT in table else pd.Series("", table.index)
    return table.assign(**{SUBJECT: stated(own.map(plain))})


def table_of(
    path: Path, subjects: Mapping[int, str], known: Collection[str] | None = None
) -> tuple[pd.DataFrame, int]:
    """A table with the subject of every row as PTID, and how many rows are of nobody.

    Where a row has no PTID, its RID says who it is (`subjects`). Rows of a RID that is
    not among them, or of nobody in `known`, are left out. A row keeps its number.

    Raises:
        ValueError: the file is bad, or a RID is no number, or is not that of the PTID.
    """
    table = in_capitals(path)
    own = table[SUBJECT]
    if RID in table:
        rids = stated(table[RID])
        numbered = whole_numbers(rids[rids != ""], RID, path)
        by_rid = numbered.map(lambda rid: subjects.get(rid, ""))
        by_rid = by_rid.astype("str").reindex(table.index, fill_value="")
        _check_keys(own, numbered, by_rid, path)
        own = own.where(own != "", by_rid)
    is_known = own != "" if known is None else own.isin(set(known))
    return table.assign(**{SUBJECT: own})[is_known], int((~is_known).sum())


def _check_keys(
    own: pd.Series, numbered: pd.Series, by_rid: pd.Series, path: Path
) -> None:
    """Stop at a row whose RID is that of another PTID."""
    odd = (own != "") & (by_rid != "") & (own != by_rid)
    if odd.any():
        row = odd.index[odd][0]
        raise ValueError(
            f"{path}: {RID} {numbered[row]} in row {row + 1} is {by_rid[row]}, the row "
            f"says {own[row][:40]!r}; correct one"
        )


def subjects_of(table: pd.DataFrame, path: Path) -> dict[int, str]:
    """The PTID of every RID, by rows that state both.

    Raises:
        ValueError: a RID has two, or a PTID.
    """
    if RID not in table:
        return {}
    pairs = table[[RID, SUBJECT]].apply(stated)
    pairs = pairs[(pairs != "").all(axis=1)]
    pairs = pairs.assign(RID=whole_numbers(pairs[RID], RID, path)).drop_duplicates()
    for key, value in ((RID, SUBJECT), (SUBJECT, RID)):
        again = pairs[key].duplicated(keep=False)
        if again.any():
            named = pairs[again].sort_values([key, value])
            raise ValueError(
                f"{path}: {key} {named[key].iloc[0]} is both {named[value].iloc[0]} "
                f"and {named[value].iloc[1]}; correct it"
            )
    return dict(zip(pairs[RID].tolist(), pairs[SUBJECT].tolist(), strict=True))


def at_visit(table: pd.DataFrame, visit: Visit, path: Path) -> pd.DataFrame:
    """Rows of the baseline, or all; the first of a subject counts first.

    At the baseline, `bl` comes before `sc`, then what was entered last; else the
    latest visit comes first. The columns `rank`, `day` and `entered` tell the order.

    Raises:
        ValueError: no column names the visit, or a time cannot be read.
    """
    day = entered = pd.Series(pd.NaT, table.index, dtype="datetime64[ns]")
    for name in DATES:
        day = day.fillna(_times(table[name], path)) if name in table else day
    if STAMP in table:
        entered = _times(table[STAMP], path)
    table = table.assign(day=day, entered=entered)
    if visit == "published":
        order = ["day", "entered"]
        table = table.assign(rank=0)
    else:
        codes = visits(table, path)
        table = table.assign(rank=codes.map({c: k for k, c in enumerate(BASELINE)}))
        table = table[table["rank"].notna()]
        order = ["entered", "day"]
    # The order in the file decides nothing: of two at once the smaller comes first.
    by = [SUBJECT, "rank", *order]
    tied = table.duplicated(by, keep=False)
    words = table[tied].drop(columns=["day", "entered", "rank"]).astype("str")
    tie = pd.Series(["\x1f".join(own) for own in words.to_numpy()], words.index, "str")
    table = table.assign(tie=tie.reindex(table.index, fill_value=""))
    by, ascending = [*by, "tie"], [True, True, False, False, True]
    return table.sort_values(by, ascending=ascending, kind="stable")


def contradicted(rows: pd.DataFrame, names: Sequence[str], path: Path) -> int:
    """Subjects of two rows of one visit, entered at one time, that state other words.

    Raises:
        ValueError: there are more than a small share, and more than one.
    """
    there = [name for name in names if name in rows]
    if not there or rows.empty:
        return 0
    texts = rows[there].apply(stated)
    key = [rows[name] for name in (SUBJECT, "rank", "day", "entered")]
    counts = texts.mask(texts == "").groupby(key, dropna=False).nunique()
    differing = counts[(counts > 1).any(axis=1)].index.get_level_values(0).unique()
    if len(differing) > max(1, MOST * rows[SUBJECT].nunique()):
        raise ValueError(
            f"{path}: {len(differing) / rows[SUBJECT].nunique():.0%} of the subjects "
            f"(first {differing[0]}) have two rows of one visit, entered at one time, "
            f"that differ in {', '.join(there[:3])} and so on; leave the right ones"
        )
    return len(differing)


def visits(table: pd.DataFrame, path: Path) -> pd.Series:
    """The code of the visit of every row: VISCODE2 where it is stated, else VISCODE.

    Raises:
        ValueError: there is neither column.
    """
    named = [name for name in ("VISCODE2", "VISCODE") if name in table]
    if not named:
        raise ValueError(
            f"{path}: has no column VISCODE2 or VISCODE; download it again from LONI"
        )
    codes = [stated(table[name]).str.lower() for name in named]
    return codes[0].where(codes[0] != "", codes[-1])


def stated(texts: pd.Series) -> pd.Series:
    """Words without spaces around them, "" for what LONI writes where none is.

    >>> stated(pd.Series([" bl", "-4", "NA"])).tolist()
    ['bl', '', '']
    """
    bare = texts.str.strip()
    return bare.mask(bare.isin(UNSTATED), "")


def first_stated(
    rows: pd.DataFrame, names: Sequence[str], subjects: Sequence[str]
) -> pd.DataFrame:
    """The first word of every field that any row of a subject states, else "".

    Source: rows in the order of `at_visit`; a table may lack some of the fields.
    """
    there = [name for name in names if name in rows]
    texts = rows[there].apply(stated)
    texts = texts.mask(texts == "")
    first = texts.groupby(rows[SUBJECT], sort=False).first()
    first = first.reindex(index=list(subjects), columns=list(names))
    return first.astype(object).fillna("").astype(str)


def numbers(
    texts: pd.DataFrame, path: Path
) -> tuple[Float[np.ndarray, "subjects fields"], int]:
    """Stated words as numbers, NaN where nothing is stated, and how many are bounds.

    "<8" and ">1700" of an assay become the bound.

    Raises:
        ValueError: a word is no number, or not finite.
    """
    if not texts.columns.size:
        return np.zeros((len(texts), 0)), 0
    bare = texts.apply(lambda column: column.str.replace(_BOUND, "", regex=True))
    bounds = int((bare != texts).to_numpy().sum())
    values = bare.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    odd = (texts != "").to_numpy() & ~np.isfinite(values)
    if odd.any():
        row, column = np.argwhere(odd)[0]
        raise ValueError(
            f"{path}: {texts.columns[column]} of {texts.index[row]} is "
            f"{texts.iat[row, column][:40]!r}, not a number; correct it"
        )
    return values, bounds


def whole_numbers(texts: pd.Series, name: str, path: Path) -> pd.Series:
    """Numbers without a fraction.

    Raises:
        ValueError: one is none.
    """
    values = pd.to_numeric(texts, errors="coerce")
    odd = values.isna() | (values % 1 != 0)
    if odd.any():
        raise ValueError(
            f"{path}: {name} {texts[odd].iloc[0][:40]!r} in row "
            f"{odd.index[odd][0] + 1} is no whole number; correct it"
        )
    return values.astype(np.int64)


def _times(texts: pd.Series, path: Path) -> pd.Series:
    known = stated(texts)
    times = pd.to_datetime(known.mask(known == ""), errors="coerce", format="ISO8601")
    odd = times.isna() & (known != "")
    if odd.any():
        raise ValueError(
            f"{path}: {texts.name} {texts[odd].iloc[0][:40]!r} is no date like "
            "2011-03-25; correct it"
        )
    return times.astype("datetime64[ns]")
