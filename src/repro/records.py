"""The records that travel between stages, and their checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

SPLITS = ("train", "valid", "test")
WINDOW_HOURS = 48.0  # clinical observation window after admission to intensive care


@dataclass(frozen=True)
class Ragged:
    """Variable-length sequences: row block `i` is `values[offsets[i]:offsets[i+1]]`.

    Units: `times`, where given, are hours.

    >>> r = Ragged(np.ones((3, 2), np.float32), np.array([0, 1, 3]))
    >>> r.lengths.tolist()
    [1, 2]
    """

    values: Float[np.ndarray, "rows features"]
    offsets: Int[np.ndarray, " bounds"]
    times: Float[np.ndarray, " rows"] | None = None

    @property
    def lengths(self) -> Int[np.ndarray, " samples"]:
        """Number of rows of each sample."""
        return np.diff(self.offsets)


@dataclass(frozen=True)
class Texts:
    """One string per sample; an empty string means that the text is absent."""

    values: list[str]


@dataclass(frozen=True)
class Pictures:
    """One file per sample, named below the raw folder; "" means that it is absent."""

    paths: list[str]


Modality = Ragged | Texts | Pictures


@dataclass(frozen=True)
class Dataset:
    """What every reader gives: samples, modalities in order, and what is known.

    `samples` has the columns id (str), group (str), split (train/valid/test) and
    y (float64); row `i` of every modality belongs to row `i` of `samples`.
    `notes` collects what a reader met and repaired, as sentences for the tables.
    """

    samples: pd.DataFrame
    modalities: Mapping[str, Modality]
    source: str
    simulated: bool = False
    task: str = "regression"
    classes: int = 0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())
