"""What is planted, before any file is written."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.simulation.icu import latents, plan
from repro.simulation.icu.settings import MODALITIES, Dirt, Signals, Size, check
from repro.simulation.planted import Planted, score_parts

PRESENT = [f"present_{name}" for name in MODALITIES]


@cache
def default() -> plan.Plan:
    return plan.drawn_plan(Size(), Signals(), 0)


def days(stays: pd.DataFrame) -> np.ndarray:
    return ((stays["outtime"] - stays["intime"]) / pd.Timedelta(days=1)).to_numpy()


def complete(truth: pd.DataFrame) -> pd.Series:
    return truth[PRESENT].all(axis=1)


def test_class_mix_of_both_cohorts_is_that_of_the_paper() -> None:
    truth = default().truth
    assert len(truth) == 3300
    every = truth["y"].value_counts().sort_index() / len(truth)
    assert every.to_list() == pytest.approx([0.34, 0.43, 0.15, 0.08], abs=0.001)
    cohort = truth[complete(truth)]
    assert len(cohort) == 561
    counts = cohort["y"].value_counts().sort_index()
    assert (counts / len(cohort)).to_list() == pytest.approx(
        [0.28, 0.45, 0.18, 0.09], abs=0.001
    )
    assert counts[3] >= 45


def test_presence_is_joint_and_near_the_paper() -> None:
    present = default().truth[PRESENT].mean()
    expected = {"timeseries": 1.0, "text": 0.91, "cxr": 0.25, "ecg": 0.52}
    for name, share in expected.items():
        assert present[f"present_{name}"] == pytest.approx(share, abs=0.025)


def test_days_lie_inside_the_interval_of_the_class() -> None:
    stays = default().stays
    eligible = stays[stays["kind"] == "eligible"]
    length, y = days(eligible), eligible["y"].to_numpy()
    low, high = np.array([2, 3, 7, 14])[y], np.array([3, 7, 14, 61])[y]
    assert ((length > low) & (length < high)).all()
    assert (stays.loc[stays["kind"] != "eligible", "y"] == -1).all()
    short = stays[stays["kind"] == "short"]
    assert len(short) == 400
    assert (days(short) < 2).all()
    assert (days(stays[stays["kind"] == "reversed"]) < 0).all()
    assert default().truth["stay_id"].to_list() == eligible["stay_id"].to_list()


def test_patients_have_one_or_two_stays_that_do_not_overlap() -> None:
    stays = default().stays
    counts = stays["subject_id"].value_counts()
    assert set(counts) == {1, 2}
    assert (counts == 2).mean() == pytest.approx(0.1, abs=0.005)
    for column in ("stay_id", "hadm_id"):
        assert stays[column].is_unique
    ordered = stays.sort_values(["subject_id", "intime"])
    leave = ordered.groupby("subject_id")["dischtime"].shift()
    assert not (ordered["admittime"] <= leave).any()
    # Nobody comes back after death.
    last = ordered.groupby("subject_id")["stay_id"].transform("last")
    assert (last[ordered["died"]] == ordered.loc[ordered["died"], "stay_id"]).all()


def test_every_split_by_patient_can_hold_five_of_each_class() -> None:
    truth = default().truth.merge(default().stays[["stay_id", "subject_id"]])
    truth["complete"] = complete(truth)
    patients = truth.groupby("subject_id").first().sample(frac=1, random_state=0)
    stratum = patients.groupby(["y", "complete"])
    place = stratum.cumcount() / stratum["score"].transform("size")
    split = pd.cut(place, [-1, 0.7, 0.85, 1], right=False, labels=[0, 1, 2])
    truth["split"] = truth["subject_id"].map(split)
    for cohort in (truth, truth[truth["complete"]]):
        counts = pd.crosstab(cohort["split"], cohort["y"])
        assert counts.shape == (3, 4)
        assert counts.to_numpy().min() >= 5


def test_tiny_plans_hold_every_class_in_the_complete_cohort() -> None:
    for seed in range(5):
        truth = plan.drawn_plan(Size(stays=60), Signals(), seed).truth
        assert set(truth.loc[complete(truth), "y"]) == {0, 1, 2, 3}


def test_score_is_the_sum_of_its_parts_and_orders_the_classes() -> None:
    truth = default().truth
    parts = [name for name in truth if name.startswith("part_")]
    assert len(parts) == 7
    assert np.allclose(truth[parts].sum(axis=1), truth["score"])
    assert truth["score"].std() == pytest.approx(1, abs=0.05)
    edges = truth.groupby("y")["score"].agg(["min", "max"]).to_numpy()
    assert (edges[1:, 0] >= edges[:-1, 1]).all()


def test_score_parts_by_hand() -> None:
    signals = Signals(
        unique=(2.0, 0.0, 0.0, 0.0), shared=2.0, synergy=2.0, label_noise=2.0
    )
    drawn = Planted(
        unique=np.array([[1.0, 5.0, 5.0, 5.0]]),
        shared=np.array([-1.0]),
        synergy=np.array([[1.0, 2.0, 3.0, 4.0]]),
        noise=np.array([0.5]),
        seen=np.zeros((1, 4, 3)),
        reliable=np.ones((1, 4), bool),
    )
    parts = score_parts(latents.parts_of(signals), MODALITIES, drawn)
    # Total strength sqrt(4 * 2**2) = 4; pairs 2 + 3 + 4 + 6 + 8 + 12 = 35.
    assert parts["unique_timeseries"] == pytest.approx([0.5])
    assert parts["unique_text"] == pytest.approx([0])
    assert parts["shared"] == pytest.approx([-0.5])
    assert parts["synergy"] == pytest.approx([0.5 * 35 / np.sqrt(6)])
    assert parts["noise"] == pytest.approx([0.25])


def test_unreliable_modalities_see_nothing_of_the_latents() -> None:
    truth = plan.drawn_plan(Size(stays=6000), Signals(), 1).truth
    for name, share in zip(MODALITIES, Signals().unreliable, strict=True):
        there = truth[truth[f"present_{name}"]]
        good = there[there[f"reliable_{name}"]]
        bad = there[~there[f"reliable_{name}"]]
        assert len(bad) / len(there) == pytest.approx(share, abs=0.02)
        pairs = [
            (f"latent_{name}_{k}", f"seen_{name}_{k}") for k in ("unique", "synergy")
        ]
        for latent, seen in [*pairs, ("latent_shared", f"seen_{name}_shared")]:
            assert good[latent].corr(good[seen]) == pytest.approx(0.958, abs=0.01)
            assert abs(bad[latent].corr(bad[seen])) < 4 / np.sqrt(len(bad))
            # Clearly wider where it is noise: sqrt(2.5^2 + 0.3^2).
            assert bad[seen].std() == pytest.approx(2.518, rel=4 / np.sqrt(len(bad)))
        hidden = truth[f"information_{name}"] == 0
        assert (hidden == ~truth[f"reliable_{name}"]).all()
        absent = truth[~truth[f"present_{name}"]]
        assert not absent[f"reliable_{name}"].any()
        assert (absent[f"posterior_{name}"] == 0).all()


def test_posteriors_are_as_often_right_as_they_say() -> None:
    truth = plan.drawn_plan(Size(stays=20_000), Signals(), 2).truth
    for name in MODALITIES:
        there = truth[truth[f"present_{name}"]]
        certain, reliable = there[f"posterior_{name}"], there[f"reliable_{name}"]
        bins = np.minimum((certain * 10).astype(int), 9)
        table = pd.DataFrame({"said": certain, "found": reliable}).groupby(bins)
        error = np.sqrt(0.25 / table.size())
        gap = (table["said"].mean() - table["found"].mean()).abs()
        assert (gap < 4 * error).all(), name


@given(
    total=st.integers(4, 5000),
    weights=st.lists(st.floats(0.01, 1), min_size=4, max_size=4),
)
def test_quotas_sum_up_and_are_near_the_shares(
    total: int, weights: list[float]
) -> None:
    shares = np.array(weights) / np.sum(weights)
    counts = latents.quotas(total, shares.tolist())
    assert counts.sum() == total
    assert counts.min() >= 1
    if total * shares.min() >= 1:
        assert np.abs(counts - total * shares).max() < 1 + 1e-6


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (Size(stays=10), r"size\.stays=10"),
        (Size(complete=1.2), r"size\.complete=1\.2"),
        (Size(mix=(0.5, 0.5, 0.1, 0.1)), r"size\.mix"),
        (Size(complete_mix=(0.5, 0.5, 0.0, 0.0)), r"size\.complete_mix"),
        (Size(image=4), r"size\.image=4"),
        (Size(hours_between_vitals=0.1), r"hours_between_vitals=0\.1"),
        (Size(dirt=Dirt(gaps=-1)), r"size\.dirt\.gaps=-1"),
        (Size(dirt=Dirt(lateral=1.5)), r"size\.dirt\.lateral=1\.5"),
    ],
)
def test_impossible_sizes_are_refused(size: Size, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(size, Signals())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unique": (1.0, 1.0)}, r"signals\.unique=\(1\.0, 1\.0\)"),
        ({"unreliable": (0.1, 0.2, 0.3, 1.4)}, r"signals\.unreliable"),
        ({"shared": -1.0}, "below 0"),
        ({"latent_noise": -0.1}, "below 0"),
        ({"unreliable_sd": 0.0}, r"signals\.unreliable_sd=0\.0"),
    ],
)
def test_impossible_signals_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(Size(), replace(Signals(), **changes))


def test_too_many_complete_stays_are_refused() -> None:
    with pytest.raises(ValueError, match=r"class 1 has .* give a smaller share"):
        plan.drawn_plan(Size(complete=1.0), Signals(), 0)
