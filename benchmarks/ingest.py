"""Charted events: one pass over a large csv.gz against zlib and chunked pandas.

    python -m benchmarks.ingest [rows]

The file has the columns of MIMIC-IV, is sorted by stay, and 15 % of its rows are of
wanted items. Every method runs in a process of its own; seconds are wall time, so
compare only methods of one run, and CPU seconds on a machine that does other work
(the load is printed). Neither includes the start of the process. `pandas` reads
four columns and averages by hour; `ours` is the pass and the assembly of the ingest:
it checks units, dates, ranges and duplicates on the way and writes Parquet.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from benchmarks.timing import peak_memory_bytes
from repro.data.mimiciv.assembling import write_events
from repro.data.mimiciv.layout import Source
from repro.data.mimiciv.measuring import chart_pass
from repro.data.mimiciv.settings import Settings
from repro.data.mimiciv.variables import item_table, load

ROWS_PER_STAY, SECONDS_PER_ROW, BLOCK = 4000, 75, 500_000
FIRST_STAY, START = 30_000_000, datetime(2150, 1, 1)
TABLE = "icu/chartevents"
COLUMNS = ["stay_id", "charttime", "itemid", "valuenum"]


def wanted_items() -> list[int]:
    """Item ids of the charted variables."""
    return item_table(load("corrected"), TABLE)["itemid"].to_list()


def block(first: int, count: int, generator: np.random.Generator) -> pl.DataFrame:
    """Rows of the file from number `first` on."""
    row = np.arange(first, first + count)
    is_wanted = generator.random(count) < 0.15
    other = generator.integers(227_000, 229_000, count)
    item = np.where(is_wanted, generator.choice(wanted_items(), count), other)
    value = generator.integers(20, 200, count)
    seconds = row % ROWS_PER_STAY // 10 * 10 * SECONDS_PER_ROW
    charted = np.datetime64(START, "us") + seconds.astype("timedelta64[s]")
    stay = FIRST_STAY + row // ROWS_PER_STAY
    columns = {
        "subject_id": stay - 20_000_000,
        "hadm_id": stay - 10_000_000,
        "stay_id": stay,
        "caregiver_id": generator.integers(10_000, 99_999, count // 10 + 1)[
            np.arange(count) // 10
        ],
        "charttime": charted,
        "storetime": charted + np.timedelta64(600, "s"),
        "itemid": item,
        "value": value,
        "valuenum": value,
        # Released files write nothing for nothing; "" would be written with quotes.
        "valueuom": pl.Series(np.where(is_wanted, "mmHg", "")).replace("", None),
        "warning": np.zeros(count, np.int8),
    }
    return pl.DataFrame(columns)


def write_file(path: Path, rows: int) -> None:
    """Write the csv.gz file, a block at a time."""
    generator = np.random.default_rng(0)
    with gzip.GzipFile(path, "wb", compresslevel=6, mtime=0) as handle:
        for first in range(0, rows, BLOCK):
            frame = block(first, min(BLOCK, rows - first), generator)
            text = frame.write_csv(
                include_header=first == 0, datetime_format="%Y-%m-%d %H:%M:%S"
            )
            handle.write(text.encode())


def zlib_floor(path: Path, rows: int) -> int:
    """Decompress the file and forget it."""
    total = 0
    with gzip.open(path) as handle:
        while content := handle.read(1 << 20):
            total += len(content)
    return total


def with_pandas(path: Path, rows: int) -> int:
    """Hourly means of the wanted items in the window, by chunks of four columns."""
    parts = []
    for chunk in pd.read_csv(path, usecols=COLUMNS, chunksize=1_000_000):
        chunk = chunk[chunk["itemid"].isin(wanted_items())]
        charted = pd.to_datetime(chunk["charttime"], format="%Y-%m-%d %H:%M:%S")
        hour = (charted - START).dt.total_seconds() // 3600
        chunk = chunk.assign(hour=hour)[(hour >= 0) & (hour < 48)]
        keys = ["stay_id", "itemid", "hour"]
        parts.append(chunk.groupby(keys)["valuenum"].agg(["sum", "count"]))
    sums = pd.concat(parts).groupby(level=[0, 1, 2]).sum()
    return len(sums["sum"] / sums["count"])


def ours(path: Path, rows: int) -> int:
    """The pass over charted events and the assembly of their means, to Parquet."""
    ids = FIRST_STAY + np.arange(-(-rows // ROWS_PER_STAY))
    stays = pl.DataFrame({"stay_id": ids}).with_columns(
        intime=pl.lit(START),
        outtime=pl.lit(START + timedelta(hours=90)),
        end=pl.lit(START + timedelta(hours=48)),
    )
    variables = load("corrected")
    source = Source(TABLE, path, path.parent)
    narrow = path.with_suffix(".narrow.parquet")
    items = item_table(variables, TABLE)
    chart_pass(source, items, stays, Settings(path.parent), narrow)
    passed = time.monotonic()
    events = path.with_suffix(".events.parquet")
    tally = write_events(events, {TABLE: narrow}, variables, ids.tolist())
    print(f"assembly {time.monotonic() - passed:.2f} s", file=sys.stderr)
    return sum(tally.used.values())


METHODS = {"zlib": zlib_floor, "pandas": with_pandas, "ours": ours}


def measured(method: str, path: Path, rows: int) -> dict[str, float]:
    """Seconds and peak bytes of one method in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.ingest", str(rows), method, str(path)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return json.loads(output)


def main() -> None:
    """Measure one method (in the child), or all of them on a new file."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 30_000_000
    if len(sys.argv) > 2:
        start, cpu = time.monotonic(), time.process_time()
        METHODS[sys.argv[2]](Path(sys.argv[3]), rows)
        seconds = time.monotonic() - start
        used = {"cpu": time.process_time() - cpu, "bytes": peak_memory_bytes()}
        print(json.dumps({"seconds": seconds} | used))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chartevents.csv.gz"
        write_file(path, rows)
        print(f"{rows:,} rows, {path.stat().st_size / 1e6:.0f} MB")
        found: dict[str, list[dict[str, float]]] = {name: [] for name in METHODS}
        for _ in range(2):  # the better of two turns
            for name in METHODS:
                load = os.getloadavg()[0]
                found[name].append(measured(name, path, rows))
                last = found[name][-1]
                took = f"{last['seconds']:.2f} s, cpu {last['cpu']:.2f} s"
                print(f"{name:8} {took}, load before {load:.1f}")
    seconds = {n: min(r["seconds"] for r in runs) for n, runs in found.items()}
    for name, runs in found.items():
        peak = max(run["bytes"] for run in runs) / 1e9
        cpu = min(run["cpu"] for run in runs)
        print(f"{name:8} {seconds[name]:8.2f} s  cpu {cpu:.2f} s  peak {peak:.2f} GB")
    print(f"ours / zlib   {seconds['ours'] / seconds['zlib']:.2f} (target <= 1.2)")
    print(f"pandas / ours {seconds['pandas'] / seconds['ours']:.2f} (target >= 2)")


if __name__ == "__main__":
    main()
