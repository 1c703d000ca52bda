"""Who is in the data set of ADNI, and what notes say of who is not."""

from pathlib import Path

import pytest

from repro.data.adni import read
from tests.repro.made_adni import (
    CLASSES,
    COUNT,
    IMAGE,
    LABEL,
    diagnoses,
    found,
    row,
    subject,
    write,
    write_adni,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_adni(tmp_path / "adni")


@pytest.mark.parametrize("blank", ["", "-4", "-1"])
def test_a_visit_without_diagnosis_is_no_sample(blank: str, root: Path):
    write(root, LABEL, [row(1, DIAGNOSIS=blank), *diagnoses()[1:]])
    dataset = found(root)
    assert subject(1) not in dataset.samples["id"].tolist()
    assert dataset.notes[0].startswith("1 subjects left out, without a diagnosis")


def test_screening_counts_where_the_baseline_states_no_diagnosis(root: Path):
    rows = [row(1, DIAGNOSIS=""), row(1, "sc", DIAGNOSIS=3), *diagnoses()[1:]]
    write(root, LABEL, rows)
    assert found(root).samples["y"][0] == 2


@pytest.mark.parametrize("code", ["4", "CN", "0", "1.5"])
def test_an_unknown_diagnosis_is_refused(code: str, root: Path):
    write(root, LABEL, [row(1, DIAGNOSIS=code), *diagnoses()[1:]])
    said = f"DIAGNOSIS '{code}' of 011_S_0001 is none of 1, 2, 3"
    with pytest.raises(ValueError, match=said):
        found(root)


def test_the_last_entry_of_a_visit_counts_and_two_at_once_are_refused(root: Path):
    again = row(1, DIAGNOSIS=3, update_stamp="2013-01-01")
    write(root, LABEL, [*diagnoses(), again])
    assert found(root).samples["y"][0] == 2
    write(root, LABEL, [*diagnoses(), row(1, DIAGNOSIS=3)])
    with pytest.raises(ValueError, match="one visit of 011_S_0001 has two diagnoses"):
        found(root)


def test_an_old_table_of_diagnoses_is_refused(root: Path):
    write(root, LABEL, [row(1, DXCURREN=1)])
    with pytest.raises(ValueError, match="has no column DIAGNOSIS"):
        found(root)


def test_diagnoses_of_a_rid_alone_are_of_its_subject(root: Path):
    rows = [{**row(1, DIAGNOSIS=3), "PTID": ""}, row(1, "m12", DIAGNOSIS=2)]
    strange = {**row(77, DIAGNOSIS=3), "PTID": ""}
    write(root, LABEL, [*rows, strange, *diagnoses()[1:]])
    dataset = found(root)
    assert dataset.samples["y"][0] == 2 and len(dataset.samples) == COUNT
    said = f"{LABEL}: 1 rows left out, of no PTID and an unknown RID"
    assert said in dataset.notes


def test_what_belongs_to_nobody_is_counted(root: Path):
    write(root, LABEL, diagnoses()[:28])
    notes = found(root).notes
    assert "genetic: 2 genotyped people whom DXSUM does not name" in notes
    assert f"{IMAGE}: 2 rows left out, DXSUM does not name their subject" in notes
    proteins = "UPENNBIOMK_ROCHE_ELECSYS_09Sep2024.csv: 2 rows left out"
    assert any(note.startswith(proteins) for note in notes)


def test_few_real_subjects_are_not_counted_in_notes(root: Path):
    write(root, LABEL, [row(1, DIAGNOSIS=""), *diagnoses()[1:28]])
    dataset = read(root, CLASSES, "baseline", fewest=10)
    said = "fewer than 10 subjects left out, without a diagnosis at the baseline"
    assert dataset.notes[0] == said and dataset.fewest == 10
    assert "fewer than 10 genotyped people whom" in "|".join(dataset.notes)


def test_rows_without_a_date_are_counted_as_published(root: Path):
    undated = row(1, "m12", DIAGNOSIS=2, EXAMDATE="")
    write(root, LABEL, [*diagnoses(), undated])
    assert f"{LABEL}: 1 rows without a date" in found(root, "published").notes


def test_real_files_are_not_called_simulated(root: Path):
    with pytest.raises(ValueError, match="the simulator did not write it, 30 subjects"):
        read(root, CLASSES, "baseline", simulated=True)
