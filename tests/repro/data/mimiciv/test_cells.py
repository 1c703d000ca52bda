"""Cells as exports write them: read as they are meant, absent, counted or refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from repro import files
from repro.data.mimiciv.ingesting import ingest
from repro.data.mimiciv.settings import Settings
from tests.repro.data.mimiciv.mimiciv_tree import (
    CHARTED,
    DRAWN,
    change,
    chart,
    lab,
    values,
    write_objects,
    write_tree,
)

TABLES = ("stays", "events", "notes", "cxr", "ecg", "measurements")
MOMENTS = {
    "icustays": ("intime", "outtime"),
    "admissions": ("deathtime",),
    "chartevents": ("charttime", "storetime"),
    "labevents": ("charttime", "storetime"),
    "radiology": ("charttime", "storetime"),
    "record_list": ("ecg_time",),
}
IDS = {
    "icustays": ("subject_id", "hadm_id", "stay_id"),
    "admissions": ("hadm_id",),
    "d_items": ("itemid",),
    "d_labitems": ("itemid",),
    "chartevents": ("stay_id", "itemid"),
    "labevents": ("subject_id", "hadm_id", "itemid"),
    "radiology": ("subject_id",),
    "mimic-cxr": ("subject_id", "study_id"),
    "record_list": ("subject_id", "study_id"),
    "machine": ("study_id",),
}
NUMBERS = {
    "icustays": ("los",),
    "chartevents": ("valuenum",),
    "labevents": ("valuenum",),
}
NUMBERS |= {"machine": ("rr_interval", "p_onset")}
FORMS = {
    "T": (MOMENTS, lambda text: text.replace(" ", "T")),
    "fraction": (MOMENTS, lambda text: f"{text}.000"),
    "short fraction": (MOMENTS, lambda text: f"{text}.0"),
    "Z": (MOMENTS, lambda text: text.replace(" ", "T") + "Z"),
    "UTC": (MOMENTS, lambda text: f"{text} UTC"),
    "offset": (MOMENTS, lambda text: f"{text}+00:00"),
    "all at once": (MOMENTS, lambda text: text.replace(" ", "T") + ".000000+00:00"),
    "no seconds": (MOMENTS, lambda text: text.removesuffix(":00")),
    "spaced time": (MOMENTS, lambda text: f" {text} "),
    "quoted time": (MOMENTS, lambda text: f'"{text}"'),
    "one digit": (MOMENTS, lambda text: text.replace("-0", "-").replace(" 0", " ")),
    "float id": (IDS, lambda text: f"{text}.0"),
    "space before": (IDS, lambda text: f" {text}"),
    "space after": (IDS, lambda text: f"{text} "),
    "plus": (IDS, lambda text: f"+{text}"),
    "quoted id": (IDS, lambda text: f'"{text}"'),
    "spaced number": (NUMBERS, lambda text: f" {text} "),
    "signed number": (NUMBERS, lambda text: f"+{text}"),
    "decimal number": (NUMBERS, lambda text: repr(float(text))),
    "date": ({"mimic-cxr": ("StudyDate",)}, lambda t: f"{t[:4]}-{t[4:6]}-{t[6:]}"),
    "float date": ({"mimic-cxr": ("StudyDate",)}, lambda text: f"{text}.0"),
    "clock": ({"mimic-cxr": ("StudyTime",)}, lambda text: f" {text} "),
    "flag true": (
        {"admissions": ("hospital_expire_flag",)},
        lambda text: {"1": "true", "0": "false"}[text],
    ),
    "flag T": (
        {"admissions": ("hospital_expire_flag",)},
        lambda text: {"1": "T", "0": "F"}[text],
    ),
    "float flag": ({"admissions": ("hospital_expire_flag",)}, lambda text: f"{text}.0"),
}
ABSENT = ("", '""', "NA", "nan", "NaN", "NULL", "null", "None", r"\N", "NaT", '" "')


def stored(row: str) -> str:
    """A row with the storetime of half an hour after its charttime of a full hour."""
    return row.replace(":00:00,,", ":00:00,2180-01-01 08:30:00,")


def tree(root: Path, **other) -> Settings:
    """A tree in which a patient died and most rows say when they were stored."""
    labs = [lab(1, "2180-01-01 03:00:00", 50983, 140, admission="20000001")]
    charted = [stored(row) for row in CHARTED]
    write_tree(root, charted=charted, drawn=[*map(stored, DRAWN), *labs], expired=(2,))
    change(root, "admissions", ("deathtime",), lambda _: "2180-02-09 00:00:00")
    return replace(write_objects(root), **other)


def written(folder: Path) -> dict[str, bytes]:
    return {name: (folder / f"{name}.parquet").read_bytes() for name in TABLES}


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> dict[str, bytes]:
    """What the tree gives as released files write it."""
    folder = tmp_path_factory.mktemp("plain")
    ingest(tree(folder / "raw"), folder / "out")
    return written(folder / "out")


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_exports_give_the_same_bytes(tmp_path, plain, form):
    settings = tree(tmp_path / "raw")
    tables, how = FORMS[form]
    for table, columns in tables.items():
        change(settings.path, table, columns, lambda text: text and how(text))
    report = ingest(settings, tmp_path / "out")
    assert written(tmp_path / "out") == plain
    assert report["unreadable"] == {}


@pytest.mark.parametrize("form", ["T", "UTC", "no seconds", "short fraction"])
def test_a_row_stored_late_stays_out_however_that_is_written(tmp_path, form):
    late = FORMS[form][1]("2180-01-04 05:00:00")
    charted = [chart(1, "2180-01-01 09:00:00", 220045, 199, store=late)]
    drawn = [lab(1, "2180-01-01 09:00:00", 50971, 9.9, store=late)]
    root = write_tree(
        tmp_path / "raw", charted=[*CHARTED, *charted], drawn=[*DRAWN, *drawn]
    )
    report = ingest(Settings(root), tmp_path / "out")
    for table in ("icu/chartevents", "hosp/labevents"):
        assert report["dropped"][table] == {"after_window": 1}


@pytest.mark.parametrize("word", ABSENT)
def test_words_for_nothing_are_alike(tmp_path, word):
    settings = tree(tmp_path / "raw", labs_without_admission="drop")
    for table, columns in {
        "admissions": ("deathtime", "hospital_expire_flag"),
        "labevents": ("hadm_id", "storetime"),
        "machine": ("rr_interval",),
        "chartevents": ("storetime", "valueuom"),
    }.items():
        change(settings.path, table, columns, lambda _: word)
    change(settings.path, "radiology", ("storetime",), lambda _: word)
    report = ingest(settings, tmp_path / "out")
    assert report["unreadable"] == {}
    assert report["dropped"]["hosp/labevents"] == {"without_admission": 2}
    assert report["rows"]["radiology"]["without_storetime"] == 3
    assert report["problems"]["stays_without_death_flag"] == 4
    assert report["problems"]["unit_disagreements"] == {}
    assert report["without_storetime"] == {"icu/chartevents": 3, "hosp/labevents": 0}
    assert not files.read_table(tmp_path / "out/stays.parquet")["died"].any()
    machine = files.read_table(tmp_path / "out/measurements.parquet")
    assert machine["rr_interval"].isna().all()


@pytest.mark.parametrize("word", ["", "NA", r"\N", '" "'])
@pytest.mark.parametrize(
    ("table", "column", "fate"),
    [
        ("chartevents", "charttime", "no_time"),
        ("chartevents", "stay_id", "no_stay"),
        ("chartevents", "itemid", "no_item"),
        ("chartevents", "valuenum", "no_number"),
        ("labevents", "subject_id", "no_patient"),
        ("radiology", "note_id", "no_id"),
        ("radiology", "text", "empty_text"),
        ("mimic-cxr", "dicom_id", "no_id"),
        ("mimic-cxr", "study_id", "no_id"),
        ("mimic-cxr", "StudyDate", "no_time"),
        ("mimic-cxr", "StudyTime", "no_time"),
        ("record_list", "path", "no_path"),
        ("record_list", "study_id", "no_id"),
        ("record_list", "ecg_time", "no_time"),
        ("machine", "study_id", "no_id"),
    ],
)
def test_a_row_without_what_it_needs_is_counted(tmp_path, word, table, column, fate):
    settings = tree(tmp_path / "raw")
    change(settings.path, table, (column,), lambda _: word)
    report = ingest(settings, tmp_path / "out")
    name = next(name for name in report["rows"] if table in name)
    assert report["rows"][name][fate] >= 1
    assert report["rows"][name].get("used", 0) == 0


STOPS = [
    *((table, column) for table, columns in MOMENTS.items() for column in columns),
    *((table, column) for table, columns in IDS.items() for column in columns),
    ("icustays", "los"),
    ("admissions", "hospital_expire_flag"),
    ("mimic-cxr", "StudyDate"),
    ("mimic-cxr", "StudyTime"),
]


@pytest.mark.parametrize(("table", "column"), STOPS)
def test_what_decides_and_cannot_be_read_stops(tmp_path, table, column):
    settings = tree(tmp_path / "raw")
    change(settings.path, table, (column,), lambda _: "some thing")
    with pytest.raises(ValueError) as error:
        ingest(settings, tmp_path / "out")
    for told in (table, ".csv", "row 2", f"column {column}", "'some thing'", "is no "):
        assert told in str(error.value)


@pytest.mark.parametrize(
    ("table", "column", "word"),
    [
        ("chartevents", "charttime", "05/04/2150 05:00:00"),
        ("chartevents", "charttime", "04.05.2150 05:00"),
        ("chartevents", "charttime", "2150-05-04"),
        ("chartevents", "charttime", "2150-02-30 05:00:00"),
        ("chartevents", "charttime", "2150-05-04 05:00:00-05:00"),
        ("chartevents", "charttime", "2150-05-04 25:00:00"),
        ("chartevents", "charttime", "2150-05-04 05:00:60"),
        ("chartevents", "charttime", "2150-05-04T05:00:60.0"),
        ("icustays", "intime", "2180-01-01 00:00:60"),
        ("chartevents", "charttime", "9999-12-31 00:00:00"),
        ("chartevents", "charttime", "+150-05-04 05:00:00"),
        ("chartevents", "charttime", "5:00"),
        ("chartevents", "storetime", "05/04/2150 05:00:00"),
        ("chartevents", "itemid", "220045.5"),
        ("chartevents", "itemid", "2.20045e5"),
        ("chartevents", "stay_id", "3_0"),
        ("chartevents", "stay_id", "99999999999999999999"),
        ("icustays", "intime", "2150-05-04"),
        ("icustays", "los", "2;5"),
        ("labevents", "hadm_id", "-"),
        ("admissions", "hospital_expire_flag", "yes"),
        ("admissions", "hospital_expire_flag", "2"),
        ("mimic-cxr", "StudyDate", "05/06/2180"),
        ("mimic-cxr", "StudyDate", "2180506"),
        ("mimic-cxr", "StudyTime", "8.05e4"),
        ("mimic-cxr", "StudyTime", "025960.000"),
        ("mimic-cxr", "StudyTime", "2:59:60"),
        ("record_list", "ecg_time", "01/02/2180 00:00"),
    ],
)
def test_other_forms_are_refused_not_guessed(tmp_path, table, column, word):
    settings = tree(tmp_path / "raw")
    change(settings.path, table, (column,), lambda _: word)
    with pytest.raises(ValueError, match=f"row 2, column {column}: ") as error:
        ingest(settings, tmp_path / "out")
    assert repr(word) in str(error.value)


def test_the_row_of_the_first_bad_cell_is_told(tmp_path):
    rows = [chart(1, "2180-01-01 05:00:00", 1, 1)] * 3
    bad = chart(1, "2180-01-01 05:00:00", 220045, 70, store="soon")
    root = write_tree(tmp_path / "raw", charted=[*rows, *CHARTED, bad])
    with pytest.raises(ValueError, match="row 8, column storetime: 'soon' is no time"):
        ingest(Settings(root), tmp_path / "out")


def test_bad_cells_that_decide_nothing_are_counted(tmp_path):
    charted = [
        chart(1, "2180-01-01 05:00:00", 220045, '"81,5"', store="soon"),
        chart(1, "2180-01-01 06:00:00", 220045, ">200"),
        chart(1, "2180-01-01 07:00:00", 220045, 82, store="soon"),
    ]
    settings = replace(tree(tmp_path / "raw"), time_policy="charttime")
    write_tree(settings.path, charted=[*CHARTED, *charted])
    change(settings.path, "machine", ("p_end",), lambda _: "n.a.?")
    report = ingest(settings, tmp_path / "out")
    assert report["unreadable"] == {
        "icu/chartevents": {"storetime": 2, "valuenum": 2},
        "machine_measurements": {"p_end": 1},
    }
    assert report["dropped"]["icu/chartevents"] == {"no_number": 2}
    assert (1, 7.0, 82.0) in values(tmp_path / "out", "Heart Rate")
