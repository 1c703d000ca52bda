"""Diagnoses of the simulated visits: a code in either version, and what it follows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro.simulation.visits.plan import Plan

STRENGTH = 2.0  # of a latent in the log odds of a diagnosis that follows it
EARLIER = 0.5  # of that in the visits before the index one
SAME = 0.35  # share of patients coded in ICD-9 alone, and of those in ICD-10 alone


@dataclass(frozen=True)
class Diagnosis:
    """A code of each version, how often it is given, and the latent it follows."""

    icd9: str
    icd10: str
    share: float
    follows: str = ""


DIAGNOSES = (
    Diagnosis("4280", "I509", 0.25, "unique"),
    Diagnosis("5849", "N179", 0.2, "unique"),
    Diagnosis("51881", "J9601", 0.12, "unique"),
    Diagnosis("1970", "C7800", 0.08, "unique"),
    Diagnosis("5715", "K7460", 0.08, "unique"),
    Diagnosis("0389", "A419", 0.12, "shared"),
    Diagnosis("5859", "N189", 0.2, "shared"),
    Diagnosis("2639", "E46", 0.1, "shared"),
    Diagnosis("42731", "I4891", 0.2, "shared"),
    Diagnosis("78552", "R6521", 0.08, "synergy"),
    Diagnosis("2762", "E872", 0.15, "synergy"),
    Diagnosis("2875", "D696", 0.12, "synergy"),
    Diagnosis("4019", "I10", 0.45),
    Diagnosis("25000", "E119", 0.25),
    Diagnosis("2724", "E785", 0.35),
    Diagnosis("41401", "I2510", 0.2),
    Diagnosis("53081", "K219", 0.25),
    Diagnosis("2449", "E039", 0.12),
    Diagnosis("49390", "J45909", 0.1),
    Diagnosis("311", "F329", 0.18),
    Diagnosis("V1582", "Z87891", 0.25),
    Diagnosis("E8889", "W19XXXA", 0.06),
)
# Known defects: a version that does not exist, codes that are none.
ODD = (("8", "4280"), ("9", ""), ("10", "Z"))


def diagnosis_rows(plan: Plan, generator: np.random.Generator) -> pd.DataFrame:
    """The columns of hosp/diagnoses_icd in their order."""
    visits, patient = plan.visits, plan.visits["patient"].to_numpy()
    given = generator.random((len(visits), len(DIAGNOSES))) < _odds(plan)
    given[~plan.has[patient, 2]] = False
    visit, number = np.nonzero(given)
    is_old = _is_old(plan, generator)[visit]
    codes = np.array([(d.icd9, d.icd10) for d in DIAGNOSES])
    frame = pd.DataFrame(
        {
            "subject_id": plan.patients["subject_id"].to_numpy()[patient[visit]],
            "hadm_id": visits["hadm_id"].to_numpy()[visit],
            "icd_code": codes[number, np.where(is_old, 0, 1)],
            "icd_version": np.where(is_old, "9", "10"),
        }
    )
    odd = frame.iloc[: len(ODD)].copy()
    odd["icd_version"], odd["icd_code"] = zip(*ODD, strict=True)
    frame = pd.concat([frame, odd], ignore_index=True)
    place = frame.groupby("hadm_id").cumcount() + 1
    frame.insert(2, "seq_num", place)
    return frame.sort_values(["subject_id", "hadm_id", "seq_num"], ignore_index=True)


def _odds(plan: Plan) -> Float[np.ndarray, "visits diagnoses"]:
    """How probable each diagnosis is at each visit."""
    patient = plan.visits["patient"].to_numpy()
    seen = plan.seen[patient, 2]
    scale = np.where(plan.visits["place"] == "earlier", EARLIER, 1.0) * STRENGTH
    order = {"unique": 0, "shared": 1, "synergy": 2}
    columns = []
    for one in DIAGNOSES:
        told = scale * seen[:, order[one.follows]] if one.follows else 0.0 * scale
        columns.append(told + np.log(one.share / (1 - one.share)))
    return 1 / (1 + np.exp(-np.stack(columns, axis=1)))


def _is_old(plan: Plan, generator: np.random.Generator) -> np.ndarray:
    """Whether each visit is coded in ICD-9; of some patients, the first ones alone."""
    count, patient = len(plan.patients), plan.visits["patient"].to_numpy()
    kind = generator.choice(3, count, p=[SAME, SAME, 1 - 2 * SAME])
    first = ~pd.Series(patient).duplicated().to_numpy()
    return (kind[patient] == 0) | ((kind[patient] == 2) & first)
