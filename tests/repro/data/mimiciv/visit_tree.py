"""A tree of hospital visits of made-up patients, written as csv text."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from repro.data.mimiciv.mortality import Rules
from repro.data.mimiciv.variables import load
from tests.repro.data.mimiciv.mimiciv_tree import LAB, NOTE, write_csv

PATIENT = "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod"
ADMISSION = "subject_id,hadm_id,admittime,dischtime,deathtime,admission_type,"
ADMISSION += "hospital_expire_flag"
CODE = "subject_id,hadm_id,seq_num,icd_code,icd_version"
LAST = date(2180, 3, 10)  # the day of the discharge of every index visit
COUNT = 40  # patients; every fourth dies 100 days after
Rows = dict[str, list[str]]
HEADERS = {
    "hosp/patients": PATIENT,
    "hosp/admissions": ADMISSION,
    "hosp/diagnoses_icd": CODE,
    "hosp/labevents": LAB,
    "note/discharge": NOTE,
}


def day(number: int) -> str:
    """A day counted from that of the discharge."""
    return (LAST + timedelta(days=number)).isoformat()


def patient(number: int, dod: str = "", age: int = 60) -> str:
    """A row of hosp/patients, whose anchor is the year of the discharge."""
    return f"{number},F,{age},2180,2011 - 2013,{dod}"


def visit(number: int, place: int, start: int, end: int, **more: str) -> str:
    """A row of hosp/admissions; `start` and `end` are days from the discharge."""
    died = more.get("died", "")
    return (
        f"{number},{10 * number + place},{day(start)} 08:00:00,{day(end)} 12:00:00,"
        f"{died},URGENT,{more.get('flag', '0')}"
    )


def code(number: int, place: int, icd: str, version: str = "9") -> str:
    """A row of hosp/diagnoses_icd."""
    return f"{number},{10 * number + place},1,{icd},{version}"


def lab(number: int, when: str, item: int, value: object, store: str = "") -> str:
    """A row of hosp/labevents without admission."""
    return f"1,{number},,9,{item},,{when},{store},{value},{value},mEq/L,,,,,"


def note(number: int, place: int, end: int, text: str, name: str = "") -> str:
    """A row of note/discharge, stored eight hours after the day of a discharge."""
    name = name or f"{number}-DS-{place}"
    moment = f"{day(end)} 00:00:00,{day(end)} 20:00:00"
    return f"{name},{number},{10 * number + place},DS,1,{moment},{text}"


def rows() -> Rows:
    """Forty patients 101 to 140 with an earlier and an index visit, all modalities."""
    made: Rows = {name: [] for name in HEADERS}
    for k in range(COUNT):
        number = 101 + k
        made["hosp/patients"].append(patient(number, day(100) if k % 4 == 0 else ""))
        made["hosp/admissions"] += [visit(number, 1, -60, -50), visit(number, 2, -5, 0)]
        made["hosp/diagnoses_icd"] += [
            code(number, 1, "4280"),
            code(number, 2, "I509", "10"),
        ]
        made["hosp/labevents"] += [
            lab(number, f"{day(-55)} 09:00:00", 50971, 3.0),
            lab(number, f"{day(-2)} 09:00:00", 50971, 5.0 + k / 100),
        ]
        made["note/discharge"] += [
            note(number, 1, -50, f"went home {k}"),
            note(number, 2, 0, "well"),
        ]
    return made


def write_visits(root: Path, made: Rows | None = None, *, suffix: str = "csv") -> Path:
    """Write the tables of `rows`, or of what was made of them."""
    for name, own in (made or rows()).items():
        write_csv(root / f"{name}.{suffix}", HEADERS[name], own)
    items = [
        f"{item},{one.name}"
        for one in load("corrected")
        if one.table == "hosp/labevents"
        for item in one.itemids
    ]
    write_csv(root / f"hosp/d_labitems.{suffix}", "itemid,label", items)
    return root


def changed(name: str, change: Callable[[list[str]], list[str]]) -> Rows:
    """The rows, with those of one table changed."""
    made = rows()
    made[name] = change(made[name])
    return made


OPEN = Rules()  # the rows of nobody may be told
