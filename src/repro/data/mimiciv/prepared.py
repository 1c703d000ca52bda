"""From the ingested folder to the samples, series and objects of a cohort."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repro import files
from repro.data.mimiciv.cohort import CLASSES
from repro.data.mimiciv.splits import fold_splits, patient_split, published_split
from repro.data.preparing import read_ragged, write_ragged
from repro.records import SPLITS, Ragged

OBJECTS = {"text": "text", "cxr": "path", "ecg": "path"}
_FILES = {"text": "notes", "cxr": "cxr", "ecg": "ecg"}
_CHOICES = {"split": ("patient", "published"), "evaluation": ("holdout", "grouped_cv")}


@dataclass(frozen=True)
class IcuDataset:
    """One division of a cohort: samples, series with NaN where unobserved, objects.

    `samples` has id, group, split, y and `present_<modality>`; row i of every series
    belongs to row i of `samples`. `variables` names the columns of each series.
    Objects have id, hours and text or path, in the order of samples, then hours.
    """

    samples: pd.DataFrame
    events: Mapping[str, Ragged]
    objects: Mapping[str, pd.DataFrame]
    variables: Mapping[str, list[str]]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def modalities(self) -> list[str]:
        """Names of the modalities, in order."""
        return [*self.events, *self.objects]


def cohort_dataset(
    folder: Path,
    complete: bool,
    split: str = "patient",
    evaluation: str = "holdout",
    folds: int = 5,
    divide_series: bool = False,
    seed: int = 0,
) -> list[IcuDataset]:
    """The cohort as one part (holdout) or as `folds` parts (grouped_cv).

    `complete` keeps the stays that have every modality. `divide_series` makes the
    series two modalities, vitals and labs. A modality that no stay has is left out
    and noted.

    Raises:
        ValueError: a choice is unknown, a modality empties the complete cohort, or
            under holdout a split lacks a class.
    """
    _check_choices(split=split, evaluation=evaluation)
    if split == "published" and evaluation == "grouped_cv":
        raise ValueError(
            "split='published' is one division of stays, grouped_cv needs patients; "
            "use split: patient or evaluation: holdout"
        )
    stays = files.read_table(folder / "stays.parquet")
    series, variables = _all_series(folder, stays, divide_series)
    tables = {name: _objects(folder, name) for name in OBJECTS}
    present = {name: ragged.lengths > 0 for name, ragged in series.items()}
    present |= {name: stays["stay_id"].isin(t["id"]) for name, t in tables.items()}
    has = pd.DataFrame({name: np.asarray(p, bool) for name, p in present.items()})
    chosen = _chosen(has, complete, folder)
    divisions = _divisions(stays, has, chosen, split, evaluation, folds, seed)
    kept = [name for name in has if has.loc[chosen, name].any()]
    notes = [f"{name}: no stay has it; left out" for name in has if name not in kept]
    owners = stays["stay_id"][chosen].to_numpy()
    cut = {n: _rows_of(series[n], chosen) for n in series if n in kept}
    held = {n: _in_order(tables[n], owners) for n in tables if n in kept}
    warnings = tuple(files.read_json(folder / "report.json")["warnings"])
    parts = []
    for number, division in enumerate(divisions):
        samples = _samples(stays, has[kept], chosen, division)
        cohort = "complete" if complete else "all"
        missing = _missing_classes(samples, cohort, evaluation, number)
        told = (*notes, *missing)
        columns = {name: variables[name] for name in cut}
        parts.append(IcuDataset(samples, cut, held, columns, told, warnings))
    return parts


class EmptyCohort(ValueError):
    """No stay is left of a cohort; says by which modality."""


def write(dataset: IcuDataset, folder: Path, meta: Mapping[str, Any]) -> None:
    """Write samples.parquet, meta.json and one file per modality.

    Files of modalities that the data set no longer has are removed.
    """
    files.write_table(folder / "samples.parquet", dataset.samples)
    for name, ragged in dataset.events.items():
        write_ragged(folder / f"{name}.safetensors", ragged)
    for name, table in dataset.objects.items():
        files.write_table(folder / f"{name}.parquet", table)
    files.write_json(folder / "meta.json", dict(meta) | described(dataset))
    kept = {"samples", *dataset.modalities}
    for path in folder.iterdir():
        if path.suffix in (".parquet", ".safetensors") and path.stem not in kept:
            path.unlink()


def read(folder: Path) -> tuple[IcuDataset, dict[str, Any]]:
    """What `write` wrote, and its meta.

    Raises:
        ValueError: a file is missing or cut short.
    """
    meta = files.read_json(folder / "meta.json")
    if reason := meta.get("empty"):
        raise EmptyCohort(reason)
    events = {n: read_ragged(folder / f"{n}.safetensors") for n in meta["variables"]}
    objects = {
        name: files.read_table(folder / f"{name}.parquet")
        for name in meta["modalities"]
        if name not in events
    }
    dataset = IcuDataset(
        files.read_table(folder / "samples.parquet"),
        {name: events[name] for name in meta["modalities"] if name in events},
        objects,
        meta["variables"],
        tuple(meta["notes"]),
        tuple(meta["warnings"]),
    )
    return dataset, meta


def described(dataset: IcuDataset) -> dict[str, Any]:
    """Meta of a data set: task, modalities, kinds, sizes and what was met."""
    kinds = dict.fromkeys(dataset.events, "events")
    kinds |= {n: "documents" if n == "text" else "objects" for n in dataset.objects}
    counts = dataset.samples["split"].value_counts()
    return {
        "task": "classification",
        "classes": CLASSES,
        "modalities": dataset.modalities,
        "kinds": kinds,
        "features": {n: r.values.shape[1] for n, r in dataset.events.items()},
        "variables": dict(dataset.variables),
        "units": {"y": "class of the length of stay", "times": "hours"},
        "samples": {split: int(counts.get(split, 0)) for split in SPLITS},
        "notes": list(dataset.notes),
        "warnings": list(dataset.warnings),
    }


def _check_choices(**given: str) -> None:
    for name, value in given.items():
        if value not in _CHOICES[name]:
            accepted = ", ".join(_CHOICES[name])
            raise ValueError(f"{name}={value!r} is unknown; use one of {accepted}")


def _all_series(
    folder: Path, stays: pd.DataFrame, divide: bool
) -> tuple[dict[str, Ragged], dict[str, list[str]]]:
    table = files.read_table(folder / "events.parquet")
    described = files.read_json(folder / "variables.json")
    names, kinds = np.array(described["names"]), np.array(described["kinds"])
    chosen = {"timeseries": np.arange(len(names))}
    if divide:
        chosen = {k: np.flatnonzero(kinds == k) for k in ("vitals", "labs")}
    order = stays["stay_id"].to_numpy()
    series = {name: _series(table, order, columns) for name, columns in chosen.items()}
    return series, {name: names[c].tolist() for name, c in chosen.items()}


def _series(table: pd.DataFrame, stay_ids: np.ndarray, columns: np.ndarray) -> Ragged:
    """Rows per distinct time of a stay; the table is sorted by stay and hours."""
    table = table[table["variable"].isin(columns)]
    stay, hours = table["stay_id"].to_numpy(), table["hours"].to_numpy()
    new = np.ones(len(table), dtype=bool)
    new[1:] = (stay[1:] != stay[:-1]) | (hours[1:] != hours[:-1])
    row = np.cumsum(new) - 1
    values = np.full((int(new.sum()), len(columns)), np.nan, dtype=np.float32)
    place = np.searchsorted(columns, table["variable"].to_numpy())
    values[row, place] = table["value"].to_numpy()
    offsets = np.searchsorted(stay[new], np.append(stay_ids, np.iinfo(np.int64).max))
    return Ragged(values, offsets.astype(np.int64), hours[new])


def _objects(folder: Path, name: str) -> pd.DataFrame:
    table = files.read_table(folder / f"{_FILES[name]}.parquet")
    return table[["stay_id", "hours", OBJECTS[name]]].rename(columns={"stay_id": "id"})


def _chosen(has: pd.DataFrame, complete: bool, folder: Path) -> np.ndarray:
    if not complete:
        return np.flatnonzero(has.any(axis=1).to_numpy())
    left = np.ones(len(has), dtype=bool)
    for name in has:
        before, left = left, left & has[name].to_numpy()
        if not left.any():
            raise EmptyCohort(
                f"{folder}: the complete cohort is empty: of {int(before.sum())} stays "
                f"with the modalities before it none has {name}; give the root of "
                f"{name} or use the cohort of all stays"
            )
    return np.flatnonzero(left)


def _divisions(
    stays: pd.DataFrame,
    has: pd.DataFrame,
    chosen: np.ndarray,
    split: str,
    evaluation: str,
    folds: int,
    seed: int,
) -> list[np.ndarray]:
    """Splits of the chosen stays; patients are dealt over all stays, once for both."""
    if split == "published":
        return [published_split(stays["stay_id"].to_numpy()[chosen])]
    people, y = stays["subject_id"].to_numpy(), stays["y"].to_numpy()
    full = has.all(axis=1).to_numpy()
    if evaluation == "holdout":
        return [patient_split(people, y, full, seed)[chosen]]
    return [part[chosen] for part in fold_splits(people, y, full, folds, seed)]


def _samples(
    stays: pd.DataFrame, has: pd.DataFrame, chosen: np.ndarray, split: np.ndarray
) -> pd.DataFrame:
    rows = stays.iloc[chosen]
    samples = pd.DataFrame(
        {
            "id": rows["stay_id"].astype(str).to_numpy(),
            "group": rows["subject_id"].astype(str).to_numpy(),
            "split": split,
            "y": rows["y"].to_numpy(np.float64),
        }
    )
    for name in has:
        samples[f"present_{name}"] = has[name].to_numpy()[chosen]
    return samples


def _rows_of(ragged: Ragged, chosen: np.ndarray) -> Ragged:
    keep = np.zeros(len(ragged.lengths), dtype=bool)
    keep[chosen] = True
    rows = np.repeat(keep, ragged.lengths)
    offsets = np.concatenate([[0], np.cumsum(ragged.lengths[keep])]).astype(np.int64)
    times = None if ragged.times is None else ragged.times[rows]
    return Ragged(ragged.values[rows], offsets, times)


def _in_order(table: pd.DataFrame, owners: np.ndarray) -> pd.DataFrame:
    kept = table[table["id"].isin(owners)].reset_index(drop=True)
    return kept.assign(id=kept["id"].astype(str))


def _missing_classes(
    samples: pd.DataFrame, cohort: str, evaluation: str, number: int
) -> list[str]:
    """Sentences about classes that a split lacks; under holdout they stop the run.

    Raises:
        ValueError: evaluation is holdout and a split lacks a class.
    """
    notes = []
    for name in SPLITS:
        seen = set(samples.loc[samples["split"] == name, "y"].astype(int))
        for y in sorted(set(range(CLASSES)) - seen):
            message = f"cohort {cohort}: {name} has no stay of class {y}"
            if evaluation == "holdout":
                raise ValueError(
                    f"{message}; use evaluation: grouped_cv or give more data"
                )
            notes.append(f"fold {number}: {message}")
    return notes
