"""Index visits and labels, by hand."""

from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from repro.data.mimiciv.layout import Source, table_file
from repro.data.mimiciv.visits import (
    ADMISSIONS,
    PATIENTS,
    Visits,
    closed,
    index_visits,
    without,
)
from tests.repro.data.mimiciv.test_demo import DEMO
from tests.repro.data.mimiciv.visit_tree import day, patient, rows, visit, write_visits


def read(root: Path, patients: list[str], visits: list[str]) -> Visits:
    made = rows() | {"hosp/patients": patients, "hosp/admissions": visits}
    write_visits(root, made)
    sources = [
        Source(name, table_file(root, name), root) for name in (PATIENTS, ADMISSIONS)
    ]
    return index_visits(*sources)


def two(number: int, **more: str) -> list[str]:
    return [visit(number, 1, -60, -50), visit(number, 2, -5, 0, **more)]


@pytest.mark.parametrize(
    ["dod", "label"],
    [("", 0), (day(0), 1), (day(1), 1), (day(365), 1), (day(366), 0), (day(900), 0)],
)
def test_the_year_ends_with_its_365th_day(tmp_path: Path, dod: str, label: int):
    found = read(tmp_path, [patient(1, dod)], two(1))
    assert found.labelled.rows() == [(1, label)]
    assert found.used.select("hadm_id", "is_index").rows() == [(11, False), (12, True)]


def test_a_death_before_the_discharge_is_no_label(tmp_path: Path):
    found = read(tmp_path, [patient(1, day(-1)), patient(2)], [*two(1), *two(2)])
    assert found.labelled["subject_id"].to_list() == [2]
    counts = closed(found)
    assert counts[PATIENTS]["fates"] == {"died_before_discharge": 1, "used": 1}
    assert counts[ADMISSIONS]["fates"] == {
        "earlier": 1,
        "index": 1,
        "patient_left_out": 2,
    }


def test_a_visit_that_ends_in_death_is_dropped_and_dates_it(tmp_path: Path):
    """The index visit is the one before; without a dod the death in hospital counts."""
    died = visit(1, 3, 20, 30, died=f"{day(30)} 12:00:00", flag="1")
    unflagged = visit(2, 3, 20, 30, died=f"{day(30)} 11:00:00")
    no_time = visit(3, 3, 400, 430, flag="1")
    people = [patient(1, day(30)), patient(2), patient(3)]
    found = read(
        tmp_path, people, [*two(1), died, *two(2), unflagged, *two(3), no_time]
    )
    assert found.labelled.rows() == [(1, 1), (2, 1), (3, 0)]
    index = found.used.filter("is_index")["hadm_id"].to_list()
    assert index == [12, 22, 32]
    assert closed(found)[ADMISSIONS]["fates"]["died_in_visit"] == 3


def test_the_earliest_day_of_a_death_counts(tmp_path: Path):
    """A dod of another century, a deathtime after a discharge, one before both."""
    died = f"{day(30)} 12:00:00"
    fatal = visit(1, 3, 20, 30, died=died, flag="1")
    late = visit(2, 2, -5, 0, died=f"{day(2)} 10:00:00")
    people = [patient(1, "2300-01-01"), patient(2), patient(3, day(20)), patient(4)]
    people += [patient(5, day(31)), patient(6, day(32))]
    first = [visit(2, 1, -60, -50), late, *two(3), visit(3, 3, 400, 430, flag="1")]
    other = [*two(4), visit(4, 3, -30, -20, flag="1")]  # and two visits after it
    near = [*two(5), visit(5, 3, 20, 30, died=died), *two(6)]
    near += [visit(6, 3, 20, 30, died=died)]
    found = read(tmp_path, people, [*two(1), fatal, *first, *other, *near])
    labels = [(1, 1), (2, 1), (3, 1), (5, 1), (6, 1)]
    assert found.labelled.rows() == labels
    counts = closed(found)[PATIENTS]
    assert counts["fates"] == {"died_before_discharge": 1, "used": 5}
    assert counts["noted"] == {"days_of_death_differ": 3}  # of 1, 3 and 6


def test_a_death_of_no_day_is_no_label(tmp_path: Path):
    undated = "1,13,2180-02-01 00:00:00,,,URGENT,1"
    found = read(tmp_path, [patient(1), patient(2)], [*two(1), undated, *two(2)])
    assert found.labelled.rows() == [(2, 0)]
    counts = closed(found)[PATIENTS]
    assert counts["fates"] == {"no_day_of_death": 1, "used": 1}
    assert counts["noted"] == {}


def test_a_fatal_visit_is_not_one_of_the_two(tmp_path: Path):
    fatal = visit(1, 2, 20, 30, flag="1")
    people = [patient(1, day(30)), patient(2), patient(3, day(9)), patient(4)]
    visits = [visit(1, 1, -5, 0), fatal, *two(2), visit(3, 1, 0, 9, flag="1")]
    found = read(tmp_path, people, visits)
    assert found.labelled["subject_id"].to_list() == [2]
    fates = closed(found)[PATIENTS]["fates"]
    assert fates == {"no_visit_survived": 2, "one_visit": 1, "used": 1}


def test_ages_are_those_at_the_index_visit(tmp_path: Path):
    people = [patient(1, age=18), patient(2, age=17), "3,F,,2180,,"]
    found = read(tmp_path, people, [*two(1), *two(2), *two(3)])
    assert found.labelled["subject_id"].to_list() == [1]
    fates = closed(found)[PATIENTS]["fates"]
    assert fates == {"no_adult": 1, "no_age": 1, "used": 1}


def test_every_other_row_has_its_own_count(tmp_path: Path):
    visits = [
        *two(1),
        visit(1, 2, -5, 0),  # again
        visit(1, 4, 5, 1),
        "1,15,,2180-01-01 00:00:00,,URGENT,0",
        ",16,2180-01-01 00:00:00,2180-01-02 00:00:00,,URGENT,0",
        "1,,2180-01-01 00:00:00,2180-01-02 00:00:00,,URGENT,0",
        visit(9, 1, 0, 1),
    ]
    found = read(tmp_path, [patient(1), patient(1), ",F,50,2180,,"], visits)
    counts = closed(found)
    assert counts[PATIENTS]["fates"] == {"no_id": 1, "repeated": 1, "used": 1}
    assert counts[ADMISSIONS]["fates"] == {
        "earlier": 1,
        "ends_before_start": 1,
        "index": 1,
        "no_id": 2,
        "no_times": 1,
        "other_patient": 1,
        "repeated": 1,
    }
    assert counts[ADMISSIONS]["read"] == len(visits)


def test_of_two_visits_the_one_discharged_last_is_the_index(tmp_path: Path):
    visits = [visit(1, 1, -60, 0), visit(1, 2, -5, -1)]
    found = read(tmp_path, [patient(1)], visits)
    assert found.used.filter("is_index")["hadm_id"].to_list() == [11]


def test_who_is_silent_is_left_out_and_counted(tmp_path: Path):
    found = read(tmp_path, [patient(1), patient(2)], [*two(1), *two(2)])
    left = without(found, pl.Series([2]))
    assert left.labelled["subject_id"].to_list() == [1]
    assert closed(left)[PATIENTS]["fates"] == {"nothing_known": 1, "used": 1}
    nobody = pl.Series([], dtype=pl.Int64)
    assert without(found, nobody).labelled.equals(found.labelled)


def test_rows_that_contradict_each_other_stop_the_run(tmp_path: Path):
    with pytest.raises(ValueError, match="subject_id 1 stands in several rows"):
        read(tmp_path / "a", [patient(1), patient(1, day(3))], two(1))
    other = visit(1, 2, -4, 0)
    with pytest.raises(ValueError, match="hadm_id 12 stands in several rows"):
        read(tmp_path / "b", [patient(1)], [*two(1), other])


@pytest.mark.parametrize(
    ["people", "visits", "told"],
    [
        ([patient(1, "12/03/2180")], two(1), "row 2, column dod: '12/03/2180' is no"),
        (["1,F,old,2180,,"], two(1), "column anchor_age: 'old' is no whole number"),
        (["x,F,50,2180,,"], two(1), "column subject_id: 'x' is no whole number"),
        ([patient(1)], two(1, flag="maybe"), "column hospital_expire_flag: 'maybe'"),
        ([patient(1)], two(1, died="soon"), "row 3, column deathtime: 'soon' is no"),
    ],
)
def test_a_cell_that_decides_and_cannot_be_read_stops_the_run(
    tmp_path: Path, people: list[str], visits: list[str], told: str
):
    with pytest.raises(ValueError, match=told):
        read(tmp_path, people, visits)


@pytest.mark.skipif(not DEMO.is_dir(), reason="the demo is not there")
def test_the_open_demo_against_a_plain_loop():
    people = pd.read_csv(DEMO / f"{PATIENTS}.csv.gz", parse_dates=["dod"])
    times = ["admittime", "dischtime", "deathtime"]
    visits = pd.read_csv(DEMO / f"{ADMISSIONS}.csv.gz", parse_dates=times)
    expected = []
    for person in people.itertuples():
        own = visits[visits["subject_id"] == person.subject_id]
        survived = [v for v in own.itertuples() if v.hospital_expire_flag == 0]
        if len(survived) < 2:
            continue
        last = max(survived, key=lambda visit: visit.dischtime)
        days = (person.dod - last.dischtime.normalize()).days
        if not days < 0:
            expected.append((person.subject_id, int(days <= 365), last.hadm_id))
    sources = [
        Source(name, table_file(DEMO, name), DEMO) for name in (PATIENTS, ADMISSIONS)
    ]
    found = index_visits(*sources)
    index = found.used.filter("is_index")["hadm_id"].to_list()
    labelled = [
        (*row, hadm) for row, hadm in zip(found.labelled.rows(), index, strict=True)
    ]
    assert labelled == sorted(expected) and len(labelled) > 10
    assert not found.is_made_up
    assert {label for _, label, _ in labelled} == {0, 1}
