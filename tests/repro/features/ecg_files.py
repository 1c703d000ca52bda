"""Small WFDB records with a known heart rate, for the tests of the ECG side."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from repro.features.waveforms import LEADS, wfdb

GAINS = np.array([0.6, 1.0, 0.5, -0.8, 0.3, 0.7, -0.5, -0.3, 0.2, 0.9, 1.0, 0.8])


def beats(
    rate: float, rng: np.random.Generator, hz: int = 100, seconds: int = 10
) -> np.ndarray:
    """Twelve leads in millivolts: narrow peaks at `rate` per minute, and noise."""
    time = np.arange(hz * seconds) / hz
    centers = rng.uniform(0, 60 / rate) + np.arange(0, seconds + 1, 60 / rate)
    peaks = np.exp(-0.5 * ((time[:, None] - centers) / 0.03) ** 2).sum(axis=1)
    return peaks[:, None] * GAINS + rng.normal(0, 0.1, (len(time), 12))


def write_record(path: Path, signal: np.ndarray, **options) -> None:
    """Write a record; the leads are in the usual order unless given."""
    names = list(options.pop("sig_name", LEADS))
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # Only the writer of wfdb uses what pandas has deprecated.
        warnings.filterwarnings("ignore", message="The inplace keyword")
        wfdb.wrsamp(
            path.name,
            fs=options.pop("fs", 100),
            units=options.pop("units", ["mV"] * len(names)),
            sig_name=names,
            p_signal=signal,
            fmt=["16"] * len(names),
            adc_gain=[options.pop("gain", 1000.0)] * len(names),
            baseline=[0] * len(names),
            write_dir=str(path.parent),
        )


def tree(root: Path, count: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Samples and their ECGs, two of each sample, with rates between 50 and 120."""
    rng = np.random.default_rng(seed)
    names = [str(100 + i) for i in range(count)]
    splits = [("train", "train", "valid", "test")[i % 4] for i in range(count)]
    rows = []
    for i, name in enumerate(names):
        rate = rng.uniform(50, 120)
        for k in range(2):
            path = f"files/s{2 * i + k}/{2 * i + k}"
            write_record(root / path, beats(rate, rng))
            rows.append({"id": name, "hours": 5.0 * k, "path": path, "rate": rate})
    return pd.DataFrame({"id": names, "split": splits}), pd.DataFrame(rows)
