"""Windows, labels, dates and divisions."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.data.mimiciv.books import Book
from repro.data.mimiciv.cells import CLOCK, DAY, Cell, read
from repro.data.mimiciv.cohort import class_counts, label, timeline, windows
from repro.data.mimiciv.layout import Source
from repro.data.mimiciv.objects import study_moment
from repro.data.mimiciv.splits import (
    dealt,
    fold_splits,
    grouped_folds,
    patient_split,
    published_split,
)

START = datetime(2180, 1, 1)


def stays_at(*rows: tuple[int, int, float, float]) -> pl.DataFrame:
    """Stays of (patient, stay, first hour, last hour)."""
    return pl.DataFrame(
        {
            "subject_id": [row[0] for row in rows],
            "stay_id": [row[1] for row in rows],
            "intime": [START + timedelta(hours=row[2]) for row in rows],
            "outtime": [START + timedelta(hours=row[3]) for row in rows],
            "end": [START + timedelta(hours=row[3]) for row in rows],
        }
    )


def owner(table: pl.DataFrame, patient: int, hour: float) -> tuple[int, bool] | None:
    moment = START + timedelta(hours=hour)
    found = table.filter(
        (pl.col("subject_id") == patient)
        & (pl.col("start") <= moment)
        & (pl.col("stop") > moment)
    )
    assert found.height <= 1
    return None if found.is_empty() else found.select("stay_id", "contested").row(0)


def test_label_edges_belong_to_the_class_below():
    days = pl.DataFrame({"d": [2.0, 3.0, 3.0001, 7.0, 7.1, 14.0, 14.5]})
    assert days.select(label(pl.col("d"))).to_series().to_list() == [
        0,
        0,
        1,
        1,
        2,
        2,
        3,
    ]


def test_windows_include_both_ends():
    table = windows(stays_at((1, 10, 0, 48)))
    assert owner(table, 1, 0) == (10, False)
    assert owner(table, 1, 48) == (10, False)
    assert owner(table, 1, 48.001) is None
    assert owner(table, 1, -0.001) is None


def test_the_later_stay_owns_a_contested_moment():
    table = windows(stays_at((1, 10, 0, 48), (1, 11, 40, 44), (2, 12, 0, 48)))
    assert owner(table, 1, 39.9) == (10, False)
    assert owner(table, 1, 40) == (11, True)
    assert owner(table, 1, 44) == (11, True)
    assert owner(table, 1, 45) == (10, False)
    assert owner(table, 2, 41) == (12, False)


@given(
    st.lists(
        st.tuples(st.integers(1, 2), st.integers(0, 30), st.integers(1, 20)),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 60),
)
def test_the_owner_is_the_last_entered_of_those_that_cover(rows, hour):
    stays = [(p, 10 + i, a, a + n) for i, (p, a, n) in enumerate(rows)]
    covering = [(a, s) for p, s, a, b in stays if p == 1 and a <= hour <= b]
    expected = (max(covering)[1], len(covering) > 1) if covering else None
    assert owner(windows(stays_at(*stays)), 1, hour) == expected


@given(
    st.lists(
        st.tuples(st.integers(1, 2), st.integers(0, 30), st.integers(1, 20)),
        min_size=1,
        max_size=6,
    ),
    st.integers(-9, 60),
)
def test_every_moment_stands_once_in_the_timeline(rows, hour):
    stays = stays_at(*((p, 10 + i, a, a + n) for i, (p, a, n) in enumerate(rows)))
    owners = windows(stays)
    table = timeline(owners, pl.Series([2, 1, 3, 1]))
    moment = START + timedelta(hours=hour)
    now = table.filter((pl.col("start") <= moment) & (pl.col("stop") > moment))
    assert sorted(now["subject_id"].to_list()) == [1, 2, 3]
    for patient in (1, 2, 3):
        expected = owner(owners, patient, hour) or (None, False)
        assert owner(table, patient, hour) == expected
        earlier = owners.filter(
            (pl.col("subject_id") == patient) & (pl.col("start") <= moment)
        ).sort("start")
        last = earlier["intime"][-1] if earlier.height else None
        assert now.filter(pl.col("subject_id") == patient)["intime"].item() == last


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("21800506", "80556.875", datetime(2180, 5, 6, 8, 5, 56, 875000)),
        ("21800506", "235959.999999", datetime(2180, 5, 6, 23, 59, 59, 999999)),
        ("21800506", "1", datetime(2180, 5, 6, 0, 0, 1)),
        ("2180-05-06", "08:05:56.875", datetime(2180, 5, 6, 8, 5, 56, 875000)),
        ("21800506.0", " 80556 ", datetime(2180, 5, 6, 8, 5, 56)),
        ("05/06/2180", "80556", None),
        ("21800506", "0.5", datetime(2180, 5, 6, 0, 0, 0, 500000)),
        ("21800506", "101010.1234567", datetime(2180, 5, 6, 10, 10, 10, 123456)),
        ("21800506", "256060.0", None),
        ("21801306", "80556.875", None),
        ("21800506", "noon", None),
        ("21800506", None, None),
    ],
)
def test_study_moments_are_exact(tmp_path, date, time, expected):
    frame = pl.DataFrame({"row": [2], "StudyDate": [date], "StudyTime": [time]})
    kinds = {"StudyDate": Cell(DAY, stops=False), "StudyTime": Cell(CLOCK, stops=False)}
    frame = frame.cast({"StudyTime": pl.String})
    book = Book(Source("metadata", tmp_path / "m.csv", tmp_path))
    assert read(frame, kinds, book).select(study_moment()).item() == expected
    assert book.unreadable.total() == (expected is None and time is not None)


def test_class_counts_of_both_cohorts():
    stays = pl.DataFrame(
        {
            "y": [0, 1, 1, 3],
            "has_timeseries": [True] * 4,
            "has_text": [True, True, False, True],
            "has_cxr": [True, True, True, True],
            "has_ecg": [True, False, True, True],
        }
    )
    counts = class_counts(stays)
    assert counts == {"complete": [1, 0, 0, 1], "all": [1, 2, 0, 1]}


def random_stays(count: int, seed: int):
    generator = np.random.default_rng(seed)
    patients = generator.integers(0, int(count / 1.1), count)
    y = generator.choice(4, count, p=[0.34, 0.43, 0.15, 0.08])
    return patients, y, generator.random(count) < 0.2


@pytest.mark.parametrize("seed", range(3))
def test_patients_stay_whole_and_classes_even(seed):
    patients, y, complete = random_stays(3000, seed)
    split = patient_split(patients, y, complete, seed)
    for patient in np.unique(patients):
        assert len(set(split[patients == patient])) == 1
    for c in range(4):
        for part in (complete, ~complete):
            here = split[(y == c) & part]
            assert (here == "test").mean() == pytest.approx(0.15, abs=0.05)
            assert (here == "train").mean() == pytest.approx(0.70, abs=0.07)


def test_a_class_of_three_patients_is_in_every_split():
    patients = np.arange(40)
    y = np.array([3] * 3 + [0] * 12 + [1] * 15 + [2] * 10)
    split = patient_split(patients, y, np.ones(40, bool), 0)
    assert set(split[:3]) == {"train", "valid", "test"}


def test_a_split_is_drawn_from_its_seed():
    stays = random_stays(300, 0)
    first = patient_split(*stays, 1)
    assert (first == patient_split(*stays, 1)).all()
    assert (first != patient_split(*stays, 2)).any()


def test_the_published_split_is_the_legacy_shuffle():
    ids = np.array([50, 20, 40, 10, 30, 60, 70])
    shuffled = sorted(ids.tolist())
    np.random.RandomState(0).shuffle(shuffled)
    split = dict(zip(ids.tolist(), published_split(ids).tolist(), strict=True))
    assert [split[i] for i in shuffled] == ["train"] * 4 + ["valid"] + ["test"] * 2


def test_the_published_split_has_the_published_sizes():
    names, counts = np.unique(published_split(np.arange(5178)), return_counts=True)
    sizes = dict(zip(names.tolist(), counts.tolist(), strict=True))
    assert sizes == {"train": 3624, "valid": 777, "test": 777}


def test_every_patient_is_tested_once():
    patients, y, complete = random_stays(500, 4)
    fold = grouped_folds(patients, y, complete, 5, 0)
    splits = fold_splits(patients, y, complete, 5, 0)
    assert np.bincount(fold).min() > 80
    assert sum((split == "test").astype(int) for split in splits).tolist() == [1] * 500
    for j, split in enumerate(splits):
        assert ((split == "test") == (fold == j)).all()
        groups = {name: set(patients[split == name]) for name in np.unique(split)}
        assert not groups["train"] & groups["valid"]
        assert not groups["test"] & (groups["train"] | groups["valid"])
        for c in range(4):
            assert {"train", "valid", "test"} == set(split[y == c])


def test_too_few_patients_are_refused():
    with pytest.raises(ValueError, match="3 parts are asked for, 2 patients"):
        dealt(np.array([1, 1, 2]), np.zeros(3, np.int64), [0.4, 0.3, 0.3], 0)
    with pytest.raises(ValueError, match="folds=1 is too few"):
        grouped_folds(np.arange(3), np.zeros(3, int), np.ones(3, bool), 1, 0)
