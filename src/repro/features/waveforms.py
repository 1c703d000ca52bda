"""Twelve-lead electrocardiograms: read, cleaned, resampled to a common rate."""

import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int16
from scipy.signal import butter, resample_poly, sosfiltfilt

from repro.features.cache import Cached, cached

with warnings.catch_warnings():
    # wfdb builds a table in a way that pandas has deprecated.
    warnings.filterwarnings("ignore", message="The inplace keyword")
    import wfdb

LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
SUFFIXES = (".hea", ".dat")
BAND = (0.5, 40.0)  # Hz; below is drift of the baseline, above muscle and mains
BELOW_NYQUIST = 0.9  # highest upper edge, as a share of half the sampling rate
SHORTEST = 64  # samples, which the filter needs at both ends
LIMIT = 5000  # microvolts; beyond is a loose electrode
MILLIVOLTS = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "v": 1e3}
MOST_SAMPLES = 20_000_000  # of all leads; twelve of nearly an hour at 500 Hz
MOST_BYTES = 4 * MOST_SAMPLES  # of a signal file
# The first line of a header: name, leads, rate (and of a counter), samples, and more.
_STATED = re.compile(r"\S+\s+\d+\s+\d+(\.\d*)?(/\S+)?\s+\d+(\s.*)?")
# wfdb meets a damaged header or signal with any of these.
DAMAGE = (
    ValueError,
    OSError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
)


@dataclass(frozen=True)
class Grid:
    """The common sampling of all recordings, from their beginning."""

    hz: int = 100
    seconds: int = 10


def recording(path: Path, grid: Grid) -> Int16[np.ndarray, "leads time"]:
    """One WFDB record, `path` without suffix, as 12 leads in the order of `LEADS`.

    Leads are found by their names in the header. NaN samples are interpolated; a lead
    that is absent or NaN throughout is 0. Then the signal is band-passed at 0.5-40 Hz,
    without phase shift, resampled, cut or filled with 0 at the end, and clipped to
    +-5 mV.

    Departure: the released code takes the first 4096 samples in the order of the file,
    unfiltered and with their NaN.

    Units: microvolts.
    Raises:
        ValueError: the record is damaged or cut short, a lead has no name or that of
            another, none is known or has a sample, its header states no rate or length,
            an absurd size or a file of another folder, the record is shorter than one
            second, or has another unit than a volt.
    """
    signal, names, hz = _read(path)
    clean = resampled(band_passed(interpolated(_ordered(signal, names)), hz), hz, grid)
    if not np.isfinite(clean).all():
        raise ValueError(f"{path}: its gains make samples that are no numbers")
    return np.clip(np.rint(1000 * clean), -LIMIT, LIMIT).astype(np.int16)


def _read(path: Path) -> tuple[Float[np.ndarray, "found samples"], list[str], float]:
    """Leads in millivolts, their names in lower case, and the sampling rate."""
    try:
        _check_claims(path)
        record = wfdb.rdrecord(str(path))
        signal, hz = np.asarray(record.p_signal, np.float64), float(record.fs)
        samples, _ = signal.shape
        # wfdb gives None where the header has no name or unit.
        names = [name.strip().lower() for name in record.sig_name]
        units = [unit.strip() for unit in record.units]
    except DAMAGE as error:
        raise ValueError(f"{path}: not a readable WFDB record ({error})") from error
    if samples < max(hz, SHORTEST):
        raise ValueError(f"{path}: {samples} samples at {hz} Hz are too few")
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: two leads have the same name among {names}")
    unknown = [unit for unit in units if unit.lower() not in MILLIVOLTS]
    if unknown:
        raise ValueError(f"{path}: unit {unknown[0]!r} is no volt")
    is_known = np.isin(names, [lead.lower() for lead in LEADS])
    if not np.isfinite(signal[:, is_known]).any():
        raise ValueError(f"{path}: none of its leads {names} is known and has a sample")
    factors = np.array([MILLIVOLTS[unit.lower()] for unit in units])
    return (signal * factors).T, names, hz


def _check_claims(path: Path) -> None:
    """Stop before memory is taken for what a header claims, or other files are read."""
    with path.with_name(f"{path.name}.hea").open(
        encoding="ascii", errors="ignore"
    ) as h:
        lines = (line.strip() for line in h)
        first = next((line for line in lines if line and line[0] != "#"), "")
    if not _STATED.fullmatch(first):  # wfdb would take a rate of 250, and every sample
        raise ValueError(f"states no sampling rate and length in {first[:80]!r}")
    header = wfdb.rdheader(str(path))
    if not isinstance(header, wfdb.Record):
        raise ValueError("has several segments")
    for name in header.file_name:
        if Path(name).name != name:
            raise ValueError(f"names {name!r}, no file of its folder")
        size = (path.parent / name).stat().st_size
        if size > MOST_BYTES:
            raise ValueError(f"{name} has {size} bytes, more than {MOST_BYTES}")
    frames = (header.sig_len or 0) + max(shift or 0 for shift in header.skew)
    if frames * sum(header.samps_per_frame) > MOST_SAMPLES:
        raise ValueError(f"claims more than {MOST_SAMPLES} samples")


def _ordered(
    signal: Float[np.ndarray, "found samples"], names: Sequence[str]
) -> Float[np.ndarray, "leads samples"]:
    """Leads by name in lower case; NaN where there is none."""
    rows = dict(zip(names, signal, strict=True))
    absent = np.full(signal.shape[1], np.nan)
    return np.stack([rows.get(lead.lower(), absent) for lead in LEADS])


def interpolated(
    signal: Float[np.ndarray, "leads samples"],
) -> Float[np.ndarray, "leads samples"]:
    """Samples that are not finite, filled on a line between their neighbors.

    >>> interpolated(np.array([[np.nan, 1, np.nan, 3], [np.nan] * 4])).tolist()
    [[1.0, 1.0, 2.0, 3.0], [0.0, 0.0, 0.0, 0.0]]
    """
    filled = signal.copy()
    place = np.arange(signal.shape[1])
    for row in filled:
        known = np.isfinite(row)
        if not known.any():
            row[:] = 0.0
        elif not known.all():
            row[:] = np.interp(place, place[known], row[known])
    return filled


def band_passed(
    signal: Float[np.ndarray, "leads samples"], hz: float
) -> Float[np.ndarray, "leads samples"]:
    """0.5-40 Hz by a Butterworth filter forward and backward.

    Source: recommendations for diagnostic recording ask for 0.05-150 Hz; this is the
    narrower band of monitoring, which removes drift and muscle.
    """
    high = min(BAND[1], BELOW_NYQUIST * hz / 2)
    if high <= BAND[0]:
        raise ValueError(f"{hz} samples per second are too few for an ECG")
    sections = butter(2, (BAND[0], high), "bandpass", fs=hz, output="sos")
    return sosfiltfilt(sections, signal, axis=1)


def resampled(
    signal: Float[np.ndarray, "leads samples"], hz: float, grid: Grid
) -> Float[np.ndarray, "leads time"]:
    """The first seconds at the rate of `grid`, filled with 0 at the end."""
    ratio = Fraction(grid.hz / hz).limit_denominator(1000)
    length = grid.hz * grid.seconds
    kept = signal[:, : int(np.ceil(hz * (grid.seconds + 1)))]
    if ratio != 1:
        kept = resample_poly(kept, ratio.numerator, ratio.denominator, axis=1)
    kept = kept[:, :length]
    return np.pad(kept, ((0, 0), (0, length - kept.shape[1])))


def recordings(
    paths: Sequence[str], root: Path, grid: Grid, folder: Path, workers: int = 1
) -> Cached:
    """All records that can be read, from the cache where they are known.

    Raises:
        ValueError: there is no folder `root`, or no record at all can be read.
    """
    name = f"waveform hz={grid.hz} seconds={grid.seconds} version=1"
    decode = partial(_inside, root=root, grid=grid)
    return cached(paths, root, name, decode, folder, workers, suffixes=SUFFIXES)


def _inside(path: Path, root: Path, grid: Grid) -> Int16[np.ndarray, "leads time"]:
    """A record that neither its path nor a link leads out of the root for."""
    for suffix in SUFFIXES:
        real = Path(os.path.realpath(f"{path}{suffix}"))
        if not real.is_relative_to(os.path.realpath(root)):
            raise ValueError(f"{path}{suffix}: leads out of {root}")
    return recording(path, grid)


def flat_leads(values: Int16[np.ndarray, "objects leads time"]) -> dict[str, int]:
    """Records in which a lead is absent, NaN throughout or constant, for each lead."""
    flat = ~values.any(axis=2)
    counts = flat.sum(axis=0)
    return {
        lead: int(count) for lead, count in zip(LEADS, counts, strict=True) if count
    }
