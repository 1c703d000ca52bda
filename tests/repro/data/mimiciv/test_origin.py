"""Made-up and real stays are told apart by what their rows say."""

from pathlib import Path

import pytest

from repro import files
from repro.data.mimiciv.ingesting import ingest
from repro.data.mimiciv.marking import MARK
from repro.data.mimiciv.settings import Settings
from tests.repro.data.mimiciv.mimiciv_tree import STAYS, write_tree

MADE_UP = [stay.replace(",A,A,", f",{MARK}MICU,A,") for stay in STAYS]


@pytest.mark.parametrize("is_called_simulated", [True, False])
def test_marked_stays_are_made_up_whatever_they_are_called(
    tmp_path: Path, is_called_simulated: bool
) -> None:
    root = write_tree(tmp_path / "raw/mimiciv", stays=MADE_UP)
    ingest(Settings(root, simulated=is_called_simulated), tmp_path / "out")
    assert files.read_json(tmp_path / "out/report.json")["simulated"] is True


@pytest.mark.parametrize("stays", [STAYS, [*MADE_UP[:3], STAYS[3]]])
def test_one_real_stay_makes_a_tree_real(tmp_path: Path, stays: list[str]) -> None:
    root = write_tree(tmp_path / "data/simulated/icu/mimiciv", stays=stays)
    report = ingest(Settings(root), tmp_path / "out")
    assert report["simulated"] is False
    with pytest.raises(ValueError, match=r"did not write \d of 4 stays.*mimiciv"):
        ingest(Settings(root, simulated=True), tmp_path / "out")


def test_a_table_without_units_is_real(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    header = "subject_id,hadm_id,stay_id,intime,outtime,los"
    rows = [",".join([*s.split(",")[:3], *s.split(",")[5:]]) for s in MADE_UP]
    (root / "icu/icustays.csv.gz").unlink()
    files.write_text(root / "icu/icustays.csv", "\n".join([header, *rows, ""]))
    assert ingest(Settings(root), tmp_path / "out")["simulated"] is False
