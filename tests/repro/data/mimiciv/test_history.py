"""Laboratory values, codes and summaries of visits, by hand."""

from pathlib import Path

import polars as pl
import pytest

from repro.data.mimiciv import history
from repro.data.mimiciv.history import Known, NoteTime, codes, lab_values, summaries
from repro.data.mimiciv.layout import Source, table_file
from repro.data.mimiciv.settings import Settings
from repro.data.mimiciv.variables import load
from repro.data.mimiciv.visits import ADMISSIONS, PATIENTS, index_visits
from tests.repro.data.mimiciv.visit_tree import (
    code,
    day,
    lab,
    note,
    patient,
    rows,
    visit,
    write_visits,
)

VARIABLES = tuple(v for v in load("corrected") if v.table == history.LABS)
POTASSIUM = next(k for k, v in enumerate(VARIABLES) if v.name == "Potassium")
SODIUM = next(k for k, v in enumerate(VARIABLES) if v.name == "Sodium")


def prepared(root: Path, table: str, own: list[str]) -> tuple[dict, pl.DataFrame]:
    """Sources and visits of one patient with three visits, and rows of one table."""
    made = rows() | {
        "hosp/patients": [patient(1)],
        "hosp/admissions": [
            visit(1, 1, -200, -190),
            visit(1, 2, -60, -50),
            visit(1, 3, -5, 0),
        ],
        table: own,
    }
    write_visits(root, made)
    names = (PATIENTS, ADMISSIONS, *history.COLUMNS)
    found = {name: Source(name, table_file(root, name), root) for name in names}
    return found, index_visits(found[PATIENTS], found[ADMISSIONS]).used


def labs(root: Path, own: list[str], policy: str = "strict") -> Known:
    found, visits = prepared(root, history.LABS, own)
    settings = Settings(root, time_policy=policy)
    return lab_values(found, VARIABLES, visits, settings, root)


def test_last_and_mean_are_over_the_index_and_earlier_visits(tmp_path: Path):
    known = labs(
        tmp_path,
        [
            lab(1, f"{day(-1)} 09:00:00", 50971, 6.0),
            lab(1, f"{day(-195)} 09:00:00", 50971, 3.0),
            lab(1, f"{day(-55)} 09:00:00", 50822, 4.5),  # whole blood
            lab(1, f"{day(-55)} 09:00:00", 50983, 140),
        ],
    )
    assert known.rows.select("subject_id", "variable", "last", "mean").rows() == [
        (1, POTASSIUM, 6.0, 4.5),
        (1, SODIUM, 140.0, 140.0),
    ]


def test_every_laboratory_row_stands_in_one_count(tmp_path: Path):
    own = [
        lab(1, f"{day(-1)} 09:00:00", 50971, 6.0),
        lab(1, f"{day(-1)} 09:00:00", 50971, 6.0),  # again
        lab(1, f"{day(-1)} 09:00:00", 50971, 900.0),
        lab(1, f"{day(-1)} 09:00:00", 50971, "many"),
        lab(1, f"{day(0)} 09:00:00", 50971, 9.0, store=f"{day(0)} 13:00:00"),
        lab(1, f"{day(3)} 09:00:00", 50971, 9.0),
        lab(1, f"{day(-100)} 09:00:00", 50971, 9.0),
        lab(2, f"{day(-1)} 09:00:00", 50971, 9.0),
        lab(1, f"{day(-1)} 09:00:00", 1, 9.0),
        lab(1, "", 50971, 9.0),
    ]
    known = labs(tmp_path / "a", own)
    assert known.rows["last"].to_list() == [6.0]
    counts = known.counts[history.LABS]
    assert counts["becoming"] == {"averaged": 1, "out_of_range": 1, "duplicate_rows": 1}
    assert counts["fates"] == {
        "after_window": 1,
        "no_number": 1,
        "no_time": 1,
        "other_item": 1,
        "other_patient": 1,
        "outside_stays": 2,
        "used": 3,
    }
    assert counts["unreadable"] == {"valuenum": 1}
    # As drawn, whenever it was known: 9.0 is the last one.
    assert labs(tmp_path / "b", own, "charttime").rows["last"].to_list() == [9.0]


def test_a_laboratory_time_that_cannot_be_read_stops_the_run(tmp_path: Path):
    with pytest.raises(ValueError, match="row 2, column charttime: 'noon' is no time"):
        labs(tmp_path, [lab(1, "noon", 50971, 3.0)])


def coded(root: Path, own: list[str], *, icd9_only: bool = False) -> Known:
    found, visits = prepared(root, history.CODES, own)
    return codes(found[history.CODES], visits, icd9_only=icd9_only)


CODED = [
    code(1, 1, "E8889"),
    code(1, 3, "E8889", "10"),
    code(1, 2, " 428.0 "),
    code(1, 3, "4281"),
    code(1, 2, "i50.9", "10"),
]


def test_versions_of_codes_are_kept_apart(tmp_path: Path):
    known = coded(tmp_path / "a", CODED)
    assert known.rows["code"].to_list() == ["10_E88", "10_I50", "9_428", "9_E88"]
    old = coded(tmp_path / "b", CODED, icd9_only=True)
    assert old.rows["code"].to_list() == ["9_428", "9_E88"]
    assert old.counts[history.CODES]["fates"] == {"not_icd9": 2, "used": 3}


def test_every_code_row_stands_in_one_count(tmp_path: Path):
    own = [
        code(1, 1, "4280"),
        code(1, 1, "42"),
        code(1, 1, ""),
        code(1, 1, "4280", "8"),
        code(1, 1, "4280", ""),
        code(1, 9, "4280"),
        "1,,1,4280,9",
        ",11,1,4280,9",
        "2,11,1,4280,9",  # a visit of somebody else
    ]
    fates = coded(tmp_path, own).counts[history.CODES]["fates"]
    assert fates == {
        "no_admission": 1,
        "no_code": 2,
        "no_patient": 1,
        "no_version": 1,
        "other_version": 1,
        "other_visit": 2,
        "used": 1,
    }


def test_a_version_that_cannot_be_read_stops_the_run(tmp_path: Path):
    told = "diagnoses_icd.csv: row 2, column icd_version: 'nine' is no whole number"
    with pytest.raises(ValueError, match=told):
        coded(tmp_path, [code(1, 1, "4280", "nine")])


def told(root: Path, own: list[str], time: NoteTime = "earlier") -> Known:
    found, visits = prepared(root, history.NOTES, own)
    return summaries(found[history.NOTES], visits, Settings(root), time)


NOTED = [
    note(1, 3, 0, "expired"),
    note(1, 2, -50, '"second, of two\nlines"'),
    note(1, 1, -190, "first"),
]


def test_summaries_of_earlier_visits_come_in_their_order(tmp_path: Path):
    known = told(tmp_path / "a", NOTED)
    assert known.rows.rows() == [(1, "first\n\nsecond, of two\nlines")]
    assert known.counts[history.NOTES]["fates"] == {"index_visit": 1, "used": 2}
    every = told(tmp_path / "b", NOTED, "index").rows["text"].to_list()
    assert every == ["first\n\nsecond, of two\nlines\n\nexpired"]


def test_what_was_written_after_the_index_visit_is_not_known(tmp_path: Path):
    late = "1-AD-9,1,11,AD,2," + f"{day(40)} 00:00:00,,expired"
    stored = "1-AD-8,1,11,AD,2," + f"{day(-190)} 00:00:00,{day(1)} 08:00:00,expired"
    known = told(tmp_path, [*NOTED, late, stored])
    assert "expired" not in known.rows["text"][0]
    assert known.counts[history.NOTES]["fates"]["known_later"] == 2


def test_every_summary_row_stands_in_one_count(tmp_path: Path):
    own = [
        *NOTED,
        NOTED[1],
        *(note(1, 1, -190, f"more {k}", f"1-AD-{k}") for k in range(5)),
        note(1, 1, -190, '" \u200b"', "1-AD-6"),
        ",1,11,DS,1,,,text",
        "1-DS-7,1,11,DS,1,,,text",
        note(1, 9, -190, "nobody's"),
    ]
    known = told(tmp_path, own)
    assert known.counts[history.NOTES]["fates"] == {
        "before_last": 2,
        "empty_text": 1,
        "index_visit": 1,
        "no_id": 1,
        "no_time": 1,
        "other_visit": 1,
        "repeated": 1,
        "used": 5,
    }
    assert known.rows["text"][0].count("\n\n") == history.LAST - 1


def test_a_summary_that_contradicts_itself_stops_the_run(tmp_path: Path):
    own = [note(1, 1, -190, "one"), note(1, 1, -190, "two")]
    with pytest.raises(ValueError, match="note_id 1-DS-1 stands in several rows"):
        told(tmp_path, own)
