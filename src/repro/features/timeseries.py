"""Vital signs and laboratory values: z-scores with a mask, as charted and by hour."""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_matrix

from repro.features.series import CLIP, FLOOR, Scale
from repro.records import Ragged

BLOCK = 65_536  # rows worked on at once, which bounds the memory


def observed_scale(ragged: Ragged, is_train: Bool[np.ndarray, " samples"]) -> Scale:
    """Mean and sd of each variable over the observed values of the training stays.

    NaN stands for unobserved. A variable that is constant, or never observed, in the
    training stays has sd 0.

    Raises:
        ValueError: no training stay has an observed value, or a value is infinite.
    """
    rows = np.flatnonzero(np.repeat(is_train, ragged.lengths))
    count, total = _sums(ragged.values, rows, None)
    if not count.any():
        raise ValueError(
            "no training stay has an observed value; there is no scale: "
            "check the variables and the split"
        )
    mean = total / np.maximum(count, 1)
    if not np.isfinite(mean).all():
        place = int(np.flatnonzero(~np.isfinite(mean))[0])
        raise ValueError(
            f"variable {place}: infinite value in a training stay; "
            "range-filter the events first"
        )
    _, squares = _sums(ragged.values, rows, mean)
    sd = np.sqrt(squares / np.maximum(count, 1))
    constant = sd <= FLOOR * np.maximum(1, np.abs(mean))
    return Scale(mean, np.where(constant, 0.0, sd))


def _sums(
    values: Float[np.ndarray, "rows variables"],
    rows: Int[np.ndarray, " chosen"],
    mean: Float[np.ndarray, " variables"] | None,
) -> tuple[Int[np.ndarray, " variables"], Float[np.ndarray, " variables"]]:
    """Observed values per variable, and their sum or squared deviations."""
    count = np.zeros(values.shape[1], np.int64)
    total = np.zeros(values.shape[1])
    for start in range(0, len(rows), BLOCK):
        block = values[rows[start : start + BLOCK]].astype(np.float64)
        seen = ~np.isnan(block)
        count += seen.sum(axis=0)
        terms = block if mean is None else (block - mean) ** 2
        total += np.where(seen, terms, 0.0).sum(axis=0)
    return count, total


def irregular(ragged: Ragged, scale: Scale) -> Ragged:
    """Rows as charted: z-scores, clipped to +-10 and 0 where unobserved, then the mask.

    Departure: the released code does not clip. Values are not filtered there either, so
    that single entries of 10,000,000 beats per minute set the scale of the heart rate.

    Shape: V variables give 2V columns, the mask in the second half.

    >>> r = Ragged(np.array([[1, 5], [3, np.nan]], np.float32), np.array([0, 2]))
    >>> irregular(r, observed_scale(r, np.array([True]))).values.tolist()
    [[-1.0, 0.0, 1.0, 1.0], [1.0, 0.0, 1.0, 0.0]]
    """
    rows, variables = ragged.values.shape
    inverse = np.divide(1.0, scale.sd, out=np.zeros_like(scale.sd), where=scale.sd > 0)
    values = np.empty((rows, 2 * variables), np.float32)
    for start in range(0, rows, BLOCK):
        block = ragged.values[start : start + BLOCK]
        seen = ~np.isnan(block)
        z = np.clip((block - scale.mean) * inverse, -CLIP, CLIP)
        values[start : start + BLOCK, :variables] = np.where(seen, z, 0.0)
        values[start : start + BLOCK, variables:] = seen
    return Ragged(values, ragged.offsets, ragged.times)


def hourly(ragged: Ragged, hours: int = 48) -> Ragged:
    """One row per hour, made from the result of `irregular`.

    The value is the mean of the z-scores of the hour, else that of the last hour with
    an observation, and 0 before the first. The mask is 1 only where the hour itself has
    an observation. The last hour includes its end, `hours`.

    Departure: the released code leaves hours without any row at 0, lets the hour before
    the first be the last one, and takes a z-score of exactly 0 for a missing value.

    Shape: `hours` rows per stay, also for a stay without rows; 2V columns.
    Units: the times are the beginnings of the hours.
    Raises:
        ValueError: there are no times, or they are outside 0..`hours` or not ascending
            within a stay.
    """
    samples, width = len(ragged.lengths), ragged.values.shape[1]
    cells = _cells(ragged, hours)
    values = np.zeros((samples, hours, width), np.float32)
    stays = max(1, BLOCK // hours)
    for first in range(0, samples, stays):
        last = min(first + stays, samples)
        rows = slice(int(ragged.offsets[first]), int(ragged.offsets[last]))
        grid = values[first:last].reshape(-1, width)
        _fill(grid, cells[rows] - first * hours, ragged.values[rows], hours)
    times = np.tile(np.arange(hours, dtype=np.float32), samples)
    offsets = np.arange(samples + 1, dtype=np.int64) * hours
    return Ragged(values.reshape(-1, width), offsets, times)


def _cells(ragged: Ragged, hours: int) -> Int[np.ndarray, " rows"]:
    """For each row the stay and its hour as one number, which never decreases."""
    if ragged.times is None:
        raise ValueError("the series has no times; give the hours of its rows")
    outside = ~((ragged.times >= 0) & (ragged.times <= hours))
    if outside.any():
        raise ValueError(
            f"time {ragged.times[outside][0]} h is outside 0..{hours}; "
            "cut the series to the window first"
        )
    stay = np.repeat(np.arange(len(ragged.lengths)), ragged.lengths)
    if (np.diff(stay * (hours + 1.0) + ragged.times) < 0).any():
        raise ValueError("times descend within a stay; sort the rows by time first")
    hour = np.minimum(ragged.times.astype(np.int64), hours - 1)
    return stay * hours + hour


def _fill(
    grid: Float[np.ndarray, "cells width"],
    cells: Int[np.ndarray, " rows"],
    values: Float[np.ndarray, "rows width"],
    hours: int,
) -> None:
    """Write the hourly means, carried forward, and the mask into a grid of zeros."""
    half, rows = grid.shape[1] // 2, np.arange(len(cells))
    bounds = np.searchsorted(cells, np.arange(len(grid) + 1))
    # A sparse product adds the rows of each cell far faster than np.add.reduceat.
    members = csr_matrix(
        (np.ones(len(rows), np.float32), rows, bounds), (len(grid), len(rows))
    )
    sums = members @ values
    count = sums[:, half:]
    grid[:, :half] = sums[:, :half] / np.maximum(count, 1)
    grid[:, half:] = count > 0
    by_stay = grid.reshape(-1, hours, grid.shape[1])
    for hour in range(1, hours):
        value, seen = by_stay[:, hour, :half], by_stay[:, hour, half:]
        np.copyto(value, by_stay[:, hour - 1, :half], where=seen == 0)
