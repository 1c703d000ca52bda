"""hosp/patients, hosp/admissions and icu/icustays."""

from pathlib import Path

import numpy as np
import polars as pl

from repro.data.mimiciv.marking import MARK
from repro.simulation.icu.plan import Plan
from repro.simulation.icu.raw_files import clock, write_csv

# Every stay says that nobody real is in it: the ingest goes by that.
UNITS = (
    f"{MARK}Medical Intensive Care Unit (MICU)",
    f"{MARK}Surgical Intensive Care Unit (SICU)",
    f"{MARK}Trauma SICU (TSICU)",
    f"{MARK}Cardiac Vascular Intensive Care Unit (CVICU)",
    f"{MARK}Coronary Care Unit (CCU)",
)
# Column of admissions and the answers it holds; none of them tells anything.
ANSWERS = {
    "admission_type": ("EW EMER.", "URGENT", "OBSERVATION ADMIT"),
    "admit_provider_id": ("P01XYZ", "P02XYZ", "P03XYZ"),
    "admission_location": ("EMERGENCY ROOM", "TRANSFER FROM HOSPITAL"),
    "discharge_location": ("HOME", "HOME HEALTH CARE", "SKILLED NURSING FACILITY"),
    "insurance": ("Medicare", "Medicaid", "Other"),
    "language": ("ENGLISH", "?"),
    "marital_status": ("MARRIED", "SINGLE", "WIDOWED", "DIVORCED"),
    "race": ("WHITE", "BLACK/AFRICAN AMERICAN", "UNKNOWN"),
}


def write_admissions(plan: Plan, folder: Path, generator: np.random.Generator) -> None:
    """Write the three tables that say who was where and when."""
    _write_patients(plan, folder / "hosp" / "patients.csv.gz", generator)
    _write_admissions(plan, folder / "hosp" / "admissions.csv.gz", generator)
    stays = plan.stays
    intime, outtime = stays["intime"].to_numpy(), stays["outtime"].to_numpy()
    unit = np.array(UNITS)[generator.integers(0, len(UNITS), len(stays))]
    moved = np.array(UNITS)[generator.integers(0, len(UNITS), len(stays))]
    stayed = generator.random(len(stays)) < 0.9
    frame = pl.DataFrame(
        {
            "subject_id": stays["subject_id"].to_numpy(),
            "hadm_id": stays["hadm_id"].to_numpy(),
            "stay_id": stays["stay_id"].to_numpy(),
            "first_careunit": unit,
            "last_careunit": np.where(stayed, unit, moved),
            "intime": clock(intime),
            "outtime": clock(outtime),
            "los": (outtime - intime) / np.timedelta64(1, "D"),
        }
    )
    write_csv(folder / "icu" / "icustays.csv.gz", frame)


def _write_patients(plan: Plan, path: Path, generator: np.random.Generator) -> None:
    first = plan.stays.sort_values(["subject_id", "intime"])
    first = first.drop_duplicates("subject_id")
    count = len(first)
    last = plan.stays.sort_values("dischtime").drop_duplicates(
        "subject_id", keep="last"
    )
    last = last.set_index("subject_id").loc[first["subject_id"]]
    day = last["dischtime"].to_numpy().astype("datetime64[D]").astype("datetime64[us]")
    day[~last["died"].to_numpy()] = np.datetime64("NaT")
    frame = pl.DataFrame(
        {
            "subject_id": first["subject_id"].to_numpy(),
            "gender": np.array(["F", "M"])[generator.integers(0, 2, count)],
            "anchor_age": generator.integers(18, 92, count),
            "anchor_year": first["intime"].dt.year.to_numpy(),
            "anchor_year_group": np.array(["2011 - 2013", "2014 - 2016"])[
                generator.integers(0, 2, count)
            ],
            "dod": pl.Series(day).cast(pl.Date),
        }
    )
    write_csv(path, frame)


def _write_admissions(plan: Plan, path: Path, generator: np.random.Generator) -> None:
    stays = plan.stays
    count = len(stays)
    died = stays["died"].to_numpy()
    discharge = stays["dischtime"].to_numpy()
    admit = stays["admittime"].to_numpy()
    waited = generator.integers(1800, 6 * 3600, count).astype("timedelta64[s]")
    emergency = generator.random(count) < 0.7
    nothing = np.datetime64("NaT")
    answers = {
        name: np.array(texts)[generator.integers(0, len(texts), count)]
        for name, texts in ANSWERS.items()
    }
    answers["discharge_location"] = np.where(
        died, "DIED", answers["discharge_location"]
    )
    frame = pl.DataFrame(
        {
            "subject_id": stays["subject_id"].to_numpy(),
            "hadm_id": stays["hadm_id"].to_numpy(),
            "admittime": clock(admit),
            "dischtime": clock(discharge),
            "deathtime": clock(np.where(died, discharge, nothing)),
            **answers,
            "edregtime": clock(np.where(emergency, admit - waited, nothing)),
            "edouttime": clock(np.where(emergency, admit, nothing)),
            "hospital_expire_flag": died.astype(np.int64),
        }
    )
    write_csv(path, frame.sort("subject_id", "admittime"))
