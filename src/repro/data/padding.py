"""From arrays padded with zero rows to ragged sequences, and back to one table."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int, Num

from repro.records import Ragged


def concatenated(parts: Sequence[Ragged]) -> Ragged:
    """One ragged array of all samples of `parts`, in order.

    >>> one = Ragged(np.ones((2, 1), np.float32), np.array([0, 2]))
    >>> concatenated([one, one]).offsets.tolist()
    [0, 2, 4]
    """
    lengths = np.concatenate([part.lengths for part in parts])
    values = np.concatenate([part.values for part in parts])
    return Ragged(values, bounds(lengths))


def bounds(lengths: Int[np.ndarray, " samples"]) -> Int[np.ndarray, " bounds"]:
    """Offsets of sequences with these lengths.

    >>> bounds(np.array([1, 2])).tolist()
    [0, 1, 3]
    """
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def kept_rows(
    padded: Num[np.ndarray, "samples time features"], front: bool = True
) -> Bool[np.ndarray, "samples time"]:
    """Rows between the first (or the start) and the last row that is not all zero.

    >>> kept_rows(np.array([[[0.0], [1.0], [0.0], [2.0], [0.0]]])).tolist()
    [[False, True, True, True, False]]
    """
    filled = (padded != 0).any(axis=2)
    after = np.flip(np.maximum.accumulate(np.flip(filled, 1), axis=1), 1)
    if not front:
        return after
    return after & np.maximum.accumulate(filled, axis=1)


def rows_of_lengths(
    padded: Num[np.ndarray, "samples time features"],
    lengths: Int[np.ndarray, " lengths"],
    where: str,
) -> Bool[np.ndarray, "samples time"]:
    """The first, or in a front-padded file the last, `lengths` rows of each sample.

    A sample whose rows are all zero has none.

    Raises:
        ValueError: a length is negative or greater than the number of rows, or rows
            that are not zero lie outside; the message counts the samples.
    """
    samples, time, _ = padded.shape
    if lengths.shape != (samples,):
        raise ValueError(
            f"{where}: lengths have shape {lengths.shape}, {samples} samples are there"
        )
    filled = (padded != 0).any(axis=2)
    step = np.arange(time)
    for rows in (
        step < lengths[:, None],
        step >= time - lengths[:, None],
    ):
        if not (filled & ~rows).any() and ((lengths >= 0) & (lengths <= time)).all():
            return rows & filled.any(axis=1, keepdims=True)
    bad = (filled.sum(axis=1) > lengths) | (lengths < 0) | (lengths > time)
    raise ValueError(
        f"{where}: the stored lengths disagree with the {time} stored rows "
        f"({max(int(bad.sum()), 1)} samples, lengths {lengths.min()} to "
        f"{lengths.max()}); the file is damaged or has another layout"
    )


def ragged(
    padded: Num[np.ndarray, "samples time features"],
    rows: Bool[np.ndarray, "samples time"],
) -> Ragged:
    """The chosen rows of every sample as float32."""
    with np.errstate(over="ignore"):  # too large becomes infinite and is reported
        values = padded[rows].astype(np.float32)
    return Ragged(values, bounds(rows.sum(axis=1)))
