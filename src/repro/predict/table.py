"""The table of predictions: one row per method, seed and id."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro.cells.writing import prediction_columns
from repro.files import write_csv, write_table
from repro.training.weighting.inference import Kept

SUFFIXES = (".csv", ".parquet")
MEAN = "mean"  # in place of a seed


def table_of(
    ids: pd.Series,
    seeds: Sequence[int],
    found: Mapping[str, Kept],
    modalities: Sequence[str],
    *,
    mean: bool = False,
) -> pd.DataFrame:
    """Predictions and weights of every method in long form; weightless ones have none.

    With `mean`, those of all seeds are averaged: scores, class probabilities, weights.
    """
    frames = [
        _frame(ids, method, seed, values, weights, modalities)
        for method, kept in found.items()
        for seed, values, weights in _by_seed(seeds, kept, mean)
    ]
    return pd.concat(frames, ignore_index=True)


def _by_seed(
    seeds: Sequence[int], kept: Kept, mean: bool
) -> list[tuple[int | str, np.ndarray, np.ndarray]]:
    if mean:
        return [(MEAN, kept.predictions.mean(0), kept.weights.mean(0))]
    return list(zip(seeds, kept.predictions, kept.weights, strict=True))


def _frame(
    ids: pd.Series,
    method: str,
    seed: int | str,
    values: Float[np.ndarray, " rows *classes"],
    weights: Float[np.ndarray, "rows modalities"],
    modalities: Sequence[str],
) -> pd.DataFrame:
    frame = pd.DataFrame({"id": ids.to_numpy(), "method": method, "seed": seed})
    frame = frame.assign(**prediction_columns(values))
    named = zip(modalities, weights.T, strict=False)
    return frame.assign(**{f"w_{name}": column for name, column in named})


def check_place(out: Path, read: Path) -> None:
    """Stop at a place where no table of predictions is written.

    Raises:
        ValueError: it has another suffix, is a folder or below a file, or is the file
            that was read.
    """
    if out.suffix not in SUFFIXES:
        raise ValueError(f"{out}: write to a name that ends in .csv or .parquet")
    if out.is_dir():
        raise ValueError(f"{out}: is a folder; give a file in it")
    files = [parent for parent in out.parents if parent.is_file()]
    if files:
        raise ValueError(f"{out}: {files[0]} is a file; name another folder")
    if out.resolve() == read.resolve():
        raise ValueError(f"{out}: is the file that is read; write to another one")


def write(out: Path, table: pd.DataFrame) -> None:
    """Write the table whole or not at all, as its suffix says."""
    if out.suffix == ".parquet":
        write_table(out, table)
    else:
        write_csv(out, table)
