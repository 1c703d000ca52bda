"""Numbers of a table that few patients would be told by, and notes that tell them."""

import re

import numpy as np
import pandas as pd

from repro.metrics.scores import known_metric
from repro.params import Params
from repro.results import small_cells
from repro.tables.cohorts import read_cohort
from repro.tables.labels import TESTED, VERSUS
from repro.tables.rows import NOTE_SEPARATOR, joined_notes

# With the accuracy it tells the recall of a class that is left out.
MEAN_OF_CLASSES = "balanced_accuracy"
MAJORITY = "majority"  # its accuracy is the share of one class
OWN = (
    *("mean", "sd", "n", "lower", "upper", "p", "p_holm", "difference"),
    *("verdict", "condition"),
)
_COUNTED = re.compile(r"(\d+) samples without any modality are excluded")
_NOBODY = re.compile(r"no (test )?stay of ")


def protected_blocks(rows: pd.DataFrame, params: Params) -> pd.Series:
    """Which rows are of real patients whose small cells are left out."""
    told = [
        small_cells.protects(params, dataset, simulated=bool(simulated))
        for dataset, simulated in zip(rows["dataset"], rows["simulated"], strict=True)
    ]
    return pd.Series(told, index=rows.index, dtype=bool)


def suppressed(rows: pd.DataFrame, params: Params) -> pd.DataFrame:
    """The rows without scores and notes that tell of few patients.

    Where a class has too few test patients, no score of one class is told, nor their
    mean, nor how the majority class alone would do: counts would follow from them and
    the accuracy. Counts of stays come without small cells already.
    """
    rows = rows.reset_index(drop=True)
    is_protected = protected_blocks(rows, params)
    parts = [rows[~is_protected]]
    for dataset, block in rows[is_protected].groupby("dataset", sort=False):
        parts.append(_of_patients(block, str(dataset), params))
    return pd.concat(parts).sort_index()


def stale(kept: pd.DataFrame, params: Params) -> pd.Series:
    """Rows of real patients that an earlier run wrote with their small cells."""
    is_told = ~kept["notes"].str.contains(small_cells.NOTE, regex=False)
    return protected_blocks(kept, params) & is_told.astype(bool)


def _of_patients(block: pd.DataFrame, dataset: str, params: Params) -> pd.DataFrame:
    cohort = read_cohort(params, dataset)
    tested = cohort.samples
    if not cohort.is_cross_validated:
        tested = tested[tested["split"] == "test"]
    people = [
        tested["group"][tested["y"] == k].nunique() for k in range(len(cohort.classes))
    ]
    hidden = pd.Series(data=False, index=block.index)
    if min(people) < small_cells.FEWEST:
        hidden = block["metric"].map(_is_of_classes).astype(bool)
        hidden |= block["row"] == MAJORITY
    if tested["group"].nunique() < small_cells.FEWEST:
        hidden = ~block["metric"].str.startswith(("stays", "share"))
    block = block.assign(notes=block["notes"].map(_without_counts))
    left = block[hidden & block["published_mean"].notna()]
    for column in OWN:
        left = left.assign(**{column: "" if block[column].dtype == object else np.nan})
    left = left.astype(block.dtypes)
    left = left.assign(verdict="not comparable", condition=small_cells.NOTE)
    return pd.concat([block[~hidden], left]).sort_index()


def _is_of_classes(metric: str) -> bool:
    known = known_metric(metric.partition(VERSUS)[0])
    return known is not None and (known.of_each_class or known.name == MEAN_OF_CLASSES)


def _without_counts(notes: str) -> str:
    """The notes but for those that count few patients, or nobody in a class.

    >>> told = _without_counts("3 samples without any modality are excluded | frozen")
    >>> told.removesuffix(small_cells.NOTE)
    'frozen | '
    """
    kept = [note for note in notes.split(NOTE_SEPARATOR) if not _tells(note)]
    more = [] if small_cells.NOTE in kept else [small_cells.NOTE]
    return joined_notes(*kept, *more)


def _tells(note: str) -> bool:
    counted = _COUNTED.fullmatch(note)
    if counted is not None:
        return int(counted[1]) < small_cells.FEWEST
    if TESTED.fullmatch(note):
        return any(int(n) < small_cells.FEWEST for n in re.findall(r"\d+", note)[:2])
    return _NOBODY.search(note) is not None
