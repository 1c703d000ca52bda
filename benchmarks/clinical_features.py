"""Speed of the clinical features, each against a plain way to do the same.

Hourly series of 35,000 stays; twelve-lead ECGs at 500 Hz decoded, and embedded by the
encoder after its training; a film of 2544 x 3056 pixels decoded at the scale of the JPG
transform against a full decode; DenseNet-121 one film at a time against batches, and
with decoding beside it against one after the other. One torch thread.

    python -m benchmarks.clinical_features [--records 1600] [--stays 35000]
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int16
from PIL import Image
from scipy.ndimage import gaussian_filter, zoom

from benchmarks.timing import (
    alternating_medians,
    peak_memory_bytes,
    restart_with_process_settings,
)
from repro.features.cache import prefetched
from repro.features.densenet import SIZE, DenseNet, as_film, film_vector
from repro.features.ecg_encoder import Learning, embedded, trained_encoder
from repro.features.images import grey_square
from repro.features.timeseries import hourly, irregular, observed_scale
from repro.features.waveforms import LEADS, Grid, recording
from repro.records import Ragged

FILM = (3056, 2544)
HZ, SECONDS = 500, 10
GRID = Grid()


def seconds(function: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def write_film(path: Path) -> None:
    """A smooth grey film with some noise, about as large a file as a real one."""
    rng = np.random.default_rng(0)
    coarse = gaussian_filter(rng.normal(size=(FILM[0] // 8, FILM[1] // 8)), 4)
    values = zoom(coarse / np.abs(coarse).max(), 8, order=1) * 110 + 128
    values += rng.normal(0, 3, values.shape)
    Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(path, quality=95)


def write_ecg(path: Path) -> None:
    """One record in format 16: beats of random leads in noise."""
    rng = np.random.default_rng(0)
    moment = np.arange(HZ * SECONDS)[:, None] / HZ
    peaks = np.exp(-0.5 * ((moment - np.arange(0.3, SECONDS, 0.8)) / 0.03) ** 2)
    signal = peaks.sum(axis=1)[:, None] * rng.normal(size=12)
    samples = np.rint(200 * (signal + rng.normal(0, 0.05, signal.shape)))
    path.with_suffix(".dat").write_bytes(samples.astype("<i2").tobytes())
    lines = [f"{path.name} 12 {HZ} {HZ * SECONDS}"]
    lines += [f"{path.name}.dat 16 200(0)/mV 16 0 0 0 0 {lead}" for lead in LEADS]
    path.with_suffix(".hea").write_text("\n".join(lines) + "\n")


def plain_square(path: Path, size: int) -> np.ndarray:
    """Decode all pixels, cut the middle square and resize."""
    with Image.open(path) as image:
        grey = image.convert("L")
    side = min(grey.size)
    left, top = (grey.width - side) // 2, (grey.height - side) // 2
    square = grey.crop((left, top, left + side, top + side))
    return np.asarray(square.resize((size, size), Image.Resampling.BILINEAR))


def random_ecgs(records: int) -> Int16[np.ndarray, "records leads time"]:
    """Decoded records of random rate and voltage."""
    rng = np.random.default_rng(0)
    moment = np.arange(GRID.hz * GRID.seconds) / GRID.hz
    gains = rng.normal(size=(12, 1))
    rows = np.empty((records, 12, len(moment)), np.int16)
    for row in rows:
        centers = np.arange(
            rng.uniform(0, 0.5), GRID.seconds, 60 / rng.uniform(50, 120)
        )
        peaks = np.exp(-0.5 * ((moment[:, None] - centers) / 0.03) ** 2).sum(axis=1)
        row[:] = 1000 * (gains * peaks + rng.normal(0, 0.1, row.shape))
    return rows


def series_part(stays: int) -> None:
    rng = np.random.default_rng(0)
    rows, variables = 100, 34
    values = rng.standard_normal((stays * rows, variables), np.float32)
    values[rng.random(values.shape, np.float32) < 0.7] = np.nan
    times = np.sort(rng.uniform(0, 48, (stays, rows)).astype(np.float32), axis=1)
    offsets = np.arange(stays + 1) * rows
    ragged = Ragged(values, offsets, times.reshape(-1))
    is_train = rng.random(stays) < 0.7
    start = time.process_time()
    scale = observed_scale(ragged, is_train)
    scaled = time.process_time()
    charted = irregular(ragged, scale)
    made = time.process_time()
    hourly(charted)
    binned = time.process_time()
    print(
        f"{stays} stays x {rows} rows x {variables} variables: scale "
        f"{scaled - start:.1f} s, irregular {made - scaled:.1f} s, hourly "
        f"{binned - made:.1f} s, peak {peak_memory_bytes() / 2**30:.1f} GiB"
    )


def ecg_part(folder: Path, records: int) -> float:
    """Print the ECG lines; seconds of training and embedding."""
    write_ecg(folder / "1")
    decode = alternating_medians({"": lambda: recording(folder / "1", GRID)}, 50)[""]
    values = random_ecgs(records)
    learning = Learning()
    start = time.process_time()
    encoder, _ = trained_encoder(values[: int(0.7 * records)], learning)
    trained = time.process_time() - start
    start = time.process_time()
    embedded(encoder, values, learning.batch)
    embedding = time.process_time() - start
    print(f"ECG decode at {HZ} Hz: {1 / decode:.0f} records/s per core")
    print(
        f"ECG encoder, {records} records of {GRID.hz} Hz x {GRID.seconds} s: training "
        f"on 70 % {trained:.1f} s ({learning.epochs} epochs), embedding "
        f"{embedding:.1f} s = {records / embedding:.0f} records/s; with decoding "
        f"{records / (records * decode + embedding):.0f} records/s per core"
    )
    return trained + embedding


def film_part(folder: Path) -> bool:
    """Print the film lines; whether the scaled decode is the faster one."""
    path = folder / "film.jpg"
    write_film(path)
    faster = True
    for size in (24, SIZE):
        ways = {
            "scaled": partial(grey_square, path, size),
            "full": partial(plain_square, path, size),
        }
        found = alternating_medians(ways, 7)
        faster &= found["scaled"] < found["full"]
        print(
            f"film decode to {size}: {1 / found['scaled']:.0f} per s scaled, "
            f"{1 / found['full']:.0f} full: {found['full'] / found['scaled']:.1f} x"
        )
    network = DenseNet().eval()
    batch = as_film(grey_square(path, SIZE)).expand(8, -1, -1, -1).contiguous()
    with torch.inference_mode():
        sizes = {
            "one": lambda: torch.cat([network.vectors(film[None]) for film in batch]),
            "batch": lambda: network.vectors(batch),
        }
        found = alternating_medians(sizes, 3)
    print(
        f"DenseNet-121: {8 / found['one']:.1f} films/s per core one by one, "
        f"{8 / found['batch']:.1f} in batches of 8"
    )
    compute, paths = partial(film_vector, network), [path] * 24
    sequential = seconds(lambda: [compute(p) for p in paths])
    beside = seconds(lambda: list(prefetched(compute, paths, 2, threads=True)))
    print(
        f"decode and DenseNet-121, wall clock: {len(paths) / sequential:.1f} films/s "
        f"one after the other, {len(paths) / beside:.1f} overlapped in 2 threads"
    )
    return faster


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1600)
    parser.add_argument("--stays", type=int, default=35_000)
    arguments = parser.parse_args()
    restart_with_process_settings()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        spent = ecg_part(Path(name), arguments.records)
        faster = film_part(Path(name))
    series_part(arguments.stays)
    return 0 if faster and spent <= 25 else 1


if __name__ == "__main__":
    sys.exit(main())
