"""Every row that is read stands in one count of the report."""

import pytest

from repro.data.mimiciv.books import Book
from repro.data.mimiciv.ingesting import ingest
from repro.data.mimiciv.settings import Settings
from tests.repro.data.mimiciv.mimiciv_tree import (
    CHARTED,
    DRAWN,
    chart,
    lab,
    write_objects,
    write_tree,
)


def test_every_row_of_every_table_is_in_one_count(tmp_path):
    settings = write_objects(write_tree(tmp_path / "raw"))
    others = [
        chart(1, "2180-01-01 05:00:00", 1, 1),
        chart(2, "2180-02-01 07:00:00", 220045, 1).replace("30000002", "39999999"),
        chart(2, "2180-02-01 07:00:00", 220045, 1).replace("30000002", ""),
        chart(2, "2180-02-01 07:00:00", "", 1),
        chart(1, "2180-01-01 01:00:00", 220045, 80, unit="bpm"),
    ]
    drawn = [lab(9, "2180-01-01 03:00:00", 50971, 4), lab(1, "", 50971, 4)]
    write_tree(settings.path, charted=[*CHARTED, *others], drawn=[*DRAWN, *drawn])
    report = ingest(settings, tmp_path / "out")
    found = {name: dict(row) for name, row in report["rows"].items()}
    assert set(found) == set(report["sources"])
    for name, row in found.items():
        assert row.pop("read") == sum(row.values()), name
    charted = {"used": 4, "other_item": 1, "other_stay": 1, "no_stay": 1, "no_item": 1}
    assert found["icu/chartevents"] == charted
    assert found["hosp/labevents"] == {"used": 1, "other_patient": 1, "no_time": 1}
    stays = {"used": 2, "short": 1, "ends_before_start": 1}
    assert found["icu/icustays"] == stays
    assert found["radiology"] == {
        "used": 1,
        "outside_windows": 2,
        "without_storetime": 1,
    }


@pytest.mark.parametrize("table", ["icu/chartevents", "radiology", "icu/icustays"])
def test_rows_that_stand_in_no_count_stop_the_ingest(tmp_path, monkeypatch, table):
    add = Book.add

    def forgetful(book, rows):
        add(book, rows[1:] if book.source.name == table else rows)

    monkeypatch.setattr(Book, "add", forgetful)
    with pytest.raises(ValueError, match=f"{table}: .* rows were read, but .* report"):
        ingest(write_objects(write_tree(tmp_path / "raw")), tmp_path / "out")


def test_strict_without_any_storetime_is_said(tmp_path):
    report = ingest(Settings(write_tree(tmp_path / "raw")), tmp_path / "out")
    assert report["without_storetime"] == {"icu/chartevents": 3, "hosp/labevents": 1}
    for table in ("icu/chartevents", "hosp/labevents"):
        told = f"no row of {table} has a storetime; strict took charttime for all"
        assert told in report["warnings"]
    settings = Settings(tmp_path / "raw", time_policy="charttime")
    report = ingest(settings, tmp_path / "other")
    assert report["without_storetime"] == {}
    assert not any("storetime" in told for told in report["warnings"])
