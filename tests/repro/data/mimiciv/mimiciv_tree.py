"""A MIMIC-IV tree of a few rows, written as csv text."""

import csv
import gzip
from pathlib import Path

from repro import files
from repro.data.mimiciv.ingesting import ingest
from repro.data.mimiciv.settings import Settings
from repro.data.mimiciv.variables import load

CHART = "subject_id,hadm_id,stay_id,caregiver_id,charttime,storetime,itemid,value,"
CHART += "valuenum,valueuom,warning"
LAB = "labevent_id,subject_id,hadm_id,specimen_id,itemid,order_provider_id,charttime,"
LAB += "storetime,value,valuenum,valueuom,ref_range_lower,ref_range_upper,flag,"
LAB += "priority,comments"
STAY = "subject_id,hadm_id,stay_id,first_careunit,last_careunit,intime,outtime,los"
NOTE = "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text"
IMAGE = "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,"
IMAGE += "Rows,Columns,StudyDate,StudyTime"
RECORD = "subject_id,study_id,file_name,ecg_time,path"
MEASURED = "subject_id,study_id,cart_id,ecg_time,rr_interval,p_onset,p_end,qrs_onset,"
MEASURED += "qrs_end,t_end,p_axis,qrs_axis,t_axis"

# Stays 1 and 2 are eligible, 3 is short, 4 ends before it starts.
STAYS = [
    "10000001,20000001,30000001,A,A,2180-01-01 00:00:00,2180-01-03 12:00:00,2.5",
    "10000002,20000002,30000002,A,A,2180-02-01 06:00:00,2180-02-11 06:00:00,10.0",
    "10000002,20000002,30000003,A,A,2180-03-01 00:00:00,2180-03-02 00:00:00,1.0",
    "10000003,20000003,30000004,A,A,2180-04-05 00:00:00,2180-04-01 00:00:00,4.0",
]


def chart(stay: int, time: str, item: int, value: object, **other: str) -> str:
    """A charted row of stay 1 or 2; `store`, `unit` and `text` may be given."""
    text = other.get("text", value)
    return (
        f"1000000{stay},2000000{stay},3000000{stay},,{time},{other.get('store', '')},"
        f"{item},{text},{value},{other.get('unit', '')},0"
    )


def lab(subject: int, time: str, item: int, value: object, **other: str) -> str:
    """A laboratory row; `store`, `admission` and `unit` may be given."""
    return (
        f"1,1000000{subject},{other.get('admission', '')},9,{item},,{time},"
        f"{other.get('store', '')},{value},{value},{other.get('unit', '')},,,,,"
    )


CHARTED = [
    chart(1, "2180-01-01 01:00:00", 220045, 80, unit="bpm"),
    chart(1, "2180-01-01 02:00:00", 223761, 98.6, unit="°F"),
    chart(2, "2180-02-01 07:30:00", 220045, 100, unit="bpm"),
]
DRAWN = [lab(1, "2180-01-01 03:00:00", 50971, 4.0, unit="mEq/L")]


def write_csv(path: Path, header: str, rows: list[str]) -> None:
    """Write a csv or, by its suffix, a csv.gz file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join([header, *rows, ""]).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)


def write_tree(
    root: Path,
    stays: list[str] | None = None,
    charted: list[str] | None = None,
    drawn: list[str] | None = None,
    expired: tuple[int, ...] = (),
) -> Path:
    """Write hosp/ and icu/ of a tree with every item of the table of variables."""
    items = {"icu/chartevents": [], "hosp/labevents": []}
    for variable in (*load("corrected"), *load("published")):
        items[variable.table] += [f"{i},{variable.name}" for i in variable.itemids]
    admissions = [f"1000000{n},2000000{n},,,{int(n in expired)}" for n in range(1, 10)]
    given = {
        "icu/icustays": (STAY, STAYS if stays is None else stays),
        "icu/d_items": ("itemid,label", items["icu/chartevents"]),
        "hosp/d_labitems": ("itemid,label", items["hosp/labevents"]),
        "icu/chartevents": (CHART, CHARTED if charted is None else charted),
        "hosp/labevents": (LAB, DRAWN if drawn is None else drawn),
        "hosp/admissions": (
            "subject_id,hadm_id,dischtime,deathtime,hospital_expire_flag",
            admissions,
        ),
    }
    for name, (header, rows) in given.items():
        write_csv(root / f"{name}.csv.gz", header, rows)
    return root


def write_objects(root: Path, after: bool = False, by_exam: bool = False) -> Settings:
    """Write notes, images and ECGs of stay 1, and settings that read them all.

    With `after`, everything stamped after the window is different; a note of an exam
    inside the window, stored after it, is not where exams count (`by_exam`).
    """
    late = "late" if after else "LATE"
    signed_late = "LATE" if by_exam else late
    notes = [
        "10000001-RR-1,10000001,,RR,1,2180-01-01 04:00:00,2180-01-01 05:30:00,"
        '"a, ""b""\nc"',
        f"10000001-RR-2,10000001,,RR,2,2180-01-02 04:00:00,2180-01-04 05:00:00,"
        f"{signed_late}",
        "10000001-RR-3,10000001,,RR,3,2180-01-02 05:00:00,,unsigned",
    ]
    notes.append(
        f"10000001-RR-4,10000001,,RR,4,2180-01-04 05:00:00,2180-01-04 06:00:00,{late}"
    )
    images = [
        "d1,10000001,50000001,CHEST,AP,1,1,21800101,80556.875",
        "d2,10000001,50000001,CHEST,LATERAL,1,1,21800101,80556.875",
        f"d3,10000001,5000000{2 + after},CHEST,PA,1,1,21800104,1",
        "d4,10000001,50000003,CHEST,PA,1,1,21800101,",
    ]
    place = "files/p1000/p10000001/s4000000"
    records = [
        f"10000001,40000001,40000001,2180-01-02 00:00:00,{place}1/40000001",
        f"10000001,40000002,40000002,2180-01-05 00:00:00,{place}2/{late}",
    ]
    measured = [
        "10000001,40000001,1,2180-01-02 00:00:00,800,29999,60,70,160,400,50,60,70",
        f"10000001,40000002,1,2180-01-05 00:00:00,{900 + after},1,1,1,1,1,1,1,1",
    ]
    write_csv(root / "note/radiology.csv.gz", NOTE, notes)
    write_csv(root / "cxr/mimic-cxr-2.0.0-metadata.csv.gz", IMAGE, images)
    write_csv(root / "ecg/record_list.csv", RECORD, records)
    write_csv(root / "ecg/machine_measurements.csv", MEASURED, measured)
    return Settings(root, root / "note", root / "cxr", root / "ecg")


def values(folder: Path, name: str) -> list[tuple]:
    """Stay number, hours and value of a variable."""
    number = files.read_json(folder / "variables.json")["names"].index(name)
    table = files.read_table(folder / "events.parquet")
    rows = table[table["variable"] == number]
    return [
        (int(s) - 30000000, round(float(h), 4), round(float(v), 3))
        for s, h, v in zip(rows["stay_id"], rows["hours"], rows["value"], strict=True)
    ]


def ingested(tmp_path: Path, charted=(), drawn=(), **other):
    """The folder and report of the tree with more rows and other settings."""
    root = write_tree(
        tmp_path / "raw", charted=[*CHARTED, *charted], drawn=[*DRAWN, *drawn]
    )
    report = ingest(Settings(root, **other), tmp_path / "out")
    return tmp_path / "out", report


def rows_of(path: Path) -> list[list[str]]:
    """The fields of a file, its header first."""
    content = path.read_bytes()
    text = gzip.decompress(content) if path.suffix == ".gz" else content
    return list(csv.reader(text.decode().splitlines(keepends=True)))


def change(root: Path, name: str, columns: tuple[str, ...], how) -> None:
    """Write a table again; `how` gives the new field of a column from the old one."""
    path = next(path for path in root.rglob("*.csv*") if path.name.startswith(name))
    header, *rows = rows_of(path)
    places = [header.index(column) for column in columns]
    for row in rows:
        for place in places:
            row[place] = how(row[place])
    write_csv(path, ",".join(header), [",".join(map(quoted, row)) for row in rows])


def quoted(field: str) -> str:
    """A field that is quoted where it must be; one that is quoted already stays so."""
    if field[:1] == '"' or not set(field) & set(',"\n'):
        return field
    return '"' + field.replace('"', '""') + '"'
