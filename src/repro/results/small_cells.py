"""Which counts of patients stay unsaid: small ones, and those that would tell them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro.params import Params
from repro.records import SPLITS

FEWEST = 10  # patients of a cell that is shown
ALL = "stays"  # the column of all splits together
TOTAL = "total"  # the row of all classes together
NOTE = (
    f"cells of fewer than {FEWEST} patients, and others from which they would follow, "
    "are left out"
)
CLINICAL = ("adni", "mimiciv_mortality")  # layouts of folders
Cell = tuple[str, str, str]  # cohort, row, column


def protects(params: Params, dataset: str, *, simulated: bool) -> bool:
    """Whether small cells of a data set are left out: those of real patients.

    Data of anyone may be shown whole where `clinical.small_cells` says so.
    """
    is_asked = params.clinical.small_cells == "suppress"
    return dataset in params.datasets.stays and not simulated and is_asked


def of_patients(params: Params, dataset: str, *, simulated: bool) -> bool:
    """Whether rows are of real patients, who are not told by fewer than `FEWEST`.

    Data of anyone may be shown whole where `small_cells` of the stays or of the visits
    says so.
    """
    folder = params.datasets.folders.get(dataset)
    if folder is None:
        return protects(params, dataset, simulated=simulated)
    is_open = folder.visits is not None and folder.visits.small_cells == "show"
    return folder.layout in CLINICAL and not simulated and not is_open


@dataclass(frozen=True)
class _Tally:
    """Patients of every cell, and cells that add up to another one.

    Of an equation the last cell is the sum of the others. `unsaid` are cells that no
    table has, such as the stays of one cohort that another one lacks.
    """

    patients: Mapping[Cell, int]
    equations: Sequence[Sequence[Cell]]
    unsaid: frozenset[Cell]


def hidden_cells(cohorts: Mapping[str, pd.DataFrame], classes: int) -> frozenset[Cell]:
    """Cells of a table of stays by class and split that are left out.

    `cohorts` have the columns id, group, split and y, or no split where that differs
    by fold. First the cells of fewer than `FEWEST` patients go, then more, the smallest
    first, until no small one follows from what is left by sums over classes and splits
    or by the difference of two cohorts, not even as the sum of several.

    >>> rows = [(k, k, "test", 0.0) for k in range(30)]
    >>> rows += [(k, k, "test", float(k > 33)) for k in range(30, 50)]
    >>> frame = pd.DataFrame(rows, columns=["id", "group", "split", "y"])
    >>> sorted(hidden_cells({"a": frame.drop(columns="split")}, 2))
    []
    """
    tally = _tally(cohorts, classes)
    hidden = {
        cell
        for cell, count in tally.patients.items()
        if cell not in tally.unsaid and count < FEWEST
    }
    while (more := _next(tally, hidden)) is not None:
        hidden.add(more)
    # Some that were hidden on the way protect nothing in the end.
    for cell in sorted(hidden, key=lambda c: (-tally.patients[c], c)):
        is_small = tally.patients[cell] < FEWEST
        if not is_small and _next(tally, hidden - {cell}) is None:
            hidden.remove(cell)
    return frozenset(hidden)


def _tally(cohorts: Mapping[str, pd.DataFrame], classes: int) -> _Tally:
    members: dict[Cell, set] = {}
    people: dict[Cell, int] = {}
    equations: list[tuple[Cell, ...]] = []
    for name, samples in cohorts.items():
        columns = [ALL, *(SPLITS if "split" in samples else ())]
        for cell, part in _cells(name, samples, columns, classes):
            members[cell], people[cell] = set(part["id"]), part["group"].nunique()
        equations += _sums(name, columns, classes)
    owner = dict(pair for s in cohorts.values() for pair in s[["id", "group"]].values)
    unsaid = set()
    for small, large in ((a, b) for a in cohorts for b in cohorts if a != b):
        for cell in [c for c in members if c[0] == small]:
            whole = (large, *cell[1:])
            if whole in members and members[cell] <= members[whole]:
                rest = (f"{large} without {small}", *cell[1:])
                left = members[whole] - members[cell]
                people[rest] = len({owner[k] for k in left})
                unsaid.add(rest)
                equations.append((cell, rest, whole))
    return _Tally(people, equations, frozenset(unsaid))


def _cells(
    name: str, samples: pd.DataFrame, columns: Sequence[str], classes: int
) -> Iterator[tuple[Cell, pd.DataFrame]]:
    for k in [*range(classes), None]:
        row = TOTAL if k is None else f"class_{k}"
        chosen = samples if k is None else samples[samples["y"] == k]
        for column in columns:
            part = chosen if column == ALL else chosen[chosen["split"] == column]
            yield (name, row, column), part


def _sums(
    name: str, columns: Sequence[str], classes: int
) -> Iterator[tuple[Cell, ...]]:
    rows = [*(f"class_{k}" for k in range(classes)), TOTAL]
    for column in columns:
        yield tuple((name, row, column) for row in rows)
    for row in rows if len(columns) > 1 else ():
        yield tuple((name, row, column) for column in (*columns[1:], ALL))


def _next(tally: _Tally, hidden: set[Cell]) -> Cell | None:
    """The next cell to hide, or None when no small one follows from the others."""
    unknown = sorted(hidden | tally.unsaid)
    moves = dict(zip(unknown, _free(tally.equations, unknown), strict=True))
    for cell in unknown:
        nobody = cell in tally.unsaid and not tally.patients[cell]
        if tally.patients[cell] < FEWEST and not moves[cell] and not nobody:
            return _chosen([cell], tally, hidden)
    for equation in tally.equations:
        left = [c for c in equation if moves.get(c, False)]
        if _tells(equation, left, tally):
            return _chosen([c for c in equation if c not in left], tally, hidden)
    return None


def _tells(equation: Sequence[Cell], left: Sequence[Cell], tally: _Tally) -> bool:
    """Whether how few patients the unknown parts have together follows from the rest.

    A difference of cohorts that is nobody says nothing of anyone.
    """
    count = sum(tally.patients[cell] for cell in left)
    is_only_rest = all(cell in tally.unsaid for cell in left)
    follows = bool(left) and equation[-1] not in left
    return follows and count < FEWEST and not (is_only_rest and not count)


def _chosen(known: Sequence[Cell], tally: _Tally, hidden: set[Cell]) -> Cell | None:
    """The smallest shown cell among these, or among those that they follow from."""
    near = [c for e in tally.equations if set(known) & set(e) for c in e]
    every = [c for equation in tally.equations for c in equation]
    for cells in (known, near, every):
        found = _smallest(cells, tally, hidden)
        if found is not None:
            return found
    return None


def _smallest(cells: Sequence[Cell], tally: _Tally, hidden: set[Cell]) -> Cell | None:
    """The shown cell of fewest patients; one of a single class and split first."""
    shown = [c for c in cells if c not in hidden and c not in tally.unsaid]
    key = {c: (c[1] == TOTAL, c[2] == ALL, tally.patients[c], c) for c in shown}
    return min(shown, key=key.__getitem__, default=None)


def _free(equations: Sequence[Sequence[Cell]], unknown: Sequence[Cell]) -> list[bool]:
    """Whether each unknown cell can take more than one value."""
    place = {cell: k for k, cell in enumerate(unknown)}
    system = np.zeros((len(equations), len(unknown)))
    for row, (*parts, whole) in zip(system, equations, strict=True):
        for cell in parts:
            if cell in place:
                row[place[cell]] = 1.0
        if whole in place:
            row[place[whole]] = -1.0
    return (np.abs(_null_space(system)).sum(axis=1) > 1e-8).tolist()


def _null_space(
    system: Float[np.ndarray, "equations cells"],
) -> Float[np.ndarray, "cells directions"]:
    if not system.size:
        return np.ones((system.shape[1], 1))
    _, values, directions = np.linalg.svd(system)
    rank = int((values > 1e-8).sum())
    return directions[rank:].T
