"""Reader of MIMIC-IV for death within a year: laboratory values, summaries, codes."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import polars as pl

from repro import files
from repro.data.mimiciv import history, visits
from repro.data.mimiciv.history import Known
from repro.data.mimiciv.layout import (
    Source,
    check_columns,
    refuse_version_1,
    table_file,
)
from repro.data.mimiciv.settings import Settings
from repro.data.mimiciv.splits import patient_split
from repro.data.mimiciv.variables import Variable, load
from repro.data.mimiciv.vectors import code_vectors, lab_vectors
from repro.data.mimiciv.visits import Visits
from repro.records import SPLITS, Dataset, Modality, Texts, told

COLUMNS = visits.COLUMNS | history.COLUMNS
REPORT = "report.json"
# What lacks most often, and what gives it.
MISSING = {
    history.CODES: "it is a table of MIMIC-IV",
    history.NOTES: "it is a table of MIMIC-IV-Note, whose folder note/ belongs beside "
    "hosp/; visits.notes: none does without",
}


@dataclass(frozen=True)
class Rules:
    """What is taken of the tables.

    `notes`: `earlier` (summaries of the visits before the index one), `index` (its own,
    too, which says where the patient went) or `none`. `codes`: `all` or `icd9_only`.
    `time_policy` as in `Settings`. `fewest`: counts of fewer patients are not said, and
    no split has fewer of a class; 0 where all may be told.
    """

    notes: Literal["earlier", "index", "none"] = "earlier"
    codes: Literal["all", "icd9_only"] = "all"
    time_policy: Literal["strict", "charttime"] = "strict"
    fewest: int = 0
    simulated: bool = False


def read(root: Path, rules: Rules, folder: Path) -> Dataset:
    """One row per patient: what was known at the last visit survived, and death.

    Modalities: `lab` (last value, mean and presence of each variable), `note` (one
    text) and `code` (which of the categories that ten train patients have). One that a
    patient lacks is absent. Rows are joined by subject_id; patients are divided 70, 15,
    15 with both labels alike in each. `folder` gets report.json, in which every raw row
    stands in one count.

    Source: I2MoE, section 4 and appendix E.2.
    Departure: the released loader takes tensors that lie row by row as the labels do,
    of which nobody published how they were made.

    Raises:
        ValueError: tables or columns are missing, a cell that decides cannot be read,
            the tables are called simulated and are not, or too few patients are left.
    """
    found = _sources(root, rules)
    cohort = visits.index_visits(found[visits.PATIENTS], found[visits.ADMISSIONS])
    simulated = _is_made_up(cohort, root, rules)
    _refuse_few(cohort.labelled, root)
    settings = Settings(root, time_policy=rules.time_policy, simulated=simulated)
    variables = tuple(v for v in load("corrected") if v.table == history.LABS)
    known = _known(found, cohort.used, variables, settings, rules, folder)
    cohort = visits.without(cohort, _silent(cohort.labelled, known))
    samples = _samples(cohort.labelled, known, root)
    fewest = 0 if simulated else rules.fewest
    _refuse_small(samples, fewest, root)
    counts = visits.closed(cohort)
    for one in known.values():
        counts |= one.counts
    files.write_json(folder / REPORT, {"rows": dict(sorted(counts.items()))})
    made, names = _modalities(samples, known, len(variables), root)
    return Dataset(
        samples.drop(columns="subject_id"),
        made,
        source="simulated" if simulated else "mimiciv_mortality",
        simulated=simulated,
        task="classification",
        classes=2,
        notes=tuple(_notes(counts, names, rules, fewest, simulated=simulated)),
        fewest=fewest,
    )


def _sources(root: Path, rules: Rules) -> dict[str, Source]:
    """Every table that the rules need, once its columns are as they should be.

    Raises:
        ValueError: tables or columns are missing; one sentence names all of them.
    """
    refuse_version_1(root)
    wanted = [n for n in COLUMNS if n != history.NOTES or rules.notes != "none"]
    lacking = [n for n in wanted if not _is_there(root, n)]
    if lacking:
        named = "; ".join(
            f"{name}.csv.gz ({MISSING.get(name, 'it is a table of MIMIC-IV')})"
            for name in lacking
        )
        raise ValueError(
            f"{root}: death within a year cannot be predicted without {named}; put the "
            "missing tables there, or set `path` in params.yaml to a folder with them"
        )
    found = {name: Source(name, table_file(root, name), root) for name in wanted}
    for name, source in found.items():
        check_columns(source.path, COLUMNS[name])
    return found


def _is_there(root: Path, name: str) -> bool:
    return any((root / f"{name}{end}").is_file() for end in (".csv.gz", ".csv"))


def _is_made_up(cohort: Visits, root: Path, rules: Rules) -> bool:
    """Whether the simulator wrote every visit, whatever path or source says.

    Raises:
        ValueError: the rules call the tables simulated, and they are not.
    """
    if rules.simulated and not cohort.is_made_up:
        raise ValueError(
            f"{root}: the simulator did not write every visit of "
            f"{visits.ADMISSIONS}, whose {visits.MARKED} begins otherwise; set source: "
            "own, or make the simulated tree again"
        )
    return cohort.is_made_up


def _refuse_few(patients: pl.DataFrame, root: Path) -> None:
    counts = [int((patients["y"] == y).sum()) for y in (0, 1)]
    if min(counts) < len(SPLITS):
        raise ValueError(
            f"{root}: {counts[0]} patients survived the year after their last visit "
            f"and {counts[1]} did not; each of {', '.join(SPLITS)} needs one of each, "
            "so give the whole release"
        )


def _refuse_small(samples: pd.DataFrame, fewest: int, root: Path) -> None:
    """Stop where scores of a split would tell of a few real patients."""
    least = samples.groupby(["split", "y"]).size().min()
    if least < fewest:
        raise ValueError(
            f"{root}: a split has fewer than {fewest} patients of a class, whom every "
            "table would tell of; give the whole release, or set visits.small_cells: "
            "show where the data are open"
        )


def _known(
    found: Mapping[str, Source],
    used: pl.DataFrame,
    variables: tuple[Variable, ...],
    settings: Settings,
    rules: Rules,
    folder: Path,
) -> dict[str, Known]:
    """What is known, by modality; passes are kept beside the result while they run."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".passes-") as place:
        lab = history.lab_values(dict(found), variables, used, settings, Path(place))
    known = {"lab": lab}
    if rules.notes != "none":
        source = found[history.NOTES]
        known["note"] = history.summaries(source, used, settings, rules.notes)
    is_old = rules.codes == "icd9_only"
    known["code"] = history.codes(found[history.CODES], used, icd9_only=is_old)
    return known


def _silent(patients: pl.DataFrame, known: Mapping[str, Known]) -> pl.Series:
    """Patients of whom nothing is known."""
    heard = pl.concat([one.rows["subject_id"] for one in known.values()]).unique()
    return patients.filter(~pl.col("subject_id").is_in(heard.implode()))["subject_id"]


def _samples(
    patients: pl.DataFrame, known: Mapping[str, Known], root: Path
) -> pd.DataFrame:
    """The patients by number, their label and split."""
    _refuse_few(patients, root)
    numbers = patients["subject_id"].to_numpy()
    has = [
        np.isin(numbers, one.rows["subject_id"].to_numpy()) for one in known.values()
    ]
    y = patients["y"].to_numpy()
    names = numbers.astype(str).astype(object)
    return pd.DataFrame(
        {
            "id": names,
            "group": names,
            "split": patient_split(numbers, y, np.all(has, axis=0), 0),
            "y": y.astype(np.float64),
            "subject_id": numbers,
        }
    )


def _modalities(
    samples: pd.DataFrame, known: Mapping[str, Known], variables: int, root: Path
) -> tuple[dict[str, Modality], list[str]]:
    """The modalities of the patients in order, and the categories of the codes."""
    made: dict[str, Modality] = {
        "lab": lab_vectors(samples, known["lab"].rows, variables)
    }
    if "note" in known:
        texts = dict(known["note"].rows.iter_rows())
        made["note"] = Texts([texts.get(k, "") for k in samples["subject_id"]])
    made["code"], names = code_vectors(samples, known["code"].rows, root)
    return made, names


def _notes(
    counts: Mapping[str, Any],
    names: list[str],
    rules: Rules,
    fewest: int,
    *,
    simulated: bool,
) -> list[str]:
    """What was taken, and who was left out, as sentences for the tables."""
    fates = counts[visits.PATIENTS]["fates"]
    left = ", ".join(
        f"{name.replace('_', ' ')} {told(count, fewest)}"
        for name, count in fates.items()
        if name != "used"
    )
    versions = [sum(n.startswith(f"{v}_") for n in names) for v in history.VERSIONS]
    notes = [
        "a row is a patient at the last of two or more visits survived, the label "
        f"death within {visits.DAYS} days of its discharge",
        f"patients left out: {left}" if left else "no patient left out",
        f"summaries: {rules.notes}; categories of codes: {versions[0]} of ICD-9 and "
        f"{versions[1]} of ICD-10, those of the index visit included",
    ]
    differ = counts[visits.PATIENTS]["noted"].get(visits.DIFFER, 0)
    if differ:
        notes.append(
            f"days of death of {told(differ, fewest)} patients differ by more than "
            f"{visits.APART}; the earliest counts"
        )
    if not simulated:
        notes.append(
            "the 9,003 patients of I2MoE cannot be derived from what it says, so its "
            "numbers are of others"
        )
    return notes
