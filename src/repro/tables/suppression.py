"""Numbers of a table that few patients would be told by, and notes that tell them."""

import re
from functools import partial

import numpy as np
import pandas as pd

from repro.metrics.scores import known_metric
from repro.params import Params
from repro.results.small_cells import ALL, FEWEST, NOTE, TOTAL, protects
from repro.tables.cohorts import CohortFiles, read_cohort
from repro.tables.labels import TESTED, VERSUS
from repro.tables.rows import NOTE_SEPARATOR, joined_notes
from repro.tables.stays_by_class import protected_of

# With the accuracy it tells the recall of a class that is left out.
MEAN_OF_CLASSES = "balanced_accuracy"
MAJORITY = "majority"  # its accuracy is the share of one class
OWN = (
    *("mean", "sd", "n", "lower", "upper", "p", "p_holm", "difference"),
    *("verdict", "condition"),
)
_COUNTED = re.compile(r"(\d+) samples without any modality are excluded")
_CROSSED = re.compile(r"over \d+ stays of \d+ ")
_STAYS = r"^\d+ stays"  # of a condition
_NOBODY = re.compile(r"no (test )?stay of ")


def protected_blocks(rows: pd.DataFrame, params: Params) -> pd.Series:
    """Which rows are of real patients whose small cells are left out."""
    told = [
        protects(params, dataset, simulated=bool(simulated))
        for dataset, simulated in zip(rows["dataset"], rows["simulated"], strict=True)
    ]
    return pd.Series(told, index=rows.index, dtype=bool)


def suppressed(rows: pd.DataFrame, params: Params) -> pd.DataFrame:
    """The rows without scores and notes that tell of few patients.

    Where the test stays of a class are not told, no score of one class is, nor their
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
    is_told = ~kept["notes"].str.contains(NOTE, regex=False)
    return protected_blocks(kept, params) & is_told.astype(bool)


def _of_patients(block: pd.DataFrame, dataset: str, params: Params) -> pd.DataFrame:
    cohort = read_cohort(params, dataset)
    cells = protected_of(params, list(params.datasets.stays)).hidden
    unsaid = {(row, column) for name, row, column in cells if name == dataset}
    tested = ALL if cohort.is_cross_validated else "test"
    hidden = pd.Series(data=False, index=block.index)
    if any((f"class_{k}", tested) in unsaid for k in range(len(cohort.classes))):
        hidden = block["metric"].map(_is_of_classes).astype(bool)
        hidden |= block["row"] == MAJORITY
    if _patients(cohort) < FEWEST:
        hidden = ~block["metric"].str.startswith(("stays", "share"))
    if (TOTAL, ALL) in unsaid:
        told = block["condition"].str.replace(_STAYS, "other stays", regex=True)
        block = block.assign(condition=told)
    is_unsaid = ((TOTAL, tested) in unsaid, (TOTAL, ALL) in unsaid)
    told = block["notes"].map(partial(_without_counts, is_unsaid=is_unsaid))
    return _without(block.assign(notes=told), hidden)


def _patients(cohort: CohortFiles) -> int:
    """Patients that are tested."""
    samples = cohort.samples
    if not cohort.is_cross_validated:
        samples = samples[samples["split"] == "test"]
    return int(samples["group"].nunique())


def _without(block: pd.DataFrame, hidden: pd.Series) -> pd.DataFrame:
    """The rows that are not hidden; of the others the printed numbers alone."""
    left = block[hidden & block["published_mean"].notna()]
    for column in OWN:
        left = left.assign(**{column: "" if block[column].dtype == object else np.nan})
    left = left.astype(block.dtypes)
    left = left.assign(verdict="not comparable", condition=NOTE)
    return pd.concat([block[~hidden], left]).sort_index()


def _is_of_classes(metric: str) -> bool:
    known = known_metric(metric.partition(VERSUS)[0])
    return known is not None and (known.of_each_class or known.name == MEAN_OF_CLASSES)


def _without_counts(notes: str, is_unsaid: tuple[bool, bool]) -> str:
    """The notes but for those that count few patients, or nobody in a class.

    `is_unsaid` tells whether the tested and all stays together are left out.

    >>> told = "3 samples without any modality are excluded | 31 test stays of 24 men"
    >>> _without_counts(told, (False, True)).removesuffix(NOTE)
    '31 test stays of 24 men | '
    """
    kept = [n for n in notes.split(NOTE_SEPARATOR) if not _tells(n, *is_unsaid)]
    return joined_notes(*kept, *([] if NOTE in kept else [NOTE]))


def _tells(note: str, is_tested_unsaid: bool, is_total_unsaid: bool) -> bool:
    counted = _COUNTED.fullmatch(note)
    if counted is not None:
        return int(counted[1]) < FEWEST
    if TESTED.fullmatch(note):
        return is_tested_unsaid
    if _CROSSED.search(note):
        return is_total_unsaid
    return _NOBODY.search(note) is not None
