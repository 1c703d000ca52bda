"""The ingest on trees of a few rows."""

import gzip
import os
from dataclasses import replace

import pandas as pd
import pyarrow.parquet as pq
import pytest

from repro import files
from repro.data.mimiciv.ingesting import ingest
from repro.data.mimiciv.lines import blocks
from repro.data.mimiciv.settings import Settings
from tests.repro.data.mimiciv.mimiciv_tree import (
    CHARTED,
    DRAWN,
    STAYS,
    change,
    chart,
    ingested,
    lab,
    values,
    write_objects,
    write_tree,
)

TABLES = ("stays", "events", "notes", "cxr", "ecg", "measurements")


def test_the_whole_tree(tmp_path):
    root = write_tree(tmp_path / "raw")
    report = ingest(write_objects(root), tmp_path / "out")
    steps = [(row["stays"], row["patients"]) for row in report["attrition"]]
    assert steps == [(4, 3), (3, 2), (2, 2), (2, 2), (1, 1), (1, 1), (1, 1), (1, 1)]
    stays = files.read_table(tmp_path / "out/stays.parquet")
    assert stays["stay_id"].tolist() == [30000001, 30000002]
    assert stays["days"].tolist() == [2.5, 10.0]
    assert stays["y"].tolist() == [0, 2]
    assert stays["has_cxr"].tolist() == [True, False]
    assert report["classes"] == {"complete": [1, 0, 0, 0], "all": [1, 0, 1, 0]}
    assert report["problems"]["invalid_stay_times"] == 1
    assert not (tmp_path / "out/parts").exists()
    assert values(tmp_path / "out", "Temperature") == [(1, 2.0, 37.0)]
    assert values(tmp_path / "out", "Heart Rate") == [(1, 1.0, 80.0), (2, 1.5, 100.0)]
    assert values(tmp_path / "out", "Potassium") == [(1, 3.0, 4.0)]
    assert "Sodium has no row in the window" in " ".join(report["warnings"])


def test_objects_of_the_window(tmp_path):
    settings = write_objects(write_tree(tmp_path / "raw"))
    report = ingest(settings, tmp_path / "out")
    notes = files.read_table(tmp_path / "out/notes.parquet")
    assert notes.to_numpy().tolist() == [[30000001, 4.0, "10000001-RR-1", 'a, "b"\nc']]
    images = files.read_table(tmp_path / "out/cxr.parquet")
    assert images["path"].tolist() == ["files/p10/p10000001/s50000001/d1.jpg"]
    assert images["hours"].tolist() == [pytest.approx(8 + 5 / 60 + 56.875 / 3600)]
    ecgs = files.read_table(tmp_path / "out/ecg.parquet")
    assert ecgs[["hours", "study_id"]].to_numpy().tolist() == [[24.0, 40000001]]
    machine = files.read_table(tmp_path / "out/measurements.parquet")
    assert machine["study_id"].tolist() == [40000001]
    assert machine["rr_interval"].tolist() == [800]
    assert machine["p_onset"].isna().all()
    dropped = report["dropped"]
    assert dropped["radiology"]["without_storetime"] == 1
    assert dropped["mimic-cxr-2.0.0-metadata"]["other_view"] == 1
    assert dropped["mimic-cxr-2.0.0-metadata"]["no_time"] == 1


def test_charttime_uses_the_exam_and_all_views(tmp_path):
    settings = write_objects(write_tree(tmp_path / "raw"))
    settings = replace(settings, time_policy="charttime", views=())
    ingest(settings, tmp_path / "out")
    notes = files.read_table(tmp_path / "out/notes.parquet")
    assert notes["hours"].tolist() == [4.0, 28.0, 29.0]
    images = files.read_table(tmp_path / "out/cxr.parquet")
    assert images["view"].tolist() == ["AP", "LATERAL"]


def test_files_of_absent_roots_are_empty_with_their_columns(tmp_path):
    folder, _ = ingested(tmp_path)
    notes = files.read_table(folder / "notes.parquet")
    assert (len(notes), list(notes)) == (0, ["stay_id", "hours", "note_id", "text"])
    assert notes["hours"].dtype == "float32"
    assert len(files.read_table(folder / "measurements.parquet").columns) == 10


def test_every_table_is_scanned_once(tmp_path, monkeypatch):
    scanned = []

    def watched(path):
        scanned.append(path)
        return blocks(path)

    monkeypatch.setattr("repro.data.mimiciv.reading.blocks", watched)
    settings = write_objects(write_tree(tmp_path / "raw"))
    ingest(settings, tmp_path / "out")
    assert sorted(scanned) == sorted((tmp_path / "raw").rglob("*.csv*"))


def test_dirt_is_counted(tmp_path):
    charted = [
        chart(1, "2180-01-01 04:00:00", 220045, 10000000),
        chart(1, "2180-01-01 04:00:00", 220045, -3),
        chart(1, "2180-01-01 05:00:00", 220045, 70, unit="bpm"),
        chart(1, "2180-01-01 05:00:00", 220045, 70, unit="bpm"),
        chart(1, "2180-01-01 05:00:00", 220045, 90, unit="beats"),
        chart(1, "2181-01-01 05:00:00", 220045, 91),
        chart(1, "2179-01-01 05:00:00", 220045, 92, store="2180-01-01 05:00:00"),
        chart(1, "", 220045, 93),
        chart(1, "2180-01-01 06:00:00", 220045, "", text="fast"),
        chart(1, "2180-01-01 06:00:00", 223900, 1, text="No Response-ETT"),
        chart(1, "2180-01-01 06:30:00", 223900, 1, text="No Response"),
    ]
    folder, report = ingested(tmp_path, charted)
    assert (1, 5.0, 80.0) in values(folder, "Heart Rate")  # 70 twice counts once
    assert values(folder, "GCS Verbal") == [(1, 6.5, 1.0)]
    assert report["problems"]["out_of_range"] == {"Heart Rate": 2}
    assert report["problems"]["duplicate_rows"]["icu/chartevents"] == 1
    assert report["problems"]["unit_disagreements"] == {"Heart Rate": {"beats": 1}}
    dropped = report["dropped"]["icu/chartevents"]
    assert dropped == {"mistyped_date": 2, "no_number": 2, "no_time": 1}
    assert report["counts"]["Heart Rate"] == 4


def test_labs_without_admission(tmp_path):
    drawn = [lab(1, "2180-01-01 09:00:00", 50983, 141, admission="20000001")]
    folder, report = ingested(tmp_path / "keep", (), drawn)
    assert values(folder, "Potassium") == [(1, 3.0, 4.0)]
    assert report["problems"]["labs_without_admission_kept"] == 1
    folder, report = ingested(tmp_path / "d", (), drawn, labs_without_admission="drop")
    assert values(folder, "Potassium") == []
    assert values(folder, "Sodium") == [(1, 9.0, 141.0)]
    assert report["dropped"]["hosp/labevents"]["without_admission"] == 1


def test_a_contested_lab_goes_to_the_stay_entered_last(tmp_path):
    second = STAYS[0].replace("30000001", "30000009").replace("01-03 12", "01-05 00")
    second = second.replace("2180-01-01", "2180-01-02").replace("2.5", "3.0")
    drawn = [lab(1, f"2180-01-0{d} 12:00:00", 50983, 140 + d) for d in (1, 2, 3)]
    row = CHARTED[0].replace("30000001", "30000009").replace("01-01", "01-02")
    charted = [*CHARTED, row]
    root = write_tree(tmp_path / "raw", [*STAYS, second], charted, [*DRAWN, *drawn])
    report = ingest(Settings(root), tmp_path / "out")
    expected = [(1, 12.0, 141.0), (9, 12.0, 142.0), (9, 36.0, 143.0)]
    assert values(tmp_path / "out", "Sodium") == expected
    assert report["problems"]["contested_moments"]["hosp/labevents"] == 1


def test_deaths_can_be_excluded(tmp_path):
    root = write_tree(tmp_path / "raw", expired=(2,))
    ingest(Settings(root), tmp_path / "kept")
    assert files.read_table(tmp_path / "kept/stays.parquet")["died"].tolist() == [
        False,
        True,
    ]
    report = ingest(Settings(root, deaths="exclude"), tmp_path / "out")
    assert files.read_table(tmp_path / "out/stays.parquet")["y"].tolist() == [0]
    assert "not died in hospital" in [row["step"] for row in report["attrition"]]


def test_two_runs_are_identical(tmp_path):
    settings = write_objects(write_tree(tmp_path / "raw"))
    ingest(settings, tmp_path / "one")
    ingest(settings, tmp_path / "two")
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(names) == 8
    for name in names:
        one, two = (tmp_path / run / name for run in ("one", "two"))
        assert one.read_bytes() == two.read_bytes(), name


def test_discharge_notes_and_diagnoses_are_never_opened(tmp_path):
    settings = write_objects(write_tree(tmp_path / "raw"))
    before = tmp_path / "before"
    ingest(settings, before)
    banned = [
        tmp_path / f"raw/{name}.csv.gz"
        for name in ("note/discharge", "hosp/diagnoses_icd", "hosp/drgcodes")
    ]
    for path in banned:
        path.write_bytes(b"no gzip file at all")
        os.utime(path, (1, 1))
    ingest(settings, tmp_path / "out")
    for name in TABLES:
        one, two = (f / f"{name}.parquet" for f in (before, tmp_path / "out"))
        assert one.read_bytes() == two.read_bytes()
    seen = [path.stat().st_atime for path in banned]
    banned[0].read_bytes()
    if banned[0].stat().st_atime != 1:  # the file system records when a file is read
        assert seen == [1, 1, 1]


def test_plain_csv_is_read_too(tmp_path):
    folder, _ = ingested(tmp_path)
    before = (folder / "events.parquet").read_bytes()
    for path in (tmp_path / "raw").rglob("*.csv.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    ingest(Settings(tmp_path / "raw"), tmp_path / "plain")
    assert (tmp_path / "plain/events.parquet").read_bytes() == before


def test_bytes_that_are_no_utf_8_spoil_one_cell(tmp_path, caplog):
    row = chart(1, "2180-01-01 05:00:00", 220045, 70, unit="UNIT")
    others = [chart(1, "2180-01-01 05:00:00", 1, 1)] * 3000  # beyond a first buffer
    root = write_tree(tmp_path / "raw", charted=[*CHARTED, *others, row])
    path = root / "icu/chartevents.csv.gz"
    content = gzip.decompress(path.read_bytes()).replace(b"UNIT", b"\xb0F")
    path.write_bytes(gzip.compress(content))
    report = ingest(Settings(root), tmp_path / "out")
    told = "chartevents.csv.gz: bytes that are no UTF-8 are read as \ufffd"
    assert told in caplog.text
    assert report["replaced_characters"] == {"icu/chartevents": 1}
    assert (1, 5.0, 70.0) in values(tmp_path / "out", "Heart Rate")
    assert report["counts"]["Heart Rate"] == 3
    units = {"Heart Rate": {"\ufffdF": 1}}
    assert report["problems"]["unit_disagreements"] == units


def test_many_buckets_give_the_same_rows(tmp_path, monkeypatch):
    folder, _ = ingested(tmp_path / "a")
    monkeypatch.setattr("repro.data.mimiciv.assembling.ROWS_PER_BUCKET", 1)
    other, _ = ingested(tmp_path / "b")
    paths = [f / "events.parquet" for f in (folder, other)]
    assert [pq.read_metadata(path).num_row_groups for path in paths] == [1, 2]
    pd.testing.assert_frame_equal(*(files.read_table(path) for path in paths))


@pytest.mark.parametrize("policy", ["strict", "charttime"])
@pytest.mark.parametrize("empty", ["icu/chartevents", "hosp/labevents"])
def test_a_table_without_a_row_is_read(tmp_path, empty, policy):
    is_chart = empty == "icu/chartevents"
    rows: dict[str, list[str]] = {"charted" if is_chart else "drawn": []}
    root = write_tree(tmp_path / "raw", **rows)
    report = ingest(Settings(root, time_policy=policy), tmp_path / "out")
    assert report["rows"][empty] == {"read": 0}
    noted = {"icu/chartevents": 3 * (not is_chart), "hosp/labevents": int(is_chart)}
    assert report["without_storetime"] == (noted if policy == "strict" else {})
    problems = report["problems"]
    assert problems["contested_moments"] == {"hosp/labevents": 0}
    assert problems["labs_without_admission_kept"] == int(is_chart)
    assert values(tmp_path / "out", "Potassium") == [(1, 3.0, 4.0)] * is_chart


def test_an_item_without_a_label_is_in_its_dictionary(tmp_path):
    root = write_tree(tmp_path / "raw")
    change(root, "d_items", ("label",), lambda _: "")
    report = ingest(Settings(root), tmp_path / "out")
    assert report["counts"]["Heart Rate"] == 2
