"""Length of stay against the times, admissions, and paths of objects."""

from pathlib import Path

import pytest

from repro import files
from repro.data.mimiciv.ingesting import ingest
from repro.data.mimiciv.inside import is_inside
from repro.data.mimiciv.settings import Settings
from tests.repro.data.mimiciv.mimiciv_tree import (
    STAYS,
    change,
    rows_of,
    write_csv,
    write_objects,
    write_tree,
)

FIRST, SECOND = STAYS[:2]
ADMISSION = "subject_id,hadm_id,dischtime,deathtime,hospital_expire_flag"


def report_of(tmp_path: Path, *stays: str, **other) -> dict:
    root = write_tree(tmp_path / "raw", stays=list(stays))
    return ingest(Settings(root, **other), tmp_path / "out")


@pytest.mark.parametrize(
    ("los", "fate"),
    [
        ("inf", "los_not_of_times"),
        ("-inf", "los_not_of_times"),
        ("1e300", "los_not_of_times"),
        ("1e999", "los_not_of_times"),
        ("-2.5", "los_not_of_times"),
        ("20", "los_not_of_times"),
        ("60", "los_not_of_times"),  # hours
        ("2.6", "los_not_of_times"),
        ("0", "los_not_of_times"),
        ("NaN", "no_los"),
        ("nan", "no_los"),
        ("", "no_los"),
        ("NULL", "no_los"),
    ],
)
def test_a_length_of_stay_that_the_times_do_not_bear_out(tmp_path, los, fate):
    report = report_of(tmp_path, FIRST.replace(",2.5", f",{los}"), SECOND)
    assert report["rows"]["icu/icustays"] == {"read": 2, "used": 1, fate: 1}
    assert report["problems"]["los_not_of_times"] == (fate == "los_not_of_times")
    steps = {row["step"]: row["stays"] for row in report["attrition"]}
    assert steps["los >= 2 days"] == 1
    told = "los is outtime - intime in days"
    assert steps.get(told) == (1 if fate == "los_not_of_times" else None)
    stays = files.read_table(tmp_path / "out/stays.parquet")
    assert stays["stay_id"].tolist() == [30000002]


@pytest.mark.parametrize("los", ["2.5", "2.50", "2.54", "2.46", " 2.5 ", "+2.5"])
def test_a_length_of_stay_that_is_rounded_or_spelled_otherwise(tmp_path, los):
    report = report_of(tmp_path, FIRST.replace(",2.5", f",{los}"), SECOND)
    assert report["rows"]["icu/icustays"] == {"read": 2, "used": 2}


def test_lengths_in_hours_are_refused_by_the_right_rule(tmp_path):
    rows = [FIRST.replace(",2.5", ",60.0"), SECOND.replace(",10.0", ",240.0")]
    with pytest.raises(
        ValueError, match=r"'los is outtime - intime in days' .2 before"
    ):
        report_of(tmp_path, *rows)


@pytest.mark.parametrize("los", ["2.0", "2", "2.01", "1.98"])
def test_no_stay_is_shorter_than_the_window(tmp_path, los):
    short = FIRST.replace("01-03 12:00:00,2.5", f"01-02 23:59:59,{los}")
    report = report_of(tmp_path, short, SECOND)
    assert report["rows"]["icu/icustays"] == {"read": 2, "used": 1, "short": 1}
    whole = FIRST.replace("01-03 12:00:00,2.5", "01-03 00:00:00,2.0")
    report = report_of(tmp_path / "whole", whole, SECOND)
    assert report["rows"]["icu/icustays"] == {"read": 2, "used": 2}


@pytest.mark.parametrize("word", ["", "NA", '""'])
def test_stays_without_times_are_counted_as_such(tmp_path, word):
    report = report_of(tmp_path, FIRST.replace("2180-01-03 12:00:00", word), SECOND)
    assert report["rows"]["icu/icustays"] == {"read": 2, "used": 1, "no_times": 1}
    assert report["problems"]["invalid_stay_times"] == 1


@pytest.mark.parametrize("other", ["10000002,20000002", "10000001,20000001"])
def test_a_stay_in_two_rows_is_refused_by_row(tmp_path, other):
    twice = FIRST.replace("10000001,20000001", other)
    told = "row 2: stay_id 30000001 stands in several rows"
    with pytest.raises(ValueError, match=told):
        report_of(tmp_path, FIRST, SECOND, twice)


def test_one_stay_number_in_two_spellings_is_one(tmp_path):
    told = "row 2: stay_id 30000001 stands in several rows"
    with pytest.raises(ValueError, match=told):
        report_of(tmp_path, FIRST, FIRST.replace(",30000001", ",30000001.0"))


@pytest.mark.parametrize("column", [0, 2])
def test_a_stay_without_patient_or_number_is_refused(tmp_path, column):
    fields = FIRST.split(",")
    fields[column] = "NA"
    told = "row 3: (subject|stay)_id None is no whole number"
    with pytest.raises(ValueError, match=told):
        report_of(tmp_path, SECOND, ",".join(fields))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["10000002,20000002,,,0", "10000002,20000002,,,0"], None),
        (["10000002,20000002,,,0", "10000002,20000002.0,,NA,false"], None),
        (["10000002,20000002,,,0", "10000002,20000002,,,1"], "row 4"),
        (["10000002,20000002,,,0", "10000002,20000002,,,"], "row 4"),
        (
            ["10000002,20000002,,,0", "10000002,20000002,,2180-02-03 00:00:00,0"],
            "row 4",
        ),
    ],
)
def test_an_admission_in_two_rows(tmp_path, rows, told):
    root = write_tree(tmp_path / "raw", stays=[FIRST, SECOND])
    first = "10000001,20000001,,,0"
    write_csv(root / "hosp/admissions.csv.gz", ADMISSION, [first, *rows])
    if told is None:
        report = ingest(Settings(root), tmp_path / "out")
        assert report["rows"]["hosp/admissions"] == {
            "read": 3,
            "used": 2,
            "repeated": 1,
        }
        return
    with pytest.raises(ValueError, match=f"{told}: hadm_id 20000002 stands in several"):
        ingest(Settings(root), tmp_path / "out")


@pytest.mark.parametrize("flag", ["1", "true", "T", "TRUE", "1.0", " 1 ", "t", '"1"'])
def test_a_death_is_a_death_in_every_spelling(tmp_path, flag):
    root = write_tree(tmp_path / "raw")
    change(root, "admissions", ("hospital_expire_flag",), lambda _: flag)
    ingest(Settings(root), tmp_path / "out")
    assert files.read_table(tmp_path / "out/stays.parquet")["died"].all()


PATHS = ("../x/1", "files/../../1", "/etc/passwd", "/files/1", "a/../1")


@pytest.mark.parametrize("path", PATHS)
def test_paths_that_leave_their_root_are_refused(tmp_path, path):
    settings = write_objects(write_tree(tmp_path / "raw"))
    change(settings.path, "record_list", ("path",), lambda _: path)
    with pytest.raises(ValueError, match=r"row 2: path .* leads out of") as error:
        ingest(settings, tmp_path / "out")
    assert repr(path) in str(error.value)


@pytest.mark.parametrize("name", ["../../../../1", "../d1"])
def test_ids_of_films_that_leave_their_root_are_refused(tmp_path, name):
    settings = write_objects(write_tree(tmp_path / "raw"))
    change(settings.path, "mimic-cxr", ("dicom_id",), lambda _: name)
    with pytest.raises(ValueError, match=r"row 2: path 'files/.*' leads out of"):
        ingest(settings, tmp_path / "out")


@pytest.mark.parametrize("kind", ["cxr", "ecg"])
def test_links_that_leave_their_root_are_refused(tmp_path, kind):
    settings = write_objects(write_tree(tmp_path / "raw"))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "raw" / kind / "files").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"row 2: path 'files/.*' leads out of"):
        ingest(settings, tmp_path / "out")


def test_links_inside_a_root_and_links_to_it_are_followed(tmp_path):
    root = tmp_path / "root"
    (root / "store").mkdir(parents=True)
    (root / "files").symlink_to(root / "store")
    (tmp_path / "link").symlink_to(root)
    (root / "loop").symlink_to(root / "loop")
    assert is_inside(tmp_path / "link", "files/p10/1")
    assert is_inside(root, "loop/1")
    assert not is_inside(root, "files/\0")


@pytest.mark.parametrize("word", ["", "NA", '""'])
def test_lists_with_gaps_leave_out_these_rows_alone(tmp_path, word):
    settings = write_objects(write_tree(tmp_path / "raw"))
    place = tmp_path / "raw/ecg/record_list.csv"
    header, first, *others = rows_of(place)
    gaps = [[*first[:4], word], [first[0], word, *first[2:]]]
    rows = [",".join(row) for row in (first, *gaps, *others)]
    write_csv(place, ",".join(header), rows)
    report = ingest(settings, tmp_path / "out")
    counts = report["rows"]["record_list"]
    assert counts == {
        "read": 4,
        "used": 1,
        "no_path": 1,
        "no_id": 1,
        "outside_windows": 1,
    }
    assert report["dropped"]["record_list"]["no_path"] == 1
    assert len(files.read_table(tmp_path / "out/ecg.parquet")) == 1


def test_numbers_of_studies_written_as_decimals_keep_their_paths(tmp_path):
    settings = write_objects(write_tree(tmp_path / "raw"))
    columns = ("subject_id", "study_id")
    change(settings.path, "mimic-cxr", columns, lambda text: f"{text}.0")
    ingest(settings, tmp_path / "out")
    images = files.read_table(tmp_path / "out/cxr.parquet")
    assert images["path"].tolist() == ["files/p10/p10000001/s50000001/d1.jpg"]
