"""The files of the simulated tree: layout, planted defects, stable bytes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from repro.simulation.icu.settings import Signals, Size
from repro.simulation.icu.writing import write_tree

DEMO = Path(__file__).parents[4] / "shared" / "data" / "mimiciv_demo"
SIZE = Size(stays=300, short_stays=40, second_stays=0.2)
TABLES = {
    "hosp/patients.csv.gz": "subject_id gender anchor_age anchor_year "
    "anchor_year_group dod",
    "hosp/admissions.csv.gz": "subject_id hadm_id admittime dischtime deathtime "
    "admission_type admit_provider_id admission_location discharge_location insurance "
    "language marital_status race edregtime edouttime hospital_expire_flag",
    "hosp/labevents.csv.gz": "labevent_id subject_id hadm_id specimen_id itemid "
    "order_provider_id charttime storetime value valuenum valueuom ref_range_lower "
    "ref_range_upper flag priority comments",
    "hosp/d_labitems.csv.gz": "itemid label fluid category",
    "icu/icustays.csv.gz": "subject_id hadm_id stay_id first_careunit last_careunit "
    "intime outtime los",
    "icu/chartevents.csv.gz": "subject_id hadm_id stay_id caregiver_id charttime "
    "storetime itemid value valuenum valueuom warning",
    "icu/d_items.csv.gz": "itemid label abbreviation linksto category unitname "
    "param_type lownormalvalue highnormalvalue",
    "note/radiology.csv.gz": "note_id subject_id hadm_id note_type note_seq charttime "
    "storetime text",
    "note/discharge.csv.gz": "note_id subject_id hadm_id note_type note_seq charttime "
    "storetime text",
    "cxr/mimic-cxr-2.0.0-metadata.csv.gz": "dicom_id subject_id study_id "
    "PerformedProcedureStepDescription ViewPosition Rows Columns StudyDate StudyTime "
    "ProcedureCodeSequence_CodeMeaning ViewCodeSequence_CodeMeaning "
    "PatientOrientationCodeSequence_CodeMeaning",
    "ecg/record_list.csv": "subject_id study_id file_name ecg_time path",
    "ecg/machine_measurements.csv": "subject_id study_id cart_id ecg_time "
    + " ".join(f"report_{k}" for k in range(18))
    + " bandwidth filtering rr_interval p_onset p_end qrs_onset qrs_end t_end p_axis "
    "qrs_axis t_axis",
}


@dataclass(frozen=True)
class Tree:
    """A written tree and its truth."""

    folder: Path
    truth: pd.DataFrame

    def table(self, name: str) -> pd.DataFrame:
        table = pd.read_csv(self.folder / name, low_memory=False)
        times = [c for c in table if c.endswith("time") and c != "StudyTime"]
        return table.assign(**{c: pd.to_datetime(table[c]) for c in times})

    def with_stays(self, name: str, key: str) -> pd.DataFrame:
        """A table with intime and outtime of its stays, one row per match."""
        stays = self.table("icu/icustays.csv.gz")
        columns = list({"stay_id", key, "intime", "outtime"})
        return self.table(name).merge(stays[columns], on=key)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    root = tmp_path_factory.mktemp("icu")
    write_tree(SIZE, Signals(), 3, root / "raw", root / "truth.parquet")
    return Tree(root / "raw", pd.read_parquet(root / "truth.parquet"))


def contents(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def hours(later: pd.Series, earlier: pd.Series) -> pd.Series:
    return (later - earlier) / pd.Timedelta(hours=1)


@pytest.mark.parametrize("name", TABLES)
def test_columns_are_those_of_the_real_table(tree: Tree, name: str) -> None:
    table = tree.table(name)
    assert list(table) == TABLES[name].split()
    assert len(table) > 20
    if DEMO.is_dir() and (DEMO / name).is_file():
        assert list(table) == list(pd.read_csv(DEMO / name, nrows=1))


@pytest.mark.parametrize("name", ["hosp/d_labitems.csv.gz", "icu/d_items.csv.gz"])
def test_dictionaries_agree_with_the_real_ones(tree: Tree, name: str) -> None:
    if not DEMO.is_dir():
        pytest.skip("the open demo of MIMIC-IV is not beside the repository")
    columns = ["label", "category"] + (["fluid"] if "lab" in name else [])
    ours = tree.table(name).set_index("itemid")[columns]
    real = pd.read_csv(DEMO / name).set_index("itemid").loc[ours.index, columns]
    pd.testing.assert_frame_equal(ours, real, check_dtype=False)


def test_two_writes_give_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    size = Size(stays=30, short_stays=5, second_stays=0.3)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_tree(
            size, Signals(), seed, tmp_path / name, tmp_path / name / "t.parquet"
        )
    first, again, other = (contents(tmp_path / name) for name in "abc")
    assert first == again
    shared = set(first) & set(other)
    same = {name for name in shared if first[name] == other[name]}
    assert same == {"hosp/d_labitems.csv.gz", "icu/d_items.csv.gz"}


def test_stays_are_consistent(tree: Tree) -> None:
    stays = tree.table("icu/icustays.csv.gz")
    days = hours(stays["outtime"], stays["intime"]) / 24
    assert np.allclose(days, stays["los"], atol=1e-9)
    dirt = SIZE.dirt
    extra = dirt.reversed_stays + dirt.silent_stays
    assert len(stays) == SIZE.stays + SIZE.short_stays + extra
    assert (stays["outtime"] < stays["intime"]).sum() == dirt.reversed_stays
    y = np.searchsorted([3, 7, 14], days, side="left")
    kept = stays.assign(y=y, days=days).merge(tree.truth, on="stay_id")
    assert (kept["y_x"] == kept["y_y"]).all()
    assert (kept["days"] >= 2).all()
    charted = tree.table("icu/chartevents.csv.gz")["stay_id"]
    long = stays[stays["los"] >= 2]["stay_id"]
    silent = long[~long.isin(charted)]
    assert len(silent) == dirt.silent_stays
    assert set(long) - set(silent) == set(tree.truth["stay_id"])
    admissions = tree.table("hosp/admissions.csv.gz").merge(stays, on="hadm_id")
    assert len(admissions) == len(stays)
    assert (admissions["admittime"] <= admissions["intime"]).all()
    assert (admissions["dischtime"] >= admissions["outtime"]).all()


def test_planted_defects_of_the_charts(tree: Tree) -> None:
    charts = tree.with_stays("icu/chartevents.csv.gz", "stay_id")
    dirt = SIZE.dirt
    rates = charts.loc[charts["itemid"] == 220045, "valuenum"]
    assert (rates == 10_000_000).sum() == dirt.impossible_rates / 2
    assert (rates < 0).sum() == dirt.impossible_rates / 2
    assert rates[(rates > 0) & (rates < 1e6)].between(30, 220).all()
    celsius = charts.loc[charts["itemid"] == 223762, "valuenum"]
    assert (celsius > 80).sum() == dirt.celsius
    assert charts.loc[charts["itemid"] == 223761, "valuenum"].between(90, 107).all()
    after = hours(charts["charttime"], charts["intime"])
    assert (after > 300 * 24).sum() == dirt.year_off
    assert after[after < 300 * 24].between(0, 52).all()
    assert charts.duplicated().sum() == dirt.duplicates
    verbal = charts[charts["itemid"] == 223900]
    intubated = verbal["value"] == "No Response-ETT"
    assert intubated.any()
    assert (verbal.loc[intubated, "valuenum"] == 1).all()


def test_planted_defects_of_the_labs(tree: Tree) -> None:
    labs = tree.table("hosp/labevents.csv.gz")
    dirt = SIZE.dirt
    assert labs["hadm_id"].isna().mean() == pytest.approx(0.25, abs=0.03)
    assert labs.duplicated().sum() == dirt.duplicates
    labs = labs.drop_duplicates()
    assert labs["labevent_id"].is_unique
    wrong = (labs["valueuom"] == "mmol/L") & labs["itemid"].isin([50983, 50971])
    assert wrong.sum() == dirt.units
    stayed = tree.with_stays("hosp/labevents.csv.gz", "subject_id")
    taken = hours(stayed["charttime"], stayed["intime"])
    known = hours(stayed["storetime"], stayed["intime"])
    late = stayed[taken.between(0, 48) & known.between(48.9, 61)]
    late = late["specimen_id"].nunique()
    # Specimens of the last hours are late without being planted.
    assert dirt.late_specimens <= late < dirt.late_specimens + 0.2 * SIZE.stays
    assert taken[taken > -24].min() < -4
    assert (labs["charttime"] <= labs["storetime"]).all()


def test_planted_defects_of_the_notes(tree: Tree) -> None:
    notes = tree.with_stays("note/radiology.csv.gz", "subject_id")
    dirt = SIZE.dirt
    written = hours(notes["charttime"], notes["intime"])
    signed = hours(notes["storetime"], notes["intime"])
    inside = written.between(0, 48)
    late = notes[inside & signed.between(48, 1000)]
    assert len(late) >= dirt.late_notes
    assert notes.loc[inside, "storetime"].isna().sum() == dirt.unsigned_notes
    assert (written.between(48.5, 71)).sum() > 0
    assert tree.table("note/radiology.csv.gz")["note_id"].is_unique
    assert notes["text"].str.contains('"ICU"').all()
    assert notes["text"].str.contains("\n\n").all()
    # Under both time policies the same stays have text.
    truth = tree.truth.set_index("stay_id")["present_text"]
    for chosen in (inside, inside & signed.between(0, 48)):
        has = set(notes.loc[chosen, "stay_id"])
        assert has & set(truth.index) == set(truth.index[truth])


def test_discharge_summaries_tell_the_class(tree: Tree) -> None:
    notes = tree.with_stays("note/discharge.csv.gz", "hadm_id")
    days = notes["text"].str.extract(r'"([\d.]+) days"')[0].astype(float)
    real = hours(notes["outtime"], notes["intime"]) / 24
    assert (days - real).abs().max() < 0.051
    written = hours(notes["charttime"], notes["intime"])
    assert written.between(0, 44).sum() == SIZE.dirt.early_discharge


def test_images_lie_where_the_metadata_says(tree: Tree) -> None:
    table = tree.table("cxr/mimic-cxr-2.0.0-metadata.csv.gz")
    for row in table.itertuples():
        place = f"p{row.subject_id // 1_000_000}/p{row.subject_id}/s{row.study_id}"
        path = tree.folder / "cxr" / "files" / place / f"{row.dicom_id}.jpg"
        with Image.open(path) as image:
            assert (image.format, image.mode) == ("JPEG", "L")
            assert image.size == (row.Columns, row.Rows) == (64, 64)
    views = table["ViewPosition"].value_counts()
    assert set(views.index) == {"AP", "PA", "LATERAL"}
    frontal = table[table["ViewPosition"] != "LATERAL"]
    assert set(table["study_id"]) == set(frontal["study_id"])
    assert frontal["study_id"].is_unique
    # Morning hours have lost their leading zero, hours after midnight two.
    assert (table["StudyTime"] < 100_000).any()


def test_image_and_ecg_times_give_the_presence_of_the_truth(tree: Tree) -> None:
    images = tree.table("cxr/mimic-cxr-2.0.0-metadata.csv.gz")
    clock = images["StudyTime"].map("{:010.3f}".format)
    stamp = images["StudyDate"].astype(str) + clock
    images["time"] = pd.to_datetime(stamp, format="%Y%m%d%H%M%S.%f")
    ecgs = tree.table("ecg/record_list.csv").rename(columns={"ecg_time": "time"})
    stays = tree.table("icu/icustays.csv.gz")
    for name, table in (("cxr", images), ("ecg", ecgs)):
        joined = table.merge(stays, on="subject_id")
        after = hours(joined["time"], joined["intime"])
        has = joined.loc[after.between(0, 48), "stay_id"]
        present = tree.truth.loc[tree.truth[f"present_{name}"], "stay_id"]
        assert set(has) == set(present)
        assert after.between(48.5, 71).any()
