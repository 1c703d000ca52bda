"""No count of few real patients is told, nor follows from what is."""

from collections.abc import Mapping
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from repro.params import load
from repro.records import SPLITS
from repro.results.small_cells import (
    ALL,
    FEWEST,
    TOTAL,
    Cell,
    hidden_cells,
    of_patients,
    protects,
)
from tests.pipeline_graph import ROOT
from tests.repro.small_study import small_params

COLUMNS = (ALL, *SPLITS)


def cohort(counts: np.ndarray) -> pd.DataFrame:
    """One patient per stay; `counts` are of classes by splits."""
    rows = [
        (y, split)
        for (y, k), count in np.ndenumerate(counts)
        for split in [SPLITS[k]] * count
    ]
    frame = pd.DataFrame(rows, columns=["y", "split"]).astype({"y": float})
    return frame.assign(id=range(len(frame)), group=range(len(frame)))


def count(samples: pd.DataFrame, row: str, column: str) -> int:
    """Patients of a cell."""
    chosen = samples if row == TOTAL else samples[samples["y"] == float(row[6:])]
    return len(chosen if column == ALL else chosen[chosen["split"] == column])


def rows_of(classes: int) -> list[str]:
    """Names of the rows of a table."""
    return [*(f"class_{k}" for k in range(classes)), TOTAL]


def test_one_small_class_takes_the_next_one_along() -> None:
    # Patients of the open demo by class, by hand: 5 is small, 15 would tell it.
    frame = cohort(np.array([[19, 0, 0], [35, 0, 0], [15, 0, 0], [5, 0, 0]]))
    hidden = hidden_cells({"demo": frame.drop(columns="split")}, 4)
    assert hidden == {("demo", "class_2", ALL), ("demo", "class_3", ALL)}


def test_nothing_is_hidden_where_every_cell_is_large() -> None:
    every = cohort(np.full((4, 3), 40))
    half = every[every["id"] % 2 == 0]
    assert hidden_cells({"icu_all": every, "icu_complete": half}, 4) == frozenset()


def test_patients_count_and_not_stays() -> None:
    frame = cohort(np.full((2, 3), 30))
    few = (frame["y"] == 1) & (frame["split"] == "test")
    frame.loc[few, "group"] = 1000 + np.arange(30) // 4  # 30 stays of 8 patients
    assert ("a", "class_1", "test") in hidden_cells({"a": frame}, 2)


def test_the_difference_of_two_cohorts_is_a_cell_too() -> None:
    every = cohort(np.full((3, 3), 60))
    first = every.index[(every["y"] == 0) & (every["split"] == "train")]
    complete = every.drop(index=first[:4])  # four patients lack a modality
    assert hidden_cells({"icu_all": every}, 3) == frozenset()
    hidden = hidden_cells({"icu_all": every, "icu_complete": complete}, 3)
    assert any(cell[1:] == ("class_0", "train") for cell in hidden)
    assert any(cell[1:] == (TOTAL, ALL) for cell in hidden)  # 540 and 536


def bounds(
    cohorts: Mapping[str, pd.DataFrame],
    hidden: frozenset[Cell],
    asked: Mapping[Cell, int],
) -> tuple[float, float]:
    """Least and most that a sum of inner cells can be, given all that is shown.

    Independent of the code: a linear program over the cells of a class and a split.
    """
    names, classes = list(cohorts), 3
    # Of two nested cohorts the variables are the smaller one and what it lacks.
    keys = list(product(names, range(classes), SPLITS))
    place = {key: k for k, key in enumerate(keys)}

    def row(name: str, r: str, c: str) -> np.ndarray:
        found = np.zeros(len(keys))
        inside = names if name == "icu_all" else ["icu_complete"]
        for owner, k, split in keys:
            fits = r in (TOTAL, f"class_{k}") and c in (ALL, split)
            if owner in inside and fits:
                found[place[owner, k, split]] = 1
        return found

    shown = [
        (name, r, c)
        for name, r, c in product(names, rows_of(classes), COLUMNS)
        if (name, r, c) not in hidden
    ]
    system = np.array([row(*cell) for cell in shown]).reshape(len(shown), len(keys))
    values = [count(cohorts[name], r, c) for name, r, c in shown]
    target = sum(weight * row(*cell) for cell, weight in asked.items())
    given = {"A_eq": system, "b_eq": values} if shown else {}
    least = linprog(target, **given).fun
    most = linprog(-target, **given)
    return float(least), float("inf") if most.status == 3 else -float(most.fun)


@pytest.mark.parametrize("seed", range(12))
def test_no_small_cell_follows_from_what_is_shown(seed: int) -> None:
    draw = np.random.default_rng(seed)
    every = cohort(draw.integers(0, 45, (3, 3)))
    complete = every[draw.random(len(every)) < draw.choice([0.5, 0.9])]
    cohorts = {"icu_all": every, "icu_complete": complete}
    hidden = hidden_cells(cohorts, 3)
    for name, r, c in product(cohorts, rows_of(3), COLUMNS):
        found = count(cohorts[name], r, c)
        if found < FEWEST:
            assert (name, r, c) in hidden
            least, most = bounds(cohorts, hidden, {(name, r, c): 1})
            assert most - least >= 1, (name, r, c, found)
        rest = count(every, r, c) - count(complete, r, c)
        if name == "icu_all" and 0 < rest < FEWEST:
            asked = {("icu_all", r, c): 1, ("icu_complete", r, c): -1}
            least, most = bounds(cohorts, hidden, asked)
            assert most - least >= 1, (r, c, rest)


def test_the_linear_program_would_find_a_cell_that_follows() -> None:
    every = cohort(np.array([[30, 30, 30], [30, 30, 30], [5, 30, 30]]))
    small = ("icu_all", "class_2", "train")
    cohorts = {"icu_all": every, "icu_complete": every.iloc[:0]}
    none = frozenset(("icu_complete", r, c) for r, c in product(rows_of(3), COLUMNS))
    assert bounds(cohorts, none | {small}, {small: 1}) == (5, 5)


def test_only_real_patients_are_protected() -> None:
    params = small_params((0,))
    assert protects(params, "icu_all", simulated=False)
    assert not protects(params, "icu_all", simulated=True)
    assert not protects(params, "mosi", simulated=False)
    shown = params.clinical.model_copy(update={"small_cells": "show"})
    params = params.model_copy(update={"clinical": shown})
    assert not protects(params, "icu_all", simulated=False)


def test_folders_of_patients_are_protected_unless_open() -> None:
    params = load(ROOT / "params.yaml")
    real = [
        name
        for name in (*params.datasets.folders, "icu_all", "mosi")
        if of_patients(params, name, simulated=False)
    ]
    assert real == ["adni", "mortality", "icu_all"]
    assert not of_patients(params, "mortality", simulated=True)
    folder = params.datasets.folders["mortality"]
    assert folder.visits is not None
    rules = folder.visits.model_copy(update={"small_cells": "show"})
    folders = {"mortality": folder.model_copy(update={"visits": rules})}
    datasets = params.datasets.model_copy(update={"folders": folders})
    told = params.model_copy(update={"datasets": datasets})
    assert not of_patients(told, "mortality", simulated=False)
