"""From arrays padded with zero rows to ragged sequences, and back to one table."""

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, Num

from repro.data.machine import release
from repro.records import Ragged

_PIECE = 4 << 20  # bytes that are looked at at a time


@dataclass(frozen=True)
class Part:
    """A padded array of some samples, and its rows that count."""

    padded: Num[np.ndarray, "samples time features"]
    rows: Bool[np.ndarray, "samples time"]


@dataclass(frozen=True)
class Gathered:
    """Sequences, and what became 0 in them: -inf values, and whole samples."""

    ragged: Ragged
    silent: int = 0
    vanished: int = 0

    def notes(self, name: str) -> tuple[str, ...]:
        """What was repaired, as sentences for the tables."""
        found = []
        if self.silent:
            found.append(f"{name}: {self.silent} values were -inf and are 0 now")
        if self.vanished:
            found.append(
                f"{name}: {self.vanished} samples are nothing but 0 once read (they "
                "were -inf or too small for float32) and count as absent"
            )
        return tuple(found)


def bounds(lengths: Int[np.ndarray, " samples"]) -> Int[np.ndarray, " bounds"]:
    """Offsets of sequences with these lengths.

    >>> bounds(np.array([1, 2])).tolist()
    [0, 1, 3]
    """
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


@dataclass
class Pages:
    """Gives the memory of a mapped file back, every few megabytes that were read."""

    read: int = 0

    def count(self, array: np.ndarray) -> None:
        """`array` was read."""
        self.read += array.nbytes
        if self.read > _PIECE:
            _release(array)
            self.read = 0


def pieces(array: np.ndarray, pages: Pages | None = None) -> Iterator[slice]:
    """Slices of a few megabytes, whose pages are given back when the next one comes.

    Many small arrays share their `pages`.
    """
    pages = pages or Pages()
    step = max(1, _PIECE // max(1, array[:1].nbytes))
    for start in range(0, len(array), step):
        yield slice(start, start + step)
        pages.count(array[start : start + step])


def _release(array: np.ndarray) -> None:
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap):
        base = memoryview(base)
    if isinstance(base, memoryview):
        release(base)


def filled_rows(
    padded: Num[np.ndarray, "samples time features"],
) -> Bool[np.ndarray, "samples time"]:
    """Rows that are not all zero."""
    filled = np.zeros(padded.shape[:2], dtype=bool)
    for piece in pieces(padded):
        filled[piece] = (padded[piece] != 0).any(axis=2)
    return filled


def filled(
    rows: Num[np.ndarray, "rows features"], pages: Pages | None = None
) -> Bool[np.ndarray, " rows"]:
    """Whether each row has a value that is not 0."""
    found = np.zeros(len(rows), dtype=bool)
    for piece in pieces(rows, pages):
        found[piece] = (rows[piece] != 0).any(axis=1)
    return found


def kept_rows(
    padded: Num[np.ndarray, "samples time features"], front: bool = True
) -> Bool[np.ndarray, "samples time"]:
    """Rows between the first (or the start) and the last row that is not all zero.

    >>> kept_rows(np.array([[[0.0], [1.0], [0.0], [2.0], [0.0]]])).tolist()
    [[False, True, True, True, False]]
    """
    filled = filled_rows(padded)
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
            f"{where}: lengths have shape {lengths.shape}, {samples} samples are "
            "there; give one length per sample"
        )
    filled = filled_rows(padded)
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


def gathered(parts: Sequence[Part], *, silence: bool = False) -> Gathered:
    """The chosen rows of every sample of every part as float32.

    With `silence`, -inf becomes 0; infinite and NaN values stay for the check. A
    sample that then has nothing but zeros has no rows.
    """
    lengths = np.concatenate([part.rows.sum(axis=1) for part in parts])
    features = parts[0].padded.shape[2]
    # Allocated once: joining the parts later would need the memory twice.
    values = np.empty((int(lengths.sum()), features), dtype=np.float32)
    done, silent, pages = 0, 0, Pages()
    for part in parts:
        for piece in pieces(part.padded, pages):
            chosen = part.padded[piece][part.rows[piece]]
            target = values[done : done + len(chosen)]
            with np.errstate(over="ignore"):  # too large becomes infinite: reported
                target[...] = chosen
            silent += _silence(chosen, target) if silence else 0
            done += len(chosen)
    present = _present(values, lengths)
    vanished = int((lengths[~present] > 0).sum())
    if vanished:
        values = values[np.repeat(present, lengths)]
        lengths = np.where(present, lengths, 0)
    return Gathered(Ragged(values, bounds(lengths)), silent, vanished)


def _silence(stored: np.ndarray, values: np.ndarray) -> int:
    """Set `values` to 0 where -inf is stored, not a number too low for float32."""
    silent = np.isneginf(stored)
    values[silent] = 0
    return int(silent.sum())


def _present(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Whether each sample has a value that is not 0."""
    owner = np.repeat(np.arange(len(lengths)), lengths)
    present = np.zeros(len(lengths), dtype=bool)
    present[owner[filled(values)]] = True
    return present


def vectors(
    array: Num[np.ndarray, "samples features"], present: Bool[np.ndarray, " samples"]
) -> Ragged:
    """One row for every sample that is present, as float32."""
    values = np.empty((int(present.sum()), array.shape[1]), dtype=np.float32)
    done = 0
    for piece in pieces(array):
        chosen = array[piece][present[piece]]
        with np.errstate(over="ignore"):  # too large becomes infinite: reported
            values[done : done + len(chosen)] = chosen
        done += len(chosen)
    return Ragged(values, bounds(present.astype(np.int64)))
