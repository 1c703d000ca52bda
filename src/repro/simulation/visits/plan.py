"""The plan of a tree of visits: patients, their visits and deaths, and the truth."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from repro.params.visits import VisitSimulation
from repro.simulation.icu.latents import classes
from repro.simulation.planted import (
    LATENTS,
    Law,
    Parts,
    Planted,
    drawn,
    score_parts,
)

MODALITIES = ("lab", "note", "code")
YEAR = 365  # days
ADULT = 18  # years
MOST_VISITS = 4
# Shares of the patients who are left out, for one reason each, besides the others.
LEFT_OUT = {
    "one_visit": 0.06,
    "died_next": 0.03,  # in a second visit, after the only one survived
    "minor": 0.01,
    "died_before": 0.005,  # a dod before the last discharge
}
ABSENT = (0.03, 0.12, 0.04)  # share of patients without labs, summaries, codes
SILENT = 0.003  # share of patients without any of them
FATAL = 0.35  # share of deaths within the year that end a later visit
LATER = 0.05  # share of the others with a dod after the year
_FIRST_PATIENT, _FIRST_VISIT = 19_000_000, 29_000_000


@dataclass(frozen=True)
class Plan:
    """One row per patient, and one per visit, in the order of their numbers.

    `patients`: subject_id, kind (eligible or a key of `LEFT_OUT`), y (-1 where left
    out), anchor_age, anchor_year, dod. `visits`: patient (a row number), hadm_id,
    admittime, dischtime, place (earlier | index | fatal). `has` says which modalities
    a patient has; `seen` what they show.
    """

    patients: pd.DataFrame
    visits: pd.DataFrame
    has: np.ndarray
    seen: Float[np.ndarray, "patients modalities latents"]
    planted: Planted
    parts: dict[str, Float[np.ndarray, " patients"]]


def parts_of(planted: VisitSimulation) -> Parts:
    """Standard deviations of the parts of the score."""
    unique, noise = tuple(planted.unique), planted.label_noise
    return Parts(unique, planted.shared, planted.synergy, noise)


def drawn_plan(
    planted: VisitSimulation, count: int, generator: np.random.Generator
) -> Plan:
    """Draw so many patients who are in the data, and those who are left out."""
    kind = _kinds(count, generator)
    law = Law(tuple(planted.unreliable), planted.unreliable_sd, planted.latent_noise)
    latents = drawn(law, len(kind), generator)
    parts = score_parts(parts_of(planted), MODALITIES, latents)
    score = np.sum(list(parts.values()), axis=0)
    is_in = kind == "eligible"
    y = np.full(len(kind), -1)
    y[is_in] = classes(score[is_in], (1 - planted.positives, planted.positives))
    visits = _visits(kind, y, generator)
    has = generator.random((len(kind), 3)) >= np.array(ABSENT)
    has[generator.random(len(kind)) < SILENT] = False
    patients = _patients(kind, y, visits, generator)
    return Plan(patients, visits, has, latents.seen, latents, parts)


def truth(plan: Plan) -> pd.DataFrame:
    """Parts of the score, reliability and latents of the patients in the data."""
    is_in = (plan.patients["y"] >= 0).to_numpy()
    columns: dict[str, object] = {
        "id": plan.patients["subject_id"].astype(str),
        "y": plan.patients["y"].astype(np.float64),
    }
    columns |= {f"part_{name}": values for name, values in plan.parts.items()}
    for m, name in enumerate(MODALITIES):
        columns[f"present_{name}"] = plan.has[:, m]
        columns[f"reliable_{name}"] = plan.planted.reliable[:, m]
        for k, latent in enumerate(LATENTS):
            columns[f"seen_{name}_{latent}"] = plan.seen[:, m, k]
    return pd.DataFrame(columns)[is_in].reset_index(drop=True)


def _kinds(count: int, generator: np.random.Generator) -> np.ndarray:
    counts = {name: max(2, round(count * share)) for name, share in LEFT_OUT.items()}
    counts["eligible"] = count
    return generator.permutation(np.repeat(list(counts), list(counts.values())))


def _visits(
    kind: np.ndarray, y: Int[np.ndarray, " patients"], generator: np.random.Generator
) -> pd.DataFrame:
    """Visits of every patient, a later one after the end of the last."""
    survived = generator.integers(2, MOST_VISITS + 1, len(kind))
    survived[np.isin(kind, ("one_visit", "died_next"))] = 1
    is_fatal = (y == 1) & (generator.random(len(kind)) < FATAL)
    is_fatal |= kind == "died_next"
    counts = survived + is_fatal
    patient = np.repeat(np.arange(len(kind)), counts)
    number = np.arange(len(patient)) - np.repeat(np.cumsum(counts) - counts, counts)
    place = np.where(number < survived[patient] - 1, "earlier", "index")
    place = np.where(number >= survived[patient], "fatal", place)
    minutes = 24 * 60
    lasts = generator.integers(minutes, 12 * minutes, len(patient))
    # So a fatal visit ends within the year after the last one survived.
    gap = generator.integers(2 * minutes, 300 * minutes, len(patient))
    start = np.zeros(len(patient), np.int64)
    for k in range(1, int(counts.max())):
        here = np.flatnonzero(number == k)
        start[here] = start[here - 1] + lasts[here - 1] + gap[here]
    year = generator.integers(2112, 2190, len(kind))
    zero = (year - 1970).astype("datetime64[Y]").astype("datetime64[m]")
    zero = zero + generator.integers(0, YEAR * minutes, len(kind))
    admitted = zero[patient] + start
    return pd.DataFrame(
        {
            "patient": patient,
            "hadm_id": _FIRST_VISIT + np.arange(len(patient)),
            "admittime": admitted.astype("datetime64[s]"),
            "dischtime": (admitted + lasts).astype("datetime64[s]"),
            "place": place,
        }
    )


def _patients(
    kind: np.ndarray,
    y: Int[np.ndarray, " patients"],
    visits: pd.DataFrame,
    generator: np.random.Generator,
) -> pd.DataFrame:
    """Ages and deaths; whole days after the day of the last discharge survived."""
    last = visits[visits["place"] == "index"].set_index("patient")["dischtime"]
    day = last.reindex(np.arange(len(kind))).to_numpy().astype("datetime64[D]")
    first = visits.groupby("patient")["admittime"].min()
    year = first.dt.year.to_numpy()
    days = np.where(y == 1, generator.integers(1, YEAR + 1, len(kind)), -1)
    is_later = (y == 0) & (generator.random(len(kind)) < LATER)
    days = np.where(is_later, generator.integers(YEAR + 1, 700, len(kind)), days)
    fatal = visits[visits["place"] == "fatal"].set_index("patient")["dischtime"]
    is_fatal = np.isin(np.arange(len(kind)), fatal.index)
    days[np.flatnonzero((y == 1) & ~is_fatal)[:2]] = 0, YEAR  # both ends of the year
    days[np.flatnonzero(y == 0)[0]] = YEAR + 1
    died = np.where(days >= 0, day + days, np.datetime64("NaT"))
    died = np.where(kind == "died_before", day - np.timedelta64(3, "D"), died)
    died[is_fatal] = fatal.to_numpy().astype("datetime64[D]")
    age = generator.integers(25, 90, len(kind))
    return pd.DataFrame(
        {
            "subject_id": _FIRST_PATIENT + np.arange(len(kind)),
            "kind": kind,
            "y": y,
            "anchor_age": np.where(kind == "minor", ADULT - 8, age),
            "anchor_year": year,
            "dod": died.astype("datetime64[s]"),
        }
    )
