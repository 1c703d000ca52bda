"""ADNI from its public layout: visits, modalities, leaks, and what is refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from repro.data import adni_fields
from repro.data.checking import check
from repro.data.preparing import presence
from repro.records import SPLITS, Dataset, Fields
from tests.repro.made_adni import (
    CLASSES,
    COUNT,
    IMAGE,
    LABEL,
    diagnoses,
    found,
    genotypes,
    regions,
    row,
    subject,
    write,
    write_adni,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_adni(tmp_path / "adni")


def fields(dataset: Dataset, name: str) -> Fields:
    modality = dataset.modalities[name]
    assert isinstance(modality, Fields)
    return modality


def number(dataset: Dataset, modality: str, field: str) -> np.ndarray:
    own = fields(dataset, modality)
    return own.numbers[:, own.names.index(field)].astype(float)


def test_a_row_per_subject_with_four_modalities(root: Path):
    dataset = found(root)
    ids = [subject(k) for k in range(1, COUNT + 1)]
    assert dataset.samples["id"].tolist() == dataset.samples["group"].tolist() == ids
    assert dataset.samples["y"].tolist() == [k % 3 for k in range(1, COUNT + 1)]
    names = ["image", "genetic", "clinical", "biospecimen"]
    assert list(dataset.modalities) == names
    everyone = np.arange(1, COUNT + 1)
    volumes = number(dataset, "image", "ST29SV")
    assert volumes.tolist() == (3000 + everyone).tolist()
    assert np.isnan(number(dataset, "image", "ST24TA")[0])
    assert number(dataset, "clinical", "VSWEIGHT").tolist() == (60 + everyone).tolist()
    assert number(dataset, "biospecimen", "ABETA42")[4] == 905
    copies = genotypes()
    expected = np.where(copies < 0, np.nan, copies)
    np.testing.assert_array_equal(fields(dataset, "genetic").numbers, expected)
    assert (dataset.task, dataset.classes, dataset.source) == (
        *("classification", 3),
        "adni",
    )
    assert not dataset.simulated
    check(dataset, "adni", "refuse", CLASSES)


def test_the_split_spreads_diagnoses_and_does_not_follow_the_order_of_files(
    root: Path,
):
    before = found(root)
    for name in (LABEL, IMAGE):
        header, *lines = (root / name).read_text().splitlines()
        (root / name).write_text("\n".join([header, *lines[::-1]]) + "\n")
    after = found(root)
    assert before.samples.equals(after.samples)
    for name in before.modalities:
        np.testing.assert_array_equal(
            fields(before, name).numbers, fields(after, name).numbers
        )
    counts = before.samples.groupby(["split", "y"]).size().unstack()
    assert counts.loc["train"].tolist() == [6, 6, 6]
    assert (counts.loc[list(SPLITS)].to_numpy() > 0).all()


def test_later_visits_change_nothing_at_the_baseline(root: Path):
    before = found(root)
    later = [row(k, "m12", DIAGNOSIS=3, EXAMDATE="2012-03-05") for k in range(1, 9)]
    write(root, LABEL, [*later, *diagnoses()])
    scans = [row(k, "m12", ST29SV=1, EXAMDATE="2012-03-05") for k in range(1, 9)]
    write(root, IMAGE, [*scans, *regions()])
    after = found(root)
    assert before.samples.equals(after.samples)
    np.testing.assert_array_equal(
        fields(before, "image").numbers, fields(after, "image").numbers
    )


def test_the_latest_visit_of_stable_subjects_as_published(root: Path):
    later = [
        row(1, "m12", DIAGNOSIS=2, EXAMDATE="2012-03-05"),  # 2 before: stable
        row(2, "m12", DIAGNOSIS=1, EXAMDATE="2012-03-05"),  # 3 before
        row(3, "m12", DIAGNOSIS="", EXAMDATE="2012-03-05"),
    ]
    write(root, LABEL, [*later, *diagnoses()])
    scan = row(1, "m12", ST29SV=1, EXAMDATE="2012-03-05")
    write(root, IMAGE, [*regions(), scan])
    dataset = found(root, "published")
    kept = dataset.samples["id"].tolist()
    assert kept == [subject(k) for k in range(1, COUNT + 1) if k not in (2, 3)]
    assert number(dataset, "image", "ST29SV")[:2].tolist() == [1, 3004]
    assert number(dataset, "image", "ST24TA")[1] == pytest.approx(0.4)
    said = "1 subjects left out, a visit of theirs has no diagnosis, and 1 whose"
    assert dataset.notes[0].startswith(said)


def test_subjects_without_a_row_lack_the_modality_and_are_counted(root: Path):
    """The released preparation leaves images of zeros where a file does not load."""
    write(root, IMAGE, regions()[3:])
    checked = check(found(root), "adni", "refuse", CLASSES)
    assert presence(checked.modalities["image"]).tolist() == [False] * 3 + [True] * 27
    assert np.isnan(fields(checked, "image").numbers[:3]).all()
    assert "image: absent in 3 samples" in checked.notes


def test_a_row_that_states_nothing_is_absent_and_minus_two_is_a_number(root: Path):
    """The released preparation tells what is missing by -2 in the first column."""
    blank = row(1, "sc", ST29SV="-4", ST24TA="")
    write(root, IMAGE, [blank, row(2, "sc", ST29SV=-2, ST24TA=-2), *regions()[2:]])
    dataset = found(root)
    assert presence(dataset.modalities["image"])[:3].tolist() == [False, True, True]
    assert number(dataset, "image", "ST29SV")[1] == -2


@pytest.mark.parametrize("name", ["image", "genetic"])
def test_a_modality_without_a_file_is_left_out_and_told(name: str, root: Path):
    for path in root.glob("UCSFFSX7*" if name == "image" else "*_Final.*"):
        path.unlink()
    dataset = found(root)
    assert name not in dataset.modalities and len(dataset.modalities) == 3
    assert any(note.startswith(f"{name}: no ") for note in dataset.notes)


def test_subjects_without_anything_are_left_out(root: Path):
    write(root, LABEL, [*diagnoses(), row(99, DIAGNOSIS=1)])
    dataset = found(root)
    assert subject(99) not in dataset.samples["id"].tolist()
    assert "1 subjects left out, without any modality" in dataset.notes


def test_without_any_table_or_diagnosis_it_stops(root: Path):
    for path in root.iterdir():
        if path.name != LABEL:
            path.unlink()
    with pytest.raises(ValueError, match="has none of image, genetic, clinical"):
        found(root)
    write(root, LABEL, [row(1, DIAGNOSIS="")])
    with pytest.raises(ValueError, match="nobody has a diagnosis at the visit"):
        found(root)
    (root / LABEL).unlink()
    with pytest.raises(ValueError, match=r"has no DXSUM_\*\.csv with the diagnoses"):
        found(root)


def test_failed_segmentations_are_no_images(root: Path):
    rows = [{**one, "OVERALLQC": "Pass"} for one in regions()]
    rows[4]["OVERALLQC"] = "FAIL"
    write(root, IMAGE, rows)
    dataset = found(root)
    assert not presence(dataset.modalities["image"])[4]
    assert "image: 1 segmentations of failed quality left out" in dataset.notes


def test_a_table_without_regions_is_refused(root: Path):
    write(root, IMAGE, [row(1, "sc", VOLUME=3)])
    with pytest.raises(ValueError, match="no column like ST29SV"):
        found(root)


def test_drugs_are_words_but_for_those_against_dementia(root: Path):
    names = ("ARICEPT 10mg", "aspirin", "Aspirin ", "Fish | oil", "Aricpet", "-4")
    rows = [row(1, "sc", CMMED=name) for name in names]
    rows.append(row(1, "m12", CMMED="Lipitor"))
    write(root, "RECCMEDS_09Sep2024.csv", rows)
    dataset = found(root)
    words = fields(dataset, "clinical").words["CMMED"]
    assert words[0] == "aspirin|fish   oil" and words[1] == ""
    note = "clinical: 2 entries of drugs against dementia left out"
    note += "; of them misspelled or cut: aricpet 1"
    assert note in dataset.notes


def test_days_of_diagnoses_are_not_read(root: Path):
    demography = [
        row(k, "sc", PTDOBYY=1930 + k, PTEDUCAT=12, PTGENDER=1, PTCOGBEG=2000 + k)
        for k in range(1, COUNT + 1)
    ]
    write(root, "PTDEMOG_09Sep2024.csv", demography)
    own = fields(found(root), "clinical")
    read_fields = {*own.names, *own.words}
    assert {"AGE", "PTEDUCAT", "PTGENDER"} <= read_fields
    assert read_fields.isdisjoint(adni_fields.LEAKING)
    assert own.numbers[:2, own.names.index("AGE")].tolist() == [80, 79]
    tables = (*adni_fields.CLINICAL, *adni_fields.BIOSPECIMEN)
    every = {name for table in tables for name in (*table.numbers, *table.words)}
    assert every.isdisjoint(adni_fields.LEAKING)


def test_value_and_unit_are_of_one_row(root: Path):
    vital = [row(k, VSWEIGHT=60 + k, VSWTUNIT=2) for k in range(3, COUNT + 1)]
    vital += [row(1, VSWEIGHT=-4, VSWTUNIT=2), row(2, VSWEIGHT=165, VSWTUNIT="")]
    vital.append(row(1, "sc", VSWEIGHT=165, VSWTUNIT="1.0"))
    write(root, "VITALS_09Sep2024.csv", vital)
    dataset = found(root)
    weights = number(dataset, "clinical", "VSWEIGHT")
    np.testing.assert_allclose(weights[:3], [165 * 0.45359237, np.nan, 63], rtol=1e-6)
    said = "clinical: 1 values of VSWEIGHT left out, in no known unit (VSWTUNIT)"
    assert said in dataset.notes


def test_years_of_birth_as_a_spreadsheet_writes_them(root: Path):
    born = [row(k, "sc", PTDOBYY=f"{1930 + k}.0", PTGENDER="1.0") for k in range(3, 9)]
    born += [row(1, "sc", PTDOBYY="", PTDOB="07/1931", PTGENDER="1")]
    write(root, "PTDEMOG_09Sep2024.csv", born)
    dataset = found(root)
    assert number(dataset, "clinical", "AGE")[[0, 2, 3]].tolist() == [80, 78, 77]
    assert set(fields(dataset, "clinical").words["PTGENDER"]) == {"1", ""}


@pytest.mark.parametrize("alleles", [(3, 4), (4, 3)])
def test_the_genotype_of_apoe_is_one_word_of_any_visit(
    alleles: tuple[int, int], root: Path
):
    one, two = alleles
    rows = [{"RID": 3, "VISCODE": "v01", "APGEN1": one, "APGEN2": two}]
    write(root, "APOERES_09Sep2024.csv", rows)
    assert fields(found(root), "biospecimen").words["APOE"][:4].tolist() == [
        *("", "", "3/4", "")
    ]


def test_failures_of_other_visits_and_people_are_not_counted(root: Path):
    rows = [{**one, "OVERALLQC": "Pass"} for one in regions()]
    later = row(1, "m12", ST29SV=1, OVERALLQC="Fail")
    write(root, IMAGE, [*rows, later])
    assert not any("failed quality" in note for note in found(root).notes)


def test_the_genotype_of_apoe_in_one_column(root: Path):
    name = "APOERES_09Sep2024.csv"
    write(root, name, [{"RID": 3, "VISCODE": "v01", "GENOTYPE": "4/3"}])
    assert fields(found(root), "biospecimen").words["APOE"][2] == "3/4"
    write(root, name, [{"RID": 3, "VISCODE": "v01", "GENOTYPE": "e3"}])
    with pytest.raises(ValueError, match="GENOTYPE 'e3' in row 1 is none like 3/4"):
        found(root)


def test_a_table_of_two_downloads_is_refused(root: Path):
    shutil.copy(root / LABEL, root / "DXSUM_10Oct2025.csv")
    with pytest.raises(ValueError, match="are both DXSUM"):
        found(root)
