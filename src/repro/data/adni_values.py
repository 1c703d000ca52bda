"""Values of ADNI that are told by more than one column: in a unit, and the age."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro.data.adni_fields import UNITS
from repro.data.adni_tables import SUBJECT, stated

BORN = ("PTDOBYY", "PTDOB")  # a year, or a month and a year
YEAR = re.compile(r"(?:\d{1,2}/(?:\d{1,2}/)?)?((?:18|19|20)\d\d)(?:\.0)?")
AGES = (18, 110)  # of a subject that can be


def with_units(rows: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows that state a value and its unit or neither, and what was lost by field.

    So the first stated value and the first stated unit are of one row. A value of which
    the unit is not stated, or unknown, cannot be converted and is missing.
    """
    changed: dict[str, pd.Series] = {}
    lost: dict[str, int] = {}
    for name, (unit, scales) in UNITS.items():
        if name not in rows:
            continue
        value, code = stated(rows[name]), pd.Series("", rows.index)
        if unit in rows:
            code = stated(rows[unit]).str.removesuffix(".0")
        is_known = code.isin(list(scales)) & (value != "")
        changed |= {name: value.where(is_known, ""), unit: code.where(is_known, "")}
        lost[name] = int(((value != "") & ~is_known).sum())
    return rows.assign(**changed), {
        name: count for name, count in lost.items() if count
    }


def in_common_units(values: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """Weights in kg, heights in cm, temperatures in degrees Celsius.

    >>> values = pd.DataFrame({"VSTEMP": [98.6, 37.0]})
    >>> units = pd.DataFrame({"VSTMPUNT": ["1", ""]})
    >>> in_common_units(values, units)["VSTEMP"].round(1).tolist()
    [37.0, nan]
    """
    changed = {}
    for name, (unit, scales) in UNITS.items():
        if name in values:
            known = [scales.get(code, (np.nan, np.nan)) for code in units[unit]]
            factors, shifts = np.array(known).reshape(-1, 2).T
            changed[name] = factors * values[name] + shifts
    return values.assign(**changed)


def with_years(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The year of birth of every row as `BORN`: the first of PTDOBYY, PTDOB stated.

    Raises:
        ValueError: one is neither a year nor a day or month of one.
    """
    born = pd.Series("", table.index)
    for name in BORN:
        if name not in table:
            continue
        texts = stated(table[name])
        years = texts.map(_year)
        odd = (texts != "") & (years == "")
        if odd.any():
            raise ValueError(
                f"{path}: {name} {texts[odd].iloc[0][:40]!r} in row "
                f"{odd.index[odd][0] + 1} is no year like 1938, 07/1938 or "
                "07/21/1938; correct it"
            )
        born = born.where(born != "", years)
    return table.assign(BORN=born)


def with_alleles(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """APGEN1 and APGEN2 of every row, from GENOTYPE (3/4) where that is stated.

    Raises:
        ValueError: a genotype is none.
    """
    if "GENOTYPE" not in table:
        return table
    texts = stated(table["GENOTYPE"])
    odd = (texts != "") & ~texts.str.fullmatch(r"[234]/[234]")
    if odd.any():
        raise ValueError(
            f"{path}: GENOTYPE {texts[odd].iloc[0][:40]!r} in row "
            f"{odd.index[odd][0] + 1} is none like 3/4; correct it"
        )
    for name, place in (("APGEN1", 0), ("APGEN2", 2)):
        before = table[name] if name in table else pd.Series("", table.index)
        table = table.assign(**{name: texts.str.get(place).fillna(before)})
    return table


def ages(
    born: pd.DataFrame, days: pd.Series, path: Path
) -> Float[np.ndarray, " subjects"]:
    """Years between the year of birth and that of the diagnosis.

    Raises:
        ValueError: an age cannot be.
    """
    years = pd.to_numeric(born["BORN"].mask(born["BORN"] == "")).to_numpy(np.float64)
    found = days.dt.year.to_numpy(np.float64) - years
    odd = (found < AGES[0]) | (found > AGES[1])
    if odd.any():
        place = int(odd.argmax())
        raise ValueError(
            f"{path}: {SUBJECT} {born.index[place]}, born in {years[place]:.0f}, was "
            f"{found[place]:.0f} at the diagnosis, not {AGES[0]} to {AGES[1]}; correct "
            f"{' or '.join(BORN)}"
        )
    return found


def _year(text: str) -> str:
    match = YEAR.fullmatch(text)
    return match[1] if match else ""
