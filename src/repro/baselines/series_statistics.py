"""One row of numbers per sample, from irregular series and from embeddings."""

import numpy as np
from jaxtyping import Float, Int

from repro.records import Ragged

STATISTICS = (
    "maximum",
    "minimum",
    "mean",
    "variance",
    "mean_change",
    "mean_absolute_change",
    "largest_absolute_change",
    "total_absolute_change",
    "last_minus_first",
    "peaks",
    "slope",
    "count",
    "last",
    "hours_since_last",
)
WINDOW = 48.0  # hours
LAST = 5  # newest rows of a modality that are averaged


def series_statistics(
    series: Ragged, window: float = WINDOW
) -> Float[np.ndarray, "samples statistics"]:
    """`STATISTICS` of each variable of each sample; NaN where undefined.

    `series.values` holds the values of all variables, then a mask that is above 0
    where the value is observed; only observed values count. A variable never observed
    has `count` 0 and nothing else. The changes between consecutive observations, their
    sums and the slope (least squares over the number of the observation) need two
    observations. The variance is that of the population. A peak is higher than both
    its neighbors; a plateau counts once, and the ends are no peaks.

    Source: Soenksen et al. 2022 (HAIM), the first eleven statistics; the peaks are
    those of `scipy.signal.find_peaks`.
    Departure: HAIM appends a row of zeros to every series and counts absent values
    as 0; here neither is done, and the last three statistics are added.
    Shape: columns are variable by variable, in the order of `STATISTICS`.
    Units: those of the values; `hours_since_last` is `window` minus the last time.
    Raises:
        ValueError: the series has no times, or not as many masks as values.

    >>> values = np.array([[1.0, 1.0], [0.0, 0.0], [4.0, 1.0]], np.float32)
    >>> times = np.array([0.0, 1.0, 2.0], np.float32)
    >>> series = Ragged(values, np.array([0, 3]), times)
    >>> found = dict(zip(STATISTICS, series_statistics(series)[0].tolist()))
    >>> found["mean"], found["slope"], found["count"], found["hours_since_last"]
    (2.5, 3.0, 2.0, 46.0)
    """
    times = _checked_times(series)
    samples, variables = len(series.lengths), series.values.shape[1] // 2
    sample = np.repeat(np.arange(samples), series.lengths)
    found = np.full((samples, variables, len(STATISTICS)), np.nan, np.float32)
    found[:, :, STATISTICS.index("count")] = 0
    for variable in range(variables):
        rows = np.flatnonzero(series.values[:, variables + variable] > 0)
        values = series.values[rows, variable].astype(np.float64)
        starts = _starts(sample[rows])
        last = rows[np.append(starts[1:], len(rows)) - 1] if len(rows) else rows
        columns = _segment_statistics(values, starts)
        columns.append(window - times[last].astype(np.float64))
        found[sample[rows[starts]], variable] = np.stack(columns, axis=1)
    return found.reshape(samples, -1)


def statistic_names(variables: int) -> list[str]:
    """Names of the columns of `series_statistics`, variables numbered from 0.

    >>> statistic_names(2)[13:16]
    ['0_hours_since_last', '1_maximum', '1_minimum']
    """
    return [f"{v}_{name}" for v in range(variables) for name in STATISTICS]


def last_mean(values: Ragged, last: int = LAST) -> Float[np.ndarray, "samples width"]:
    """Mean of the last rows of each sample, fewer where it has fewer; NaN without any.

    >>> r = Ragged(np.array([[1.0], [3.0], [5.0]], np.float32), np.array([0, 3, 3]))
    >>> last_mean(r, 2).tolist()
    [[4.0], [nan]]
    """
    lengths = values.lengths
    total = np.zeros((len(lengths), values.values.shape[1]), np.float32)
    for back in range(1, last + 1):
        long = lengths >= back
        total[long] += values.values[values.offsets[1:][long] - back]
    total[lengths == 0] = np.nan
    return total / np.clip(lengths, 1, last)[:, None].astype(np.float32)


def _segment_statistics(
    values: Float[np.ndarray, " rows"], starts: Int[np.ndarray, " segments"]
) -> list[Float[np.ndarray, " segments"]]:
    """All statistics but the last one of every stretch of values, in their order."""
    if len(starts) == 0:
        return [np.empty(0)] * (len(STATISTICS) - 1)
    bounds = np.append(starts, len(values))
    counts = np.diff(bounds)
    segment = np.repeat(np.arange(len(starts)), counts)
    first, last = values[starts], values[bounds[1:] - 1]
    mean = np.add.reduceat(values, starts) / counts
    centered = values - mean[segment]
    variance = np.add.reduceat(centered**2, starts) / counts
    several = counts > 1
    steps = np.where(several, counts - 1.0, np.nan)
    size = np.abs(np.diff(values, prepend=values[0]))
    size[starts] = 0  # the step into a stretch belongs to none
    total = np.where(several, np.add.reduceat(size, starts), np.nan)
    change = np.where(several, last - first, np.nan)
    # The squared distances of 0, 1, .., n - 1 from their mean sum to (n^3 - n) / 12.
    position = np.arange(len(values)) - starts[segment]
    moment = np.add.reduceat(centered * position, starts)
    spread = np.where(several, counts * (counts**2.0 - 1) / 12, np.nan)
    return [
        np.maximum.reduceat(values, starts),
        np.minimum.reduceat(values, starts),
        mean,
        variance,
        change / steps,
        total / steps,
        np.where(several, np.maximum.reduceat(size, starts), np.nan),
        total,
        change,
        _peaks(values, segment, len(starts)),
        moment / spread,
        counts.astype(np.float64),
        last,
    ]


def _peaks(
    values: Float[np.ndarray, " rows"], segment: Int[np.ndarray, " rows"], segments: int
) -> Float[np.ndarray, " segments"]:
    """Number of peaks of every stretch; a plateau is first drawn into one value."""
    kept = np.ones(len(values), dtype=bool)
    kept[1:] = (values[1:] != values[:-1]) | (segment[1:] != segment[:-1])
    heights, owner = values[kept], segment[kept]
    inside = (owner[2:] == owner[:-2]) & (heights[1:-1] > heights[:-2])
    peak = inside & (heights[1:-1] > heights[2:])
    return np.bincount(owner[1:-1][peak], minlength=segments).astype(np.float64)


def _starts(sample: Int[np.ndarray, " rows"]) -> Int[np.ndarray, " segments"]:
    """Where each new sample begins."""
    return np.flatnonzero(np.diff(sample, prepend=-1))


def _checked_times(series: Ragged) -> Float[np.ndarray, " rows"]:
    if series.times is None:
        raise ValueError("series: times are absent; make the features again with times")
    columns = series.values.shape[1]
    if columns % 2:
        raise ValueError(
            f"series: {columns} columns; give the values of every variable, then as "
            "many mask columns"
        )
    return series.times
