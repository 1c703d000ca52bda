"""When a row enters, where it stands, and that nothing after the window enters."""

from dataclasses import replace
from pathlib import Path

import pytest

from repro.data.mimiciv.ingesting import ingest
from repro.data.mimiciv.settings import Settings
from tests.repro.data.mimiciv.mimiciv_tree import (
    CHARTED,
    DRAWN,
    chart,
    ingested,
    lab,
    values,
    write_objects,
    write_tree,
)

TABLES = ("stays", "events", "notes", "cxr", "ecg", "measurements")


def test_a_result_enters_when_it_is_known(tmp_path):
    drawn = [
        lab(1, "2180-01-01 10:00:00", 50983, 140, store="2180-01-01 12:00:00"),
        lab(1, "2180-01-02 23:00:00", 50983, 150, store="2180-01-03 01:00:00"),
        lab(1, "2179-12-31 23:00:00", 50983, 130, store="2180-01-01 00:30:00"),
        lab(1, "2180-01-01 15:00:00", 50983, 135, store="2180-01-01 14:00:00"),
    ]
    charted = [chart(1, "2180-01-01 05:00:00", 220045, 90, store="2180-01-01 06:00:00")]
    folder, _ = ingested(tmp_path / "a", charted, drawn)
    assert values(folder, "Sodium") == [(1, 0.0, 130), (1, 10.0, 140), (1, 15.0, 135)]
    assert (1, 5.0, 90.0) in values(folder, "Heart Rate")
    folder, _ = ingested(tmp_path / "b", charted, drawn, time_policy="charttime")
    assert values(folder, "Sodium") == [(1, 10.0, 140), (1, 15.0, 135), (1, 47.0, 150)]
    assert (1, 5.0, 90.0) in values(folder, "Heart Rate")


def test_values_stored_together_keep_their_own_times(tmp_path):
    store = "2180-01-02 06:00:00"
    charted = [
        chart(1, f"2180-01-02 0{hour}:00:00", 220210, 10 + hour, store=store)
        for hour in (1, 2, 3)
    ]
    # Validated twice, and a second value at one charted moment.
    charted += [
        chart(1, "2180-01-02 02:00:00", 220210, 12, store="2180-01-02 07:00:00"),
        chart(1, "2180-01-02 03:00:00", 220210, 17, store="2180-01-02 07:00:00"),
    ]
    # Two results of the emergency department and one of the first minute.
    before = [("2179-12-31 20:00:00", 130), ("2179-12-31 22:00:00", 140)]
    drawn = [
        lab(1, time, 50983, value, store="2180-01-01 02:00:00")
        for time, value in (*before, ("2180-01-01 00:01:00", 150))
    ]
    folder, report = ingested(tmp_path, charted, drawn)
    expected = [(1, 25.0, 11.0), (1, 26.0, 12.0), (1, 27.0, 15.0)]
    assert values(folder, "Respiratory Rate") == expected
    assert values(folder, "Sodium") == [(1, 0.0, 135.0), (1, 0.0167, 150.0)]
    assert report["problems"]["duplicate_rows"]["icu/chartevents"] == 1


FATES = {
    "after_window": [
        ("2180-01-02 23:00:00", "2180-01-03 01:00:00"),
        ("2180-01-03 05:00:00", ""),
        ("2179-12-31 20:00:00", "2180-01-03 01:00:00"),
    ],
    "drawn_long_before": [
        ("2179-12-30 23:00:00", "2180-01-01 01:00:00"),
        ("2179-01-01 03:00:00", "2180-01-01 03:00:00"),
    ],
    "outside_stays": [("2180-06-01 00:00:00", ""), ("2179-06-01 00:00:00", "")],
    "no_time": [("", "2180-01-01 03:00:00")],
}


@pytest.mark.parametrize("policy", ["strict", "charttime"])
def test_every_laboratory_row_has_a_fate(tmp_path, policy):
    rows = [
        lab(1, time, 50983, 140, store=store)
        for times in FATES.values()
        for time, store in times
    ]
    rows.append(lab(1, "2180-01-01 03:00:00", 50983, ""))
    rows.append(lab(2, "2180-01-01 00:00:00", 50983, 1))
    # A patient without an eligible stay, and an item that is not wanted.
    others = [lab(3, "2180-01-01 03:00:00", 50983, 140)]
    others.append(lab(1, "2180-01-01 03:00:00", 1, 1))
    folder, report = ingested(tmp_path, (), [*rows, *others], time_policy=policy)
    if policy == "strict":
        expected = {name: len(times) for name, times in FATES.items()}
        expected |= {"no_number": 1, "outside_stays": 3}
    else:
        expected = {"after_window": 1, "outside_stays": 6, "no_time": 1, "no_number": 1}
    assert report["dropped"]["hosp/labevents"] == expected
    used = values(folder, "Sodium")
    assert used == ([] if policy == "strict" else [(1, 47.0, 140.0)])
    assert sum(expected.values()) + len(used) == len(rows)


def test_both_ends_of_the_window_are_in(tmp_path):
    times = ["2180-01-01 00:00:00", "2180-01-03 00:00:00", "2180-01-03 00:00:01"]
    charted = [chart(1, time, 220210, 10 + n) for n, time in enumerate(times)]
    drawn = [lab(1, time, 50983, 140 + n) for n, time in enumerate(times)]
    folder, report = ingested(tmp_path, charted, drawn)
    assert values(folder, "Respiratory Rate") == [(1, 0.0, 10.0), (1, 48.0, 11.0)]
    assert values(folder, "Sodium") == [(1, 0.0, 140.0), (1, 48.0, 141.0)]
    assert report["dropped"]["icu/chartevents"]["after_window"] == 1


def late_tree(root: Path, policy: str, after: bool) -> Settings:
    """The tree with rows after the window, other ones with `after`."""
    known_late = chart(
        1,
        "2180-01-02 23:00:00",
        220045,
        60 + after * (policy == "strict"),
        store="2180-01-03 02:00:00",
    )
    late = [
        chart(1, "2180-01-03 00:00:01", 220045, 60 + 50 * after),
        known_late,
        chart(2, f"2180-02-0{4 + after} 00:00:00", 220210 if after else 223761, 99),
    ]
    drawn = [lab(1, "2180-01-03 05:00:00", 50971, 4 + after)] * (1 + 3 * after)
    known_late = 4 + after * (policy == "strict")
    store = "2180-01-03 02:00:00"
    drawn.append(lab(1, "2180-01-02 23:00:00", 50971, known_late, store=store))
    write_tree(root, charted=[*CHARTED, *late], drawn=[*DRAWN, *drawn])
    settings = write_objects(root, after, policy == "charttime")
    return replace(settings, time_policy=policy)


@pytest.mark.parametrize("policy", ["strict", "charttime"])
def test_nothing_after_the_window_changes_a_byte(tmp_path, policy):
    for after in (False, True):
        settings = late_tree(tmp_path / f"raw{after}", policy, after)
        ingest(settings, tmp_path / f"out{after}")
    for name in (*TABLES, "variables"):
        suffix = "json" if name == "variables" else "parquet"
        one, two = (tmp_path / f"out{a}/{name}.{suffix}" for a in (False, True))
        assert one.read_bytes() == two.read_bytes(), name


def test_a_change_inside_the_window_changes_the_events(tmp_path):
    folder, _ = ingested(tmp_path / "a")
    other, _ = ingested(tmp_path / "b", [chart(1, "2180-01-02 00:00:00", 220045, 60)])
    assert (folder / "events.parquet").read_bytes() != (
        other / "events.parquet"
    ).read_bytes()
