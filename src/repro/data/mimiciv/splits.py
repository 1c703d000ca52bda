"""Who trains, validates and tests: divisions of stays that keep patients whole."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int

from repro.records import SPLITS

FRACTIONS = (0.70, 0.15, 0.15)


def patient_split(
    patients: Int[np.ndarray, " stays"],
    y: Int[np.ndarray, " stays"],
    complete: Bool[np.ndarray, " stays"],
    seed: int,
    fractions: Sequence[float] = FRACTIONS,
) -> np.ndarray:
    """Split of each stay; all stays of a patient share it.

    Classes are spread evenly, among complete and among incomplete stays, so both
    cohorts hold every class in every split where there are patients enough.

    Departure: the study split stays, so a patient could train and test. Undone by
    `split: published`.
    """
    part = dealt(patients, _strata(y, complete), fractions, seed)
    return np.array(SPLITS)[part]


def published_split(stay_ids: Int[np.ndarray, " stays"]) -> np.ndarray:
    """Split of each stay as the study drew it: by stay, not by patient, no strata.

    Source: sorted ids, the legacy generator of seed 0, cuts at int(0.70 n) and
    int(0.85 n).

    >>> published_split(np.arange(10)).tolist().count("train")
    7
    """
    order = np.sort(stay_ids)
    np.random.RandomState(0).shuffle(order)
    count = len(order)
    first, second = int(0.70 * count), int(0.85 * count)
    split = np.full(count, SPLITS[2], dtype=object)
    split[np.isin(stay_ids, order[:first])] = SPLITS[0]
    split[np.isin(stay_ids, order[first:second])] = SPLITS[1]
    return split.astype(str)


def grouped_folds(
    patients: Int[np.ndarray, " stays"],
    y: Int[np.ndarray, " stays"],
    complete: Bool[np.ndarray, " stays"],
    folds: int,
    seed: int,
) -> Int[np.ndarray, " stays"]:
    """Fold 0 to folds - 1 of each stay; patients whole, classes spread evenly."""
    if folds < 2:
        raise ValueError(f"folds={folds} is too few; use at least 2")
    return dealt(patients, _strata(y, complete), [1 / folds] * folds, seed)


def fold_splits(
    patients: Int[np.ndarray, " stays"],
    y: Int[np.ndarray, " stays"],
    complete: Bool[np.ndarray, " stays"],
    folds: int,
    seed: int,
) -> list[np.ndarray]:
    """One split per fold: the fold is test, 1/folds of the other patients is valid."""
    fold = grouped_folds(patients, y, complete, folds, seed)
    strata = _strata(y, complete)
    splits = []
    for j in range(folds):
        rest = np.flatnonzero(fold != j)
        shares = [1 - 1 / folds, 1 / folds]
        part = dealt(patients[rest], strata[rest], shares, seed, j + 1)
        split = np.full(len(fold), SPLITS[2], dtype="<U5")
        split[rest] = np.array(SPLITS[:2])[part]
        splits.append(split)
    return splits


def dealt(
    patients: Int[np.ndarray, " stays"],
    strata: Int[np.ndarray, " stays"],
    fractions: Sequence[float],
    seed: int,
    *more: int,
) -> Int[np.ndarray, " stays"]:
    """Part of each stay: patients are dealt one by one to the part that lacks most.

    Patients of the rarest stratum come first, those with most stays before others,
    ties by a draw of `seed`. A patient goes to the part whose share of the patient's
    rarest stratum is filled least, then to the part filled least in all.

    Raises:
        ValueError: there are fewer patients than parts.
    """
    names, codes = np.unique(patients, return_inverse=True)
    if len(names) < len(fractions):
        raise ValueError(
            f"{len(fractions)} parts are asked for, {len(names)} patients are there; "
            "ask for fewer folds or give more data"
        )
    counts = np.zeros((len(names), int(strata.max()) + 1), dtype=np.int64)
    np.add.at(counts, (codes, strata), 1)
    totals = counts.sum(axis=0)
    rarest = np.where(counts > 0, totals, totals.sum() + 1).argmin(axis=1)
    generator = np.random.default_rng(np.random.SeedSequence([seed, *more]))
    draw = generator.permutation(len(names))
    order = np.lexsort((draw, -counts.sum(axis=1), rarest, totals[rarest]))
    shares = np.asarray(fractions, dtype=np.float64)
    filled = np.zeros((len(shares), counts.shape[1]))
    part = np.zeros(len(names), dtype=np.int64)
    for patient in order:
        own = filled[:, rarest[patient]] / shares
        overall = filled.sum(axis=1) / shares
        part[patient] = np.lexsort((overall, own))[0]
        filled[part[patient]] += counts[patient]
    return part[codes]


def _strata(
    y: Int[np.ndarray, " stays"], complete: Bool[np.ndarray, " stays"]
) -> Int[np.ndarray, " stays"]:
    return 2 * y.astype(np.int64) + complete
