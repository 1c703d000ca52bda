"""Bad input one by one, and a run that is killed."""

import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from repro.data.mimiciv.ingesting import ingest
from repro.data.mimiciv.layout import sources, version
from repro.data.mimiciv.parts import opened, part
from repro.data.mimiciv.settings import Settings
from tests.repro.data.mimiciv.mimiciv_tree import (
    NOTE,
    RECORD,
    STAY,
    STAYS,
    chart,
    write_csv,
    write_objects,
    write_tree,
)

NAMES = ("icu/icustays", "icu/chartevents", "icu/d_items")
NAMES += ("hosp/labevents", "hosp/admissions", "hosp/d_labitems")


def stops(tmp_path: Path, settings: Settings, *said: str) -> None:
    """The ingest ends with a message that says all this, and leaves no file."""
    with pytest.raises(ValueError) as error:
        ingest(settings, tmp_path / "out")
    for words in said:
        assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out/report.json").exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_table(tmp_path, name):
    root = write_tree(tmp_path / "raw")
    (root / f"{name}.csv.gz").unlink()
    stops(tmp_path, Settings(root), str(root), f"no table {name}.csv.gz", "download")


def test_a_missing_root(tmp_path):
    stops(tmp_path, Settings(tmp_path / "raw"), "raw: no such folder", "params.yaml")


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("icu/icustays", "intime"),
        ("icu/chartevents", "valuenum"),
        ("hosp/labevents", "storetime"),
    ],
)
def test_a_missing_column(tmp_path, name, column):
    root = write_tree(tmp_path / "raw")
    path = root / f"{name}.csv.gz"
    text = gzip.decompress(path.read_bytes()).decode().replace(column, "other", 1)
    path.write_bytes(gzip.compress(text.encode()))
    stops(tmp_path, Settings(root), f"{path.name}: has no column {column}", "released")


def test_version_1_by_its_folder(tmp_path):
    root = write_tree(tmp_path / "raw")
    (root / "core").mkdir()
    stops(tmp_path, Settings(root), "folder core/", "MIMIC-IV 1.0", "use version 2.0")


def test_version_1_by_its_column(tmp_path):
    root = write_tree(tmp_path / "raw")
    write_csv(
        root / "hosp/admissions.csv.gz",
        "hadm_id,deathtime,hospital_expire_flag,ethnicity",
        ["20000001,,0,X"],
    )
    stops(tmp_path, Settings(root), "column ethnicity", "MIMIC-IV 1.0")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", [0.5, 0.99])
def test_a_file_cut_short(tmp_path, name, part):
    many = [chart(1, f"2180-01-01 {h:02}:{m:02}:00", 220045, h + m, unit=f"{h * m}")
            for h in range(24) for m in range(60)]  # fmt: skip
    root = write_tree(tmp_path / "raw", charted=many)
    path = root / f"{name}.csv.gz"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    stops(
        tmp_path, Settings(root), f"{path}: cut short or damaged", "download it again"
    )


def test_a_note_file_cut_short(tmp_path):
    settings = write_objects(write_tree(tmp_path / "raw"))
    path = tmp_path / "raw/note/radiology.csv.gz"
    path.write_bytes(path.read_bytes()[:-9])
    stops(tmp_path, settings, f"{path}: cut short or damaged")


def test_a_file_that_is_no_gzip(tmp_path):
    root = write_tree(tmp_path / "raw")
    (root / "icu/chartevents.csv.gz").write_bytes(b"subject_id,stay_id\n1,2\n")
    stops(tmp_path, Settings(root), "chartevents.csv.gz: cut short or damaged")


@pytest.mark.parametrize(
    ("other", "rule"),
    [
        ({"min_los_days": 30.0}, "los >= 30 days"),
        ({"deaths": "exclude"}, "not died in hospital"),
    ],
)
def test_an_empty_cohort_names_the_rule(tmp_path, other, rule):
    root = write_tree(tmp_path / "raw", expired=(1, 2))
    stops(tmp_path, Settings(root, **other), f"by the rule {rule!r}", "before it")


def test_no_row_in_any_window(tmp_path):
    root = write_tree(tmp_path / "raw", charted=[], drawn=[])
    stops(tmp_path, Settings(root), "'time-series row in window' (2 before it)")


def test_stays_that_all_end_before_they_start(tmp_path):
    root = write_tree(tmp_path / "raw", stays=STAYS[3:])
    stops(tmp_path, Settings(root), "'outtime after intime' (1 before it)")


def test_a_stay_listed_twice(tmp_path):
    root = write_tree(tmp_path / "raw", stays=[*STAYS, STAYS[0]])
    stops(tmp_path, Settings(root), "stay_id 30000001 stands in several rows")


def test_a_patient_without_a_number(tmp_path):
    root = write_tree(tmp_path / "raw")
    row = STAYS[0].replace("10000001", "somebody")
    write_csv(root / "icu/icustays.csv.gz", STAY, [row])
    stops(tmp_path, Settings(root), "icustays.csv.gz", "no whole number")


def test_an_item_that_the_dictionary_lacks(tmp_path):
    root = write_tree(tmp_path / "raw")
    write_csv(root / "icu/d_items.csv.gz", "itemid,label", ["220179,Pressure"])
    stops(tmp_path, Settings(root), "(Heart Rate): itemid 220045", "icu/d_items")


def test_a_root_of_other_patients(tmp_path):
    settings = write_objects(write_tree(tmp_path / "raw"))
    write_csv(
        tmp_path / "raw/ecg/record_list.csv",
        RECORD,
        ["99999999,40000001,40000001,2180-01-02 00:00:00,files/x"],
    )
    remedy = "same release"
    stops(tmp_path, settings, f"{settings.ecg}: none of its patients", remedy)


def test_a_note_root_of_other_patients(tmp_path):
    settings = write_objects(write_tree(tmp_path / "raw"))
    write_csv(
        tmp_path / "raw/note/radiology.csv.gz",
        NOTE,
        ["1,99999999,,RR,1,2180-01-01 04:00:00,2180-01-01 05:30:00,text"],
    )
    stops(tmp_path, settings, f"{settings.notes}: none of its patients")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"time_policy": "storetime"}, "time_policy='storetime' is unknown"),
        ({"variables": "best"}, "variables='best' is unknown"),
        ({"deaths": "no"}, "deaths='no' is unknown"),
        ({"labs_without_admission": "no"}, "labs_without_admission='no' is unknown"),
        ({"min_los_days": -1.0}, "min_los_days=-1.0 is less .*; use 2 or more"),
        ({"min_los_days": 1.9}, "min_los_days=1.9 is less than the window of 48 hours"),
        ({"min_los_days": float("nan")}, "min_los_days=nan is less"),
        ({"window_hours": 49.0}, "min_los_days=2.0 is less than the window of 49"),
        ({"window_hours": 0.0}, "window_hours=0.0 is no length of time"),
    ],
)
def test_bad_settings(tmp_path, other, message):
    with pytest.raises(ValueError, match=message):
        Settings(tmp_path, **other)


def test_the_version_is_told_by_columns_and_items(tmp_path):
    root = write_tree(tmp_path / "raw")
    found = sources(Settings(root))
    assert version(found, 4014) == "2.2-like"
    assert version(found, 4095) == "3.1-like"
    path = root / "icu/chartevents.csv.gz"
    text = gzip.decompress(path.read_bytes()).decode().replace("caregiver_id,", "", 1)
    path.write_bytes(gzip.compress(text.encode()))
    assert version(found, 4014) == "2.0-like"


KILLED = """
import logging, sys, time
from pathlib import Path
from repro.data.mimiciv.ingesting import ingest
from repro.data.mimiciv.settings import Settings

class Wait(logging.Handler):
    # stands still after the pass over the table that it was told
    def emit(self, record):
        line = record.getMessage()
        is_after = line.startswith(sys.argv[3]) and " MB read in " in line
        print("here" if is_after else line, flush=True)
        if is_after:
            time.sleep(60)

logging.getLogger("repro").addHandler(Wait())
logging.getLogger("repro").setLevel(logging.INFO)
root = Path(sys.argv[1])
ingest(Settings(root, root / "note", root / "cxr", root / "ecg"), Path(sys.argv[2]))
"""


def killed_after(raw: Path, out: Path, stop: str) -> None:
    """Run the ingest in a process of its own; end it after the pass named so."""
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, raw, out, stop],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert any(line == "here\n" for line in process.stdout)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def test_a_killed_run_is_taken_up_again(tmp_path, caplog):
    raw, out = tmp_path / "raw", tmp_path / "out"
    settings = write_objects(write_tree(raw))
    ingest(settings, tmp_path / "whole")
    killed_after(raw, out, "hosp/labevents")
    left = sorted(path.name for path in (out / "parts").iterdir())
    # The pass over labs was killed before its file got its name.
    assert "chartevents.parquet" in left
    assert "labevents.parquet" not in left
    assert any(name.startswith(".labevents.parquet") for name in left)
    assert not (out / "events.parquet").exists()
    caplog.set_level("INFO", logger="repro")
    ingest(settings, out)
    assert "chartevents: finished by an earlier run, reused" in caplog.text
    assert "icu/chartevents.csv.gz" not in caplog.text
    assert "hosp/labevents.csv.gz" in caplog.text
    names = sorted(path.name for path in out.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "whole").iterdir())
    for name in names:
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_pass_is_announced_with_its_size(tmp_path, caplog):
    root = write_tree(tmp_path / "raw")
    caplog.set_level("INFO", logger="repro")
    ingest(Settings(root), tmp_path / "out")
    lines = [line for line in caplog.messages if line.startswith("hosp/labevents")]
    assert lines[0] == "hosp/labevents.csv.gz: reading 0.0 MB"
    assert lines[1].startswith("hosp/labevents.csv.gz: 0.0 MB read in ")


def test_parts_of_other_variables_are_not_used(tmp_path):
    settings = Settings(write_tree(tmp_path / "raw"))
    table = tmp_path / "variables.csv"
    found = sources(settings).values()
    made = []

    def make(path: Path) -> dict[str, int]:
        path.write_bytes(b"rows")
        made.append(path)
        return {"made": len(made)}

    counts = []
    for content in ("one", "one", "two"):
        table.write_text(content)
        run = opened(tmp_path / "parts", settings, found, table)
        counts.append(part(run, "chartevents", make)[1]["made"])
    assert counts == [1, 1, 2]


def test_parts_of_other_input_are_not_used(tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    write_objects(write_tree(raw))
    killed_after(raw, out, "radiology")
    time.sleep(0.01)
    more = [chart(1, "2180-01-01 01:00:00", 220045, 81)]
    settings = write_objects(write_tree(raw, charted=more))
    report = ingest(settings, out)
    assert report["counts"]["Heart Rate"] == 1
