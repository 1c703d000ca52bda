"""Laboratory values and codes of patients as vectors, one for each who has any."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from jaxtyping import Bool, Float

from repro.records import Ragged

LEAST = 10  # train patients of a category that is a feature


def lab_vectors(samples: pd.DataFrame, rows: pl.DataFrame, variables: int) -> Ragged:
    """Last values, means and presence of all variables; what lacks is the train mean.

    So it is 0 once the features are on the scale of train.
    """
    place = pd.Index(samples["subject_id"]).get_indexer(pd.Index(rows["subject_id"]))
    number = rows["variable"].to_numpy()
    values = np.full((len(samples), 2, variables), np.nan)
    for k, column in enumerate(("last", "mean")):
        values[place, k, number] = rows[column].to_numpy()
    is_seen = np.isfinite(values[:, 0])
    is_train = (samples["split"] == "train").to_numpy()
    seen = is_seen[is_train].sum(axis=0)
    total = np.nansum(values[is_train], axis=0)
    mean = np.divide(total, seen, out=np.zeros_like(total), where=seen > 0)
    filled = np.where(np.isfinite(values), values, mean).reshape(len(samples), -1)
    return _vectors(np.hstack([filled, is_seen]), is_seen.any(axis=1))


def code_vectors(
    samples: pd.DataFrame, rows: pl.DataFrame, root: Path
) -> tuple[Ragged, list[str]]:
    """Which category each patient has, of those of enough train patients; their names.

    Raises:
        ValueError: there is none such.
    """
    place = pd.Index(samples["subject_id"]).get_indexer(pd.Index(rows["subject_id"]))
    is_train = (samples["split"] == "train").to_numpy()
    own = rows.filter(pl.Series(is_train[place]))
    counts = own.group_by("code").len().filter(pl.col("len") >= LEAST)
    names = counts["code"].sort().to_list()
    if not names:
        raise ValueError(
            f"{root}: no category of codes stands with {LEAST} or more patients of "
            "train; give the whole release"
        )
    column = pd.Index(names).get_indexer(pd.Index(rows["code"]))
    values = np.zeros((len(samples), len(names)))
    values[place[column >= 0], column[column >= 0]] = 1.0
    has = np.zeros(len(samples), dtype=bool)
    has[place] = True
    return _vectors(values, has), names


def _vectors(
    values: Float[np.ndarray, "patients features"],
    has: Bool[np.ndarray, " patients"],
) -> Ragged:
    """One row for each patient who has the modality."""
    offsets = np.concatenate([[0], np.cumsum(has)]).astype(np.int64)
    return Ragged(values[has].astype(np.float32), offsets)
