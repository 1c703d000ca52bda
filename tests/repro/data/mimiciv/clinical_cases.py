"""Reported MIMIC tables: cells, rows and objects written in other ways, or badly."""

from collections.abc import Callable
from pathlib import Path

from repro import files
from repro.data.mimiciv.ingesting import ingest
from repro.data.mimiciv.settings import Settings
from tests.repro.data.mimiciv.mimiciv_tree import (
    CHARTED,
    STAY,
    STAYS,
    change,
    chart,
    lab,
    rows_of,
    values,
    write_csv,
    write_objects,
    write_tree,
)
from tests.repro.reported import Case

What = Callable[[Path, dict], object]
LATE = "2180-01-04 05:00:00"


def pulses(folder: Path, report: dict) -> list[float]:
    """Heart rates of the first stay."""
    return [value for stay, _, value in values(folder, "Heart Rate") if stay == 1]


def stays(folder: Path, report: dict) -> list[int]:
    """Numbers of the stays that entered."""
    found = files.read_table(folder / "stays.parquet")["stay_id"]
    return [int(stay) - 30000000 for stay in found]


def names(kind: str, column: str) -> What:
    """One column of the objects of a kind that entered."""
    return lambda folder, report: files.read_table(folder / f"{kind}.parquet")[
        column
    ].tolist()


def counted(table: str, reason: str) -> What:
    """How many rows of a table were left out for a reason."""
    return lambda folder, report: report["dropped"][table].get(reason, 0)


def of_tree(
    what: What = pulses,
    found: object = None,
    refused: str = "",
    edit: Callable[[Path], object] = lambda root: None,
    charted: tuple[str, ...] = (),
    drawn: tuple[str, ...] = (lab(1, "2180-01-01 03:00:00", 50971, 4.0),),
    **settings: str,
) -> Case:
    """A case of a tree with more rows, edited."""

    def make(folder: Path) -> object:
        root = write_tree(
            folder / "raw", charted=[*CHARTED, *charted], drawn=list(drawn)
        )
        edit(root)
        report = ingest(Settings(root, **settings), folder / "out")
        return what(folder / "out", report)

    return Case(make, refused, found)


def of_objects(
    table: str,
    column: str,
    old: str,
    new: str,
    what: What,
    found: object = None,
    refused: str = "",
) -> Case:
    """A case of notes, films and records with some cells of a column changed."""

    def make(folder: Path) -> object:
        root = write_tree(folder / "raw")
        settings = write_objects(root)
        change(root, table, (column,), lambda cell: new if cell == old else cell)
        return what(folder / "out", ingest(settings, folder / "out"))

    return Case(make, refused, found)


def cells(table: str, column: str, new: str, row: int = 0) -> Callable[[Path], None]:
    """One cell of a column becomes another."""

    def edit(root: Path) -> None:
        seen: list[str] = []
        change(root, table, (column,), lambda old: _nth(seen, old, new, row))

    return edit


def _nth(seen: list[str], old: str, new: str, row: int) -> str:
    seen.append(old)
    return new if len(seen) == row + 1 else old


def lines(name: str, edit: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    """The rows of a table become others, as text."""

    def edited(root: Path) -> None:
        path = next(p for p in root.rglob("*.csv*") if p.name.startswith(name))
        header, *rows = rows_of(path)
        write_csv(path, ",".join(header), edit([",".join(row) for row in rows]))

    return edited


def stay(old: str, new: str) -> Callable[[Path], None]:
    """The rows of stays, some text of them replaced."""
    return lines("icustays", lambda rows: [row.replace(old, new) for row in rows])


ABSENT = ("", '""', "NA", "nan", r"\N", "NULL", "None", "<NA>", " n/a ")
LATE_FORMS = (
    *("2180-01-04T05:00:00", "2180-01-04 05:00:00.000", "2180-01-04 05:00:00 UTC"),
    *("2180-01-04 05:00", "2180-01-04T05:00:00Z", "2180-01-04 05:00:00+00:00"),
    *("2180-1-4 5:0:0", "2180-01-04  05:00:00.123456789"),
)
NO_TIMES = (
    *("01/04/2180 05:00:00", "2180-01-04 05:00:00+05:00", "2180-01-04 05:00:00 EST"),
    *("2180-01-04", "2180-01-04 24:00:00", "2180-02-30 05:00:00", "4418226000"),
    *("2180-01-04 05:00 PM", "0000-00-00 00:00:00", "2180\u201101\u201104 05:00:00"),
)
NO_IDS = (
    *("3.0000001E7", "30000001.5", "-30000001", "30,000,001", "30000001\u200b"),
    *("0x1C9C381", "99999999999999999999", "'30000001'", "True", "#N/A"),
)
SHOWN = 'a, "b"\nc'
NOTE_IDS = names("notes", "note_id")
CASES = {
    "08-mimic-quoted-empty-and-NA": {
        repr(word): of_tree(
            lambda folder, report: values(folder, "Potassium"),
            [],
            drawn=(lab(1, "2180-01-01 03:00:00", 50971, 4.0, admission=word),),
            labs_without_admission="drop",
        )
        for word in ABSENT
    }
    | {
        word: of_tree(
            lambda folder, report: values(folder, "Potassium"),
            [(1, 3.0, 4.0)],
            drawn=(lab(1, "2180-01-01 03:00:00", 50971, 4.0, admission=word),),
            labs_without_admission="drop",
        )
        for word in ("20000001", "20000001.0", " 20000001")
    },
    "09-mimic-storetime-format": {
        late: of_tree(
            found=[80.0],
            charted=(chart(1, "2180-01-01 09:00:00", 220045, 199, store=late),),
        )
        for late in (LATE, *LATE_FORMS)
    }
    | {
        late: of_tree(
            refused=r"row 5, column storetime: .* is no time",
            charted=(chart(1, "2180-01-01 09:00:00", 220045, 199, store=late),),
        )
        for late in NO_TIMES
    },
    "13-mimic-float-ids": {
        form: of_tree(found=[80.0], edit=cells("chartevents", column, form))
        for column, form in (
            ("stay_id", "30000001.0"),
            ("stay_id", " 30000001"),
            ("stay_id", "030000001"),
            ("itemid", "220045.00"),
            ("valuenum", "8e1"),
        )
    }
    | {
        form: of_tree(
            refused="row 2, column stay_id: .* is no whole number",
            edit=cells("chartevents", "stay_id", form),
        )
        for form in NO_IDS
    }
    | {
        f"valuenum {form}": of_tree(
            lambda folder, report: report["unreadable"]["icu/chartevents"],
            {"valuenum": 1},
            edit=cells("chartevents", "valuenum", form),
        )
        for form in ("80,5", "8_0", "80 bpm", "\uff18\uff10")
    },
    "19-mimic-notes": {
        "plain": of_objects("radiology", "text", "", "", NOTE_IDS, ["10000001-RR-1"]),
        "nobody sees it": of_objects(
            "radiology", "text", SHOWN, "\u200b\u2060 \0", NOTE_IDS, []
        ),
        "a word for nothing": of_objects(
            "radiology", "text", SHOWN, "NA", NOTE_IDS, []
        ),
        "NUL": of_objects(
            "radiology", "text", SHOWN, "a\0b", names("notes", "text"), ["a\0b"]
        ),
        "a formula": of_objects(
            "radiology", "text", SHOWN, "=1+1", names("notes", "text"), ["=1+1"]
        ),
        "no id": of_objects(
            "radiology", "note_id", "10000001-RR-1", "NULL", NOTE_IDS, []
        ),
        "stored on a day": of_objects(
            *("radiology", "storetime", "2180-01-01 05:30:00", "2180-01-01", NOTE_IDS),
            refused="row 2, column storetime: '2180-01-01' is no time",
        ),
    },
    "21-mimic-stay-times": {
        "T": of_tree(stays, [1, 2], edit=stay(" 1", "T1")),
        "fraction": of_tree(stays, [1, 2], edit=stay(":00,", ":00.0,")),
        "los of hours": of_tree(stays, [2], edit=stay(",2.5", ",60.0")),
        "los negative": of_tree(stays, [2], edit=stay(",2.5", ",-2.5")),
        "los infinite": of_tree(stays, [2], edit=stay(",2.5", ",inf")),
        "los absent": of_tree(stays, [2], edit=stay(",2.5", ",")),
        "los with a comma": of_tree(
            refused="row 2, column los: '2,5' is no number", edit=stay("2.5", '"2,5"')
        ),
        "los in words": of_tree(
            refused="row 2, column los: '2 days' is no number",
            edit=stay("2.5", "2 days"),
        ),
        "one second short": of_tree(
            stays, [2], edit=stay("03 12:00:00,2.5", "02 23:59:59,2.0")
        ),
        "a day": of_tree(
            refused="row 2, column outtime: '2180-01-03' is no time",
            edit=stay("2180-01-03 12:00:00", "2180-01-03"),
        ),
        "far": of_tree(
            refused="row 2, column outtime", edit=stay("2180-01-03", "9999-12-31")
        ),
        "absent": of_tree(stays, [2], edit=stay("2180-01-03 12:00:00", "NULL")),
        "negative id": of_tree(
            refused="row 2, column stay_id: '-30000001' is no whole number",
            edit=stay(",30000001", ",-30000001"),
        ),
        "twice": of_tree(
            refused="stay_id 30000001 stands in several rows",
            edit=lines("icustays", lambda rows: [*rows, STAYS[0]]),
        ),
        "header again": of_tree(
            refused="row 6, column subject_id: 'subject_id' is no whole number",
            edit=lines("icustays", lambda rows: [*rows, STAY]),
        ),
        "a footer": of_tree(
            refused="row 6: 1 fields, not the 8 of the header",
            edit=lines("icustays", lambda rows: [*rows, "(4 rows)"]),
        ),
    },
    "27-objects-with-empty-cells": {
        "no path": of_objects(
            *("record_list", "path", "files/p1000/p10000001/s40000001/40000001", "NA"),
            *(counted("record_list", "no_path"), 1),
        ),
        "no dicom": of_objects(
            *("mimic-cxr-2.0.0-metadata", "dicom_id", "d1", ""),
            *(counted("mimic-cxr-2.0.0-metadata", "no_id"), 1),
        ),
        "float study": of_objects(
            *("mimic-cxr-2.0.0-metadata", "study_id", "50000001", "50000001.0"),
            names("cxr", "path"),
            ["files/p10/p10000001/s50000001/d1.jpg"],
        ),
        "view in small letters": of_objects(
            *("mimic-cxr-2.0.0-metadata", "ViewPosition", "AP", " ap "),
            *(names("cxr", "dicom_id"), ["d1"]),
        ),
        "up and out": of_objects(
            *("mimic-cxr-2.0.0-metadata", "dicom_id", "d1", "../../../../d1"),
            names("cxr", "path"),
            refused="row 2: path .* leads out of",
        ),
        "absolute": of_objects(
            *("record_list", "path", "files/p1000/p10000001/s40000001/40000001"),
            *("/etc/hosts", names("ecg", "path")),
            refused="row 2: path '/etc/hosts' leads out of",
        ),
        "NUL": of_objects(
            *("record_list", "path", "files/p1000/p10000001/s40000001/40000001"),
            *("files/a\0b", names("ecg", "path")),
            refused="row 2: path .* leads out of",
        ),
    },
}
