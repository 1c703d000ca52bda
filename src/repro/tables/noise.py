"""Added modalities of pure noise: what they cost and what weight they get."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from repro import paths
from repro.files import read_table
from repro.metrics.statistics import summary
from repro.params import Params
from repro.results.runs import Run, cell_run
from repro.tables.attribution import baseline_notes, gains
from repro.tables.rows import (
    Entry,
    block_of,
    frame,
    holm_adjusted,
    joined_notes,
    summary_entry,
)

GROUP = "noise"
NOISE = "noise"  # prefix of the added modalities' names


def noise(params: Params) -> pd.DataFrame:
    """MAE, gain over the MoE and share of weight on noise, by number of modalities."""
    sources = noise_sources(params)
    datasets = dict.fromkeys(dataset for dataset, _, _, _ in sources)
    frames = []
    for dataset in datasets:
        chosen = [source for source in sources if source[0] == dataset]
        runs = [cell_run(params, group, key) for _, _, group, key in chosen]
        block = block_of(runs)
        entries: list[Entry] = []
        for (_, count, _, _), run in zip(chosen, runs, strict=True):
            row = f"noise_{count}"
            name = f"{count} noise {'modality' if count == 1 else 'modalities'}"
            entries += gains(params, row, name, run)
            shares = share_entries(row, name, run)
            entries += [replace(entry, alpha=run.alpha) for entry in shares]
        notes = [
            "noise share = weight on added noise over all weight, mean over test, "
            "uniform = the share that equal weights would give",
            baseline_notes(params, runs[0]),
            block.notes,
        ]
        block = replace(block, notes=joined_notes(*notes))
        frames.append(frame(block, holm_adjusted(entries)))
    return pd.concat(frames)


def noise_sources(params: Params) -> list[tuple[str, int, str, str]]:
    """(data set, noise count, cell group, cell key), sorted by count.

    The row without noise is the attribution cell that changes nothing and has the
    alpha of the noise cells. It is leak-free, so it stands in no other protocol.
    """
    cells = {
        k: c
        for k, c in params.cells[GROUP].items()
        if params.encoder_of(c) == params.encoder
    }
    found = [(cell.dataset, cell.noise, GROUP, key) for key, cell in cells.items()]
    if params.protocol != "leak_free":
        return sorted(found)
    wanted = {(cell.dataset, cell.alpha) for cell in cells.values()}
    for key, cell in params.cells.get("attribution", {}).items():
        plain = cell.model_dump(exclude={"dataset", "alpha"}, exclude_defaults=True)
        if not plain and (cell.dataset, cell.alpha) in wanted:
            found.append((cell.dataset, 0, "attribution", key))
    return sorted(found)


def share_entries(row: str, name: str, run: Run) -> Iterator[Entry]:
    """Share of weight on noise modalities per weighted method, mean over test."""
    weights = read_table(paths.run(run.dataset, run.folder) / "weights.parquet")
    weights = weights[weights["split"] == "test"]
    columns = [c for c in weights.columns if c.startswith("w_")]
    noisy = [c for c in columns if c.startswith(f"w_{NOISE}")]
    if not noisy:
        return
    for method in [m for m in weights["method"].unique() if m != "moe"]:
        rows = weights[weights["method"] == method]
        share = rows[noisy].sum(axis=1) / rows[columns].sum(axis=1)
        per_seed = share.groupby(rows["seed"]).mean().to_numpy(dtype=np.float64)
        yield summary_entry(row, name, f"{method}_noise_share", summary(per_seed))
    uniform = len(noisy) / len(columns)
    yield Entry(row, name, "uniform_noise_share", mean=uniform)
