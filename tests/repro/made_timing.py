"""How long made-up runs took."""

from collections.abc import Sequence

import pandas as pd

from repro import paths
from repro.files import read_json, write_json, write_table
from repro.report import read_report
from repro.results.folds import parts_of


def write_timing(address: str, methods: Sequence[str]) -> None:
    """Seconds of a run, beside those of the other runs of its cell."""
    timing = paths.timing("/".join(address.split("/")[:2]))
    before = read_json(timing) if timing.is_file() else {}
    seconds = {name: 10.0 + k for k, name in enumerate(methods)}
    told = {"seconds": seconds, "test_seconds": dict.fromkeys(seconds, 0.3)}
    merged = {key: before.get(key, {}) | {address: own} for key, own in told.items()}
    about = {"hardware": {"cpu": "a processor", "cores": 2}}
    write_json(timing, merged | {"peak_memory_bytes": 2**28} | about)
    write_history(address, methods)


def write_history(address: str, methods: Sequence[str], epochs: int = 12) -> None:
    """As many epochs of every method and seed as a run, or each fold of it, took."""
    report = read_report(address)
    rows = [
        {"method": method, "seed": seed, "fold": 0, "epoch": epoch}
        for method in methods
        for seed in (report.setup.seeds if report.setup else ())
        for epoch in range(1, epochs + 1)
    ]
    for part in parts_of(report):
        write_table(paths.run(part) / "history.parquet", pd.DataFrame(rows))
