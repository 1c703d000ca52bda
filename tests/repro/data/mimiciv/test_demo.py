"""Real rows: the open demo, against a plain pandas loop; v2.2 where it is given."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro import files
from repro.data.mimiciv.ingesting import ingest
from repro.data.mimiciv.settings import Settings
from repro.data.mimiciv.variables import CONVERSIONS, Variable, load
from tests.pipeline_graph import ROOT

DEMO = ROOT.parent / "shared" / "data" / "mimiciv_demo"
needs_demo = pytest.mark.skipif(not DEMO.is_dir(), reason="the demo is not there")
REAL = os.environ.get("BTW_MIMICIV")


def plain_value(variable: Variable, item: int, value: float) -> float | None:
    """The value in the variable's unit, or None where it is out of range."""
    conversion = CONVERSIONS[variable.conversions[variable.itemids.index(item)]]
    if value <= conversion.only_up_to:
        value = value * conversion.scale + conversion.offset
    low_open, high_open = variable.bounds[0] == "(", variable.bounds[1] == ")"
    if value < variable.low or (low_open and value == variable.low):
        return None
    if value > variable.high or (high_open and value == variable.high):
        return None
    return value


def plain_events(preset: str, policy: str) -> dict[tuple[int, float, int], list[float]]:
    """Values of every stay, hour and variable, row by row."""
    stays = pd.read_csv(DEMO / "icu/icustays.csv.gz", parse_dates=["intime", "outtime"])
    stays = stays[stays["los"] >= 2]
    owners = {
        v_item: (n, v) for n, v in enumerate(load(preset)) for v_item in v.itemids
    }
    found: dict[tuple[int, float, int], list[float]] = {}
    for name, key in (("icu/chartevents", "stay_id"), ("hosp/labevents", "subject_id")):
        rows = pd.read_csv(DEMO / f"{name}.csv.gz", low_memory=False)
        rows = rows[rows["itemid"].isin(list(owners)) & rows["valuenum"].notna()]
        for stay in stays.itertuples():
            for row in rows[rows[key] == getattr(stay, key)].itertuples():
                moment = pd.Timestamp(row.charttime)
                known = moment
                if policy == "strict" and isinstance(row.storetime, str):
                    known = max(moment, pd.Timestamp(row.storetime))
                if not 0 <= (known - stay.intime).total_seconds() <= 48 * 3600:
                    continue
                seconds = max((moment - stay.intime).total_seconds(), 0)
                number, variable = owners[row.itemid]
                value = plain_value(variable, row.itemid, row.valuenum)
                if value is not None:
                    place = (stay.stay_id, seconds, number)
                    found.setdefault(place, []).append(value)
    return found


@needs_demo
@pytest.mark.parametrize(
    ("preset", "policy"), [("corrected", "strict"), ("published", "charttime")]
)
def test_the_demo_agrees_with_a_plain_loop(tmp_path, preset, policy):
    report = ingest(Settings(DEMO, variables=preset, time_policy=policy), tmp_path)
    plain = plain_events(preset, policy)
    places = sorted(plain)
    table = files.read_table(tmp_path / "events.parquet")
    assert len(table) == len(places)
    np.testing.assert_array_equal(table["stay_id"], [p[0] for p in places])
    hours = np.array([p[1] for p in places]) / 3600
    np.testing.assert_array_equal(table["hours"], hours.astype(np.float32))
    np.testing.assert_array_equal(table["variable"], [p[2] for p in places])
    means = [np.mean(plain[p]) for p in places]
    np.testing.assert_allclose(table["value"], means, rtol=1e-6)
    used = dict.fromkeys(report["counts"], 0)
    names = list(used)
    for (_, _, number), values in plain.items():
        used[names[number]] += len(values)
    assert report["counts"] == used


@needs_demo
def test_the_cohort_of_the_demo(tmp_path):
    report = ingest(Settings(DEMO), tmp_path)
    steps = {
        row["step"]: (row["stays"], row["patients"]) for row in report["attrition"]
    }
    assert steps["all ICU stays"] == (65, 50)
    assert steps["los >= 2 days"] == (31, 24)
    assert steps["time-series row in window"] == (31, 24)
    assert steps["of these, with every modality"] == (0, 0)
    assert report["classes"]["all"] == [8, 15, 6, 2]
    assert report["version"] == "2.2-like"
    assert report["problems"]["out_of_range"]["Mean BP"] > 0
    told = "no row of icu/chartevents has a storetime; strict took charttime for all"
    assert report["warnings"] == [told]


@needs_demo
def test_the_published_potassium_has_no_row(tmp_path):
    report = ingest(Settings(DEMO, variables="published"), tmp_path)
    assert report["counts"]["Potassium"] == 0
    assert [w.split()[0] for w in report["warnings"]] == ["Potassium", "no"]


@pytest.mark.skipif(REAL is None, reason="BTW_MIMICIV names no folder of v2.2")
def test_the_published_cohort_of_version_2_2(tmp_path):
    root = Path(str(REAL))
    settings = Settings(
        root,
        root / "note",
        root / "cxr",
        root / "ecg",
        variables="published",
        time_policy="charttime",
        views=(),
        labs_without_admission="drop",
    )
    report = ingest(settings, tmp_path)
    assert report["classes"]["complete"] == [1465, 2342, 923, 448]
