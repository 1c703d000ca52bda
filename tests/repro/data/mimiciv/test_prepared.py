"""From the ingested folder to divided cohorts."""

import numpy as np
import pandas as pd
import pytest

from repro import files
from repro.data.mimiciv import prepared
from repro.data.mimiciv.prepared import cohort_dataset


def write_ingested(folder, patients=60, seed=0, absent=()):
    """An ingested folder: every stay has two series rows, two in three have objects."""
    generator = np.random.default_rng(seed)
    stay = 30000000 + np.arange(patients)
    stays = pd.DataFrame(
        {
            "stay_id": stay,
            "subject_id": 10000000 + np.arange(patients) // 2,
            "hadm_id": stay,
            "los_days": 3.0,
            "days": 3.0,
            "y": np.arange(patients) // 2 % 4,
            "died": False,
        }
    )
    files.write_table(folder / "stays.parquet", stays)
    # vitals at hours 1 and 2, labs at hour 2 only
    rows = [(s, h, v) for s in stay for h, v in ((1, 0), (2, 0), (2, 2))]
    events = pd.DataFrame(rows, columns=["stay_id", "hours", "variable"])
    events["value"] = generator.normal(size=len(events)).astype(np.float32)
    events["hours"] = events["hours"].astype(np.float32)
    events["variable"] = events["variable"].astype(np.int16)
    files.write_table(folder / "events.parquet", events)
    names = {"names": ["a", "b", "c"], "kinds": ["vitals", "vitals", "labs"]}
    files.write_json(folder / "variables.json", names | {"units": ["", "", ""]})
    for name, column in (("notes", "text"), ("cxr", "path"), ("ecg", "path")):
        owners = np.repeat(stay[:0] if name in absent else stay[: 2 * patients // 3], 2)
        table = pd.DataFrame(
            {
                "stay_id": owners,
                "hours": np.tile([1.5, 3.0], len(owners) // 2).astype(np.float32),
                column: [f"{name}{i}" for i in range(len(owners))],
            }
        )
        files.write_table(folder / f"{name}.parquet", table)
    files.write_json(folder / "report.json", {"warnings": ["b has no row"]})
    return folder


def test_series_have_a_row_per_time_and_nan_where_unobserved(tmp_path):
    (part,) = cohort_dataset(write_ingested(tmp_path), complete=False)
    series = part.events["timeseries"]
    events = files.read_table(tmp_path / "events.parquet")
    assert series.lengths.tolist() == [2] * 60
    np.testing.assert_array_equal(series.times[:4], [1, 2, 1, 2])
    first = events["value"][:3].tolist()
    expected = [[first[0], np.nan, np.nan], [first[1], np.nan, first[2]]]
    np.testing.assert_array_equal(series.values[:2], np.float32(expected))
    assert part.variables == {"timeseries": ["a", "b", "c"]}
    assert part.warnings == ("b has no row",)


def test_a_divided_series_keeps_only_its_own_rows(tmp_path):
    (part,) = cohort_dataset(
        write_ingested(tmp_path), complete=False, divide_series=True
    )
    assert part.modalities == ["vitals", "labs", "text", "cxr", "ecg"]
    assert part.events["labs"].lengths.tolist() == [1] * 60
    assert part.events["labs"].values.shape == (60, 1)
    assert not np.isnan(part.events["labs"].values).any()
    assert part.variables == {"vitals": ["a", "b"], "labs": ["c"]}


def test_the_complete_cohort_has_every_modality_and_the_same_split(tmp_path):
    folder = write_ingested(tmp_path)
    (everyone,) = cohort_dataset(folder, complete=False)
    (complete,) = cohort_dataset(folder, complete=True)
    assert len(complete.samples) == 40
    assert complete.samples.filter(like="present_").all().all()
    assert not everyone.samples["present_cxr"].all()
    merged = complete.samples.merge(everyone.samples, on="id", suffixes=("", "_all"))
    assert (merged["split"] == merged["split_all"]).all()
    assert complete.objects["cxr"]["path"].tolist() == [f"cxr{i}" for i in range(80)]
    order = complete.objects["text"]["id"].drop_duplicates().tolist()
    assert order == complete.samples["id"].tolist()
    assert complete.events["timeseries"].lengths.sum() == 80


def test_every_stay_is_tested_once_under_grouped_folds(tmp_path):
    folder = write_ingested(tmp_path)
    parts = cohort_dataset(folder, True, evaluation="grouped_cv", folds=4)
    tested = [i for p in parts for i in p.samples.query("split == 'test'")["id"]]
    assert sorted(tested) == parts[0].samples["id"].tolist()
    for part in parts:
        assert (part.samples.groupby("group")["split"].nunique() == 1).all()


def test_the_published_split_divides_stays(tmp_path):
    folder = write_ingested(tmp_path, patients=200)
    (part,) = cohort_dataset(folder, False, split="published")
    assert part.samples["split"].value_counts().to_dict() == {
        "train": 140,
        "valid": 30,
        "test": 30,
    }
    assert (part.samples.groupby("group")["split"].nunique() > 1).any()


def test_a_modality_that_nobody_has_is_left_out_and_told(tmp_path):
    (part,) = cohort_dataset(write_ingested(tmp_path, absent=("ecg",)), complete=False)
    assert part.modalities == ["timeseries", "text", "cxr"]
    assert "ecg: no stay has it; left out" in part.notes
    assert "present_ecg" not in part.samples


def test_the_modality_that_empties_the_complete_cohort_is_named(tmp_path):
    folder = write_ingested(tmp_path, absent=("cxr",))
    with pytest.raises(ValueError, match=r"of 40 stays .* none has cxr; give the root"):
        cohort_dataset(folder, complete=True)


def test_a_class_without_test_rows(tmp_path):
    folder = write_ingested(tmp_path)
    stays = files.read_table(folder / "stays.parquet")
    stays["y"] = np.where(np.arange(60) < 2, 3, stays["y"] % 3)
    files.write_table(folder / "stays.parquet", stays)
    with pytest.raises(ValueError, match=r"cohort all: \w+ has no stay of class 3"):
        cohort_dataset(folder, complete=False)
    parts = cohort_dataset(folder, False, evaluation="grouped_cv", folds=3)
    notes = [note for part in parts for note in part.notes]
    assert any("test has no stay of class 3" in note for note in notes)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"split": "stay"}, "split='stay' is unknown"),
        ({"evaluation": "cv"}, "evaluation='cv' is unknown"),
        (
            {"split": "published", "evaluation": "grouped_cv"},
            "needs patients",
        ),
    ],
)
def test_bad_choices(tmp_path, other, message):
    with pytest.raises(ValueError, match=message):
        cohort_dataset(write_ingested(tmp_path), False, **other)


def test_what_is_written_is_read_back(tmp_path):
    folder = write_ingested(tmp_path / "ingested")
    (part,) = cohort_dataset(folder, complete=True, divide_series=True)
    prepared.write(part, tmp_path / "out", {"simulated": True})
    (tmp_path / "out/old.parquet").write_bytes(b"")
    prepared.write(part, tmp_path / "out", {"simulated": True})
    back, meta = prepared.read(tmp_path / "out")
    assert not (tmp_path / "out/old.parquet").exists()
    assert meta["simulated"] is True
    assert meta["kinds"]["text"] == "documents"
    assert back.modalities == part.modalities
    assert back.notes == part.notes
    pd.testing.assert_frame_equal(back.samples, part.samples, check_dtype=False)
    np.testing.assert_array_equal(
        back.events["vitals"].values, part.events["vitals"].values
    )
    np.testing.assert_array_equal(back.events["labs"].times, part.events["labs"].times)
    assert back.objects["ecg"]["path"].tolist() == part.objects["ecg"]["path"].tolist()
