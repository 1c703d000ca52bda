"""The raw tables of simulated visits: patients, admissions, labs, codes, summaries."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from repro import files
from repro.data.mimiciv.marking import MARK
from repro.params.visits import VisitSimulation
from repro.simulation.icu import phrases
from repro.simulation.icu.items import LEVELS, NOISE_SD, PATIENT_SD, dictionary, items
from repro.simulation.icu.raw_files import clock, numbers_as_text, write_csv
from repro.simulation.visits.diagnoses import diagnosis_rows
from repro.simulation.visits.plan import Plan, drawn_plan, truth

PANELS = ("chemistry", "minerals", "count")  # of the laboratory that are drawn
SPECIMENS = 2  # of the index visit; one of any other
EARLIER = 0.4  # of what a value follows, in the visits before the index one
NOTE_NOISE = 0.2  # sd of what sets one summary of a patient apart from the next
UNLINKED = 0.2  # share of specimens without hadm_id
EXPIRED = 0.6  # share of index summaries of who dies that say so
HOMES = ("Home", "Home With Service", "Extended Care")
UNSIGNED = 0.01  # share of summaries without a storetime


def write_tree(planted: VisitSimulation, count: int, folder: Path) -> None:
    """Write hosp/, note/ and `truth.parquet` of so many patients in the data.

    Labels follow parts that one modality shows, that all show, that only two show
    together and that nobody shows. The summary of an index visit tells the label of
    many: whoever reads it predicts from the answer. Besides there are patients who are
    left out, deaths in hospital, absent modalities, both versions of ICD, rows without
    admission, unsigned summaries and exact copies.
    """
    generators = [np.random.default_rng([planted.seed, k]) for k in range(4)]
    plan = drawn_plan(planted, count, generators[0])
    _write_people(plan, folder)
    _write_labs(plan, folder, generators[1])
    codes = diagnosis_rows(plan, generators[2])
    write_csv(folder / "hosp/diagnoses_icd.csv.gz", pl.from_pandas(codes))
    write_csv(folder / "note/discharge.csv.gz", _notes(plan, generators[3]))
    files.write_table(folder / "truth.parquet", truth(plan))


def _write_people(plan: Plan, folder: Path) -> None:
    people, visits = plan.patients, plan.visits
    frame = pl.DataFrame(
        {
            "subject_id": people["subject_id"].to_numpy(),
            "gender": np.where(people.index % 2 == 0, "F", "M"),
            "anchor_age": people["anchor_age"].to_numpy(),
            "anchor_year": people["anchor_year"].to_numpy(),
            "anchor_year_group": ["2011 - 2013"] * len(people),
            "dod": clock(people["dod"].to_numpy()).dt.strftime("%Y-%m-%d"),
        }
    )
    write_csv(folder / "hosp/patients.csv.gz", frame)
    is_fatal = (visits["place"] == "fatal").to_numpy()
    ends = visits["dischtime"].to_numpy()
    died = np.where(is_fatal, ends, np.datetime64("NaT"))
    admissions = pl.DataFrame(
        {
            "subject_id": people["subject_id"].to_numpy()[visits["patient"]],
            "hadm_id": visits["hadm_id"].to_numpy(),
            "admittime": clock(visits["admittime"].to_numpy()),
            "dischtime": clock(ends),
            "deathtime": clock(died),
            "admission_type": [f"{MARK}EW EMER."] * len(visits),
            "discharge_location": np.where(is_fatal, "DIED", "HOME"),
            "hospital_expire_flag": is_fatal.astype(np.int64),
        }
    )
    copied = pl.concat([admissions, admissions[:2]])
    write_csv(folder / "hosp/admissions.csv.gz", copied)


def _write_labs(plan: Plan, folder: Path, generator: np.random.Generator) -> None:
    """Values that follow the latents of a patient, more so in the index visit."""
    table = items("lab").filter(pl.col("panel").is_in(PANELS))
    specimens = _specimens(plan, generator)
    patient, scale = specimens.pop("patient"), specimens.pop("scale")
    seen = plan.seen[patient, 0]
    own = PATIENT_SD * generator.standard_normal((len(plan.patients), len(table)))
    parts = []
    for number, item in enumerate(table.iter_rows(named=True)):
        rows = np.flatnonzero(generator.random(len(patient)) < item["rows"])
        shift = scale[rows] * (seen[rows] @ [item[name] for name in LEVELS])
        shift += own[patient[rows], number]
        shift += NOISE_SD * generator.standard_normal(len(rows))
        value = np.clip(item["mean"] + item["sd"] * shift, item["least"], item["most"])
        columns = {name: values[rows] for name, values in specimens.items()}
        parts.append(
            pl.DataFrame(columns).with_columns(
                itemid=pl.lit(item["itemid"]),
                valuenum=pl.Series(np.round(value, item["decimals"])),
                valueuom=pl.lit(item["unit"]),
            )
        )
    frame = pl.concat(parts).sort("subject_id", "charttime", "itemid")
    frame = pl.concat([frame, frame[:20]]).with_row_index("labevent_id", offset=1)
    write_csv(folder / "hosp/labevents.csv.gz", _lab_columns(frame))
    known = dictionary("lab").select("itemid", "label", "fluid", "category")
    write_csv(folder / "hosp/d_labitems.csv.gz", known)


def _specimens(plan: Plan, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """What the rows of a specimen share, and how much it follows the latents."""
    visits = plan.visits
    is_index = (visits["place"] == "index").to_numpy()
    has = plan.has[visits["patient"].to_numpy(), 0]
    visit = np.repeat(np.arange(len(visits)), has * np.where(is_index, SPECIMENS, 1))
    start = visits["admittime"].to_numpy()[visit]
    lasts = (visits["dischtime"].to_numpy()[visit] - start).astype(np.int64)
    drawn = start + (lasts * generator.uniform(0, 0.8, len(visit))).astype(np.int64)
    patient = visits["patient"].to_numpy()[visit]
    is_unlinked = generator.random(len(visit)) < UNLINKED
    return {
        "patient": patient,
        "scale": np.where(visits["place"].to_numpy()[visit] == "earlier", EARLIER, 1.0),
        "subject_id": plan.patients["subject_id"].to_numpy()[patient],
        "hadm_id": np.where(is_unlinked, -1, visits["hadm_id"].to_numpy()[visit]),
        "specimen_id": 1_000_000 + np.arange(len(visit)),
        "charttime": drawn.astype("datetime64[us]"),
        "storetime": (drawn + np.timedelta64(40, "m")).astype("datetime64[us]"),
    }


def _lab_columns(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns of labevents in their order."""
    return frame.select(
        "labevent_id",
        "subject_id",
        pl.when(pl.col("hadm_id") >= 0).then("hadm_id").alias("hadm_id"),
        "specimen_id",
        "itemid",
        "charttime",
        "storetime",
        numbers_as_text("valuenum").alias("value"),
        "valuenum",
        "valueuom",
    )


def _notes(plan: Plan, generator: np.random.Generator) -> pl.DataFrame:
    """A summary of every visit survived; of a patient without, of the index one."""
    visits = plan.visits
    place, has = visits["place"].to_numpy(), plan.has[visits["patient"], 1]
    kept = (place == "index") | ((place == "earlier") & has)
    chosen = visits[kept]
    patient = chosen["patient"].to_numpy()
    seen = plan.seen[patient, 1]
    seen = seen + NOTE_NOISE * generator.standard_normal(seen.shape)
    is_index = (chosen["place"] == "index").to_numpy()
    dies = (plan.patients["y"].to_numpy()[patient] == 1) & is_index
    says = dies & (generator.random(len(patient)) < EXPIRED)
    homes = generator.choice(np.array(HOMES), len(patient))
    texts = [
        f"Name: ___\n\n{report}\nDischarge Disposition:\n{home}\n"
        for report, home in zip(
            phrases.reports(seen, generator),
            np.where(says, "Expired", homes),
            strict=True,
        )
    ]
    return _note_columns(plan, chosen, texts, generator)


def _note_columns(
    plan: Plan, visits: pd.DataFrame, texts: list[str], generator: np.random.Generator
) -> pl.DataFrame:
    """The columns of discharge in their order; a summary is signed the next day."""
    day = visits["dischtime"].to_numpy().astype("datetime64[D]").astype("datetime64[s]")
    stored = day + np.timedelta64(20, "h")
    unsigned = generator.random(len(visits)) < UNSIGNED
    subject = plan.patients["subject_id"].to_numpy()[visits["patient"]]
    place = visits.groupby("patient").cumcount().to_numpy() + 1
    frame = pl.DataFrame(
        {
            "note_id": [f"{s}-DS-{k}" for s, k in zip(subject, place, strict=True)],
            "subject_id": subject,
            "hadm_id": visits["hadm_id"].to_numpy(),
            "note_type": ["DS"] * len(visits),
            "note_seq": place,
            "charttime": clock(day),
            "storetime": clock(np.where(unsigned, np.datetime64("NaT"), stored)),
            "text": texts,
        }
    )
    return pl.concat([frame, frame[:2]])
