"""Death within a year from its tables: joins, leaks, splits, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from repro import files
from repro.data.checking import check
from repro.data.mimiciv.mortality import REPORT, Rules, read
from repro.records import Dataset, Ragged, Texts
from tests.repro.data.mimiciv.test_demo import DEMO
from tests.repro.data.mimiciv.visit_tree import (
    COUNT,
    HEADERS,
    OPEN,
    Rows,
    changed,
    code,
    day,
    note,
    patient,
    rows,
    visit,
    write_visits,
)

TITLES = ("lives", "dies")


def made(root: Path, content: Rows | None = None, rules: Rules = OPEN) -> Dataset:
    return read(write_visits(root / "raw", content), rules, root / "prepared")


def alike(one: Dataset, other: Dataset) -> bool:
    """Whether two data sets have the same samples and modalities."""
    same = one.samples.equals(other.samples) and one.notes == other.notes
    for name, modality in one.modalities.items():
        against = other.modalities[name]
        if isinstance(modality, Texts):
            same &= modality == against
        else:
            assert isinstance(modality, Ragged) and isinstance(against, Ragged)
            same &= np.array_equal(modality.values, against.values)
            same &= np.array_equal(modality.offsets, against.offsets)
    return same


def test_a_patient_is_a_row_with_three_modalities(tmp_path: Path):
    dataset = made(tmp_path)
    samples = dataset.samples
    assert samples["id"].tolist() == [str(101 + k) for k in range(COUNT)]
    assert samples["y"].tolist() == [float(k % 4 == 0) for k in range(COUNT)]
    counts = samples.groupby(["split", "y"]).size().unstack()
    assert counts.loc["train"].tolist() == [20, 6]
    assert counts.loc[["valid", "test"]].min().min() >= 1
    lab, text, codes = (dataset.modalities[n] for n in ("lab", "note", "code"))
    assert isinstance(lab, Ragged) and isinstance(codes, Ragged)
    # Last values, means and presence of 22 variables; potassium is the 16th.
    assert lab.values.shape == (COUNT, 66)
    assert np.allclose(lab.values[:, 15], 5.0 + np.arange(COUNT) / 100)
    assert np.allclose(lab.values[:, 37], 4.0 + np.arange(COUNT) / 200)
    assert (lab.values[:, 59] == 1).all() and lab.values[:, 44:].sum() == COUNT
    assert text == Texts([f"went home {k}" for k in range(COUNT)])
    assert (codes.values == 1).all() and codes.values.shape == (COUNT, 2)
    assert dataset.source == "mimiciv_mortality" and not dataset.simulated
    assert check(dataset, "here", "refuse", TITLES).classes == 2


def test_a_permuted_file_gives_the_same_data_set(tmp_path: Path):
    generator = np.random.default_rng(0)
    mixed = {
        name: [own[k] for k in generator.permutation(len(own))]
        for name, own in rows().items()
    }
    assert alike(made(tmp_path / "a"), made(tmp_path / "b", mixed))


def test_the_summary_of_the_index_visit_changes_nothing(tmp_path: Path):
    def planted(own: list[str]) -> list[str]:
        return [row.replace("well", "expired in hospice") for row in own]

    content = changed("note/discharge", planted)
    assert content != rows()
    assert alike(made(tmp_path / "a"), made(tmp_path / "b", content))
    index = replace(OPEN, notes="index")
    assert not alike(
        made(tmp_path / "c", None, index), made(tmp_path / "d", content, index)
    )


def test_no_patient_stands_in_two_splits_whatever_their_visits(tmp_path: Path):
    more = [visit(101 + k, 3, -30, -20) for k in range(0, COUNT, 3)]
    dataset = made(tmp_path, changed("hosp/admissions", lambda own: own + more))
    samples = dataset.samples
    assert samples["id"].is_unique and samples["group"].equals(samples["id"])
    assert check(dataset, "here", "refuse", TITLES)


def test_what_a_patient_lacks_is_absent_and_counted(tmp_path: Path):
    content, tables = rows(), ("hosp/labevents", "note/discharge", "hosp/diagnoses_icd")
    lacking = {101: tables, 102: tables[1:2], 103: tables[:1]}
    for number, own in lacking.items():
        for name in own:
            content[name] = [r for r in content[name] if f",{number}," not in f",{r}"]
    dataset = made(tmp_path, content)
    assert dataset.samples["id"].tolist()[:2] == ["102", "103"]
    checked = check(dataset, "here", "refuse", TITLES)
    assert "note: absent in 1 samples" in checked.notes
    assert "lab: absent in 1 samples" in checked.notes
    counts = files.read_json(tmp_path / "prepared" / REPORT)["rows"]
    assert counts["hosp/patients"]["fates"] == {"nothing_known": 1, "used": 39}
    for table, own_rows in content.items():
        found = counts[table]
        assert found["read"] == len(own_rows) == sum(found["fates"].values())


def test_values_that_lack_are_the_mean_of_train(tmp_path: Path):
    content = rows()
    content["hosp/labevents"] += [
        f"1,{101 + k},,9,50983,,{day(-2)} 09:00:00,,{v},{v},mEq/L,,,,,"
        for k, v in ((0, 130), (1, 140), (2, 150))
    ]
    dataset = made(tmp_path, content)
    lab = dataset.modalities["lab"]
    assert isinstance(lab, Ragged)
    sodium, is_seen = lab.values[:, 18], lab.values[:, 62] == 1
    assert is_seen.tolist() == [True] * 3 + [False] * (COUNT - 3)
    is_train = (dataset.samples["split"] == "train").to_numpy()
    mean = sodium[is_seen & is_train].mean()
    assert np.allclose(sodium[~is_seen], mean)


def test_codes_of_few_train_patients_are_no_features(tmp_path: Path):
    rare = [code(101 + k, 1, "2500") for k in range(9)]
    dataset = made(tmp_path, changed("hosp/diagnoses_icd", lambda own: own + rare))
    codes = dataset.modalities["code"]
    assert isinstance(codes, Ragged) and codes.values.shape[1] == 2
    old = made(tmp_path / "old", None, replace(OPEN, codes="icd9_only"))
    only = old.modalities["code"]
    assert isinstance(only, Ragged) and only.values.shape[1] == 1
    content = changed("hosp/diagnoses_icd", lambda own: own[:10])
    with pytest.raises(ValueError, match="no category of codes stands with 10 or more"):
        made(tmp_path / "few", content)


def test_without_notes_two_modalities_are_left(tmp_path: Path):
    root = write_visits(tmp_path / "raw", suffix="csv.gz")
    (root / "note/discharge.csv.gz").unlink()
    rules = replace(OPEN, notes="none")
    assert list(read(root, rules, tmp_path / "p").modalities) == ["lab", "code"]


def test_counts_of_few_real_patients_are_not_said(tmp_path: Path):
    content = rows()
    content["hosp/patients"].append(patient(900))
    dataset = made(tmp_path, content)
    assert "patients left out: no visit survived 1" in dataset.notes
    with pytest.raises(ValueError, match="fewer than 10 patients of a class, whom"):
        made(tmp_path / "few", content, Rules(fewest=10))
    quiet = check(replace(dataset, fewest=10), "here", "refuse", TITLES)
    assert not any("absent in 1 " in note for note in quiet.notes)


def test_few_who_have_a_modality_are_not_told_by_those_who_lack_it(tmp_path: Path):
    content = rows()
    dataset = made(tmp_path / "whole", content)
    train = dataset.samples["id"][dataset.samples["split"] == "train"].tolist()
    content["note/discharge"] = [
        row for row in content["note/discharge"] if row.split(",")[1] in train[:4]
    ]
    few = made(tmp_path / "few", content)
    assert "note: absent in 36 samples" in check(few, "here", "refuse", TITLES).notes
    quiet = check(replace(few, fewest=10), "here", "refuse", TITLES)
    assert "note: absent in all but fewer than 10 samples" in quiet.notes


def test_tables_that_lack_are_named_in_one_sentence(tmp_path: Path):
    root = write_visits(tmp_path / "raw")
    (root / "hosp/diagnoses_icd.csv").unlink()
    (root / "note/discharge.csv").unlink()
    told = (
        r"without hosp/diagnoses_icd.csv.gz \(it is a table of MIMIC-IV\); "
        r"note/discharge.csv.gz \(.*visits.notes: none does without\); put the missing"
    )
    with pytest.raises(ValueError, match=told):
        read(root, OPEN, tmp_path / "p")


@pytest.mark.skipif(not DEMO.is_dir(), reason="the demo is not there")
def test_the_open_demo_ends_with_what_it_lacks(tmp_path: Path):
    with pytest.raises(ValueError, match="cannot be predicted without hosp/diagnoses"):
        read(DEMO, OPEN, tmp_path)


@pytest.mark.parametrize("table", list(HEADERS))
def test_a_table_without_a_column_is_refused(tmp_path: Path, table: str):
    root = write_visits(tmp_path / "raw")
    path = root / f"{table}.csv"
    path.write_text(path.read_text().replace("subject_id", "patient", 1))
    with pytest.raises(ValueError, match=f"{table}.csv: has no column subject_id"):
        read(root, OPEN, tmp_path / "p")


def test_real_tables_are_not_taken_for_simulated_ones(tmp_path: Path):
    rules = replace(OPEN, simulated=True)
    with pytest.raises(ValueError, match="admission_type begins otherwise; set source"):
        made(tmp_path / "a", None, rules)
    marked = changed(
        "hosp/admissions",
        lambda own: [r.replace("URGENT", "Simulated URGENT") for r in own],
    )
    assert made(tmp_path / "b", marked).simulated


def test_too_few_patients_are_refused(tmp_path: Path):
    content = changed("hosp/patients", lambda own: own[1:8])
    with pytest.raises(ValueError, match="6 patients survived the year after their"):
        made(tmp_path, content)


def test_a_file_that_is_cut_leaves_nothing_behind(tmp_path: Path):
    root = write_visits(tmp_path / "raw")
    path = root / "note/discharge.csv"
    path.write_text(path.read_text() + note(101, 1, -50, "more")[:20])
    with pytest.raises(
        ValueError, match=r"discharge.csv: row \d+: \d fields, not the 8"
    ):
        read(root, OPEN, tmp_path / "p")
    assert list((tmp_path / "p").iterdir()) == []
