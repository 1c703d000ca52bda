"""The records that travel between stages, and their checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Num

SPLITS = ("train", "valid", "test")
MOST_LABELS = 24  # of a sample: so many bits float32 holds exactly
WINDOW_HOURS = 48.0  # clinical observation window after admission to intensive care


def coded(labels: Bool[np.ndarray, "samples labels"]) -> Float[np.ndarray, " samples"]:
    """Which labels every sample has, as one number: label k is bit k.

    So a sample of several labels has one `y`, as any other has.

    Raises:
        ValueError: there are more than `MOST_LABELS`.

    >>> coded(np.array([[True, False], [True, True]])).tolist()
    [1.0, 3.0]
    """
    if labels.shape[1] > MOST_LABELS:
        raise ValueError(
            f"{labels.shape[1]} labels: at most {MOST_LABELS} can be told apart in "
            "one number; leave out the rarest"
        )
    return labels @ (2.0 ** np.arange(labels.shape[1]))


def decoded(
    y: Num[np.ndarray, " samples"], labels: int
) -> Bool[np.ndarray, "samples labels"]:
    """Which of so many labels every sample has.

    >>> decoded(np.array([1.0, 3.0]), 2).tolist()
    [[True, False], [True, True]]
    """
    return (y.astype(np.int64)[:, None] >> np.arange(labels) & 1).astype(bool)


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


@dataclass(frozen=True)
class Fields:
    """Named numbers and words of every sample, as tables state them.

    A number is NaN and a word "" where nothing is stated; a sample of which nothing is
    stated lacks the modality. Several words of one field stand between bars: "a|b".
    """

    names: tuple[str, ...]
    numbers: Float[np.ndarray, "samples numbers"]
    words: pd.DataFrame


Modality = Ragged | Texts | Pictures | Fields


@dataclass(frozen=True)
class Dataset:
    """What every reader gives: samples, modalities in order, and what is known.

    `samples` has the columns id (str), group (str), split (train/valid/test) and
    y (float64; `coded` where a sample has several labels); row `i` of every modality
    belongs to row `i` of `samples`.
    `notes` collects what a reader met and repaired, as sentences for the tables; they
    say no count of fewer samples than `fewest`.
    """

    samples: pd.DataFrame
    modalities: Mapping[str, Modality]
    source: str
    simulated: bool = False
    task: str = "regression"
    classes: int = 0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    fewest: int = 0


def told(count: int, fewest: int) -> str:
    """A count as notes may say it: of real people not how few of them there are.

    >>> told(3, 10), told(12, 10), told(3, 0)
    ('fewer than 10', '12', '3')
    """
    return str(count) if count >= fewest else f"fewer than {fewest}"
