"""Seconds of each part of a method, measured here and printed there."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from repro import paths
from repro.files import read_json
from repro.params import Params
from repro.results.runs import Run, trained_run
from repro.tables.blocks import block_of
from repro.tables.labels import OVERHEAD
from repro.tables.rows import Block, Entry, frame, joined_notes

NOTES = (
    "seconds of CPU for all seeds together, one thread a fit, other fits beside it",
    "columns of a modality = training its unimodal model, cross-fitted",
    "the unweighted model that BTW's first weights come from is the MoE row",
    "peak memory = of the largest process of the cell, whatever method it trained",
)


def times(
    params: Params, base: str, weighted: str, printed: pd.DataFrame
) -> pd.DataFrame:
    """Overhead per modality, main training and total, of one data set.

    The cell at `base` trained the unimodal models and the unweighted fusion, the one
    at `weighted` the methods that start from them.

    Raises:
        ValueError: a timing file does not hold what the report says was trained.
    """
    first, second = trained_run(params, base), trained_run(params, weighted)
    block, fusion = block_of([first, second]), first.report.fusion
    overhead = _overhead(first)
    entries = list(_entries(params, base, fusion, {}, printed))
    for method in params.recipe(weighted).weightings:
        entries += _entries(params, weighted, method, overhead, printed)
    return frame(_with_notes(block, first), entries)


def _overhead(base: Run) -> dict[str, float]:
    """Seconds of the unimodal model of each modality, in the order of the data."""
    address, modalities = base.report.address, base.report.data.modalities
    seconds = _timing(address)["seconds"][address]
    missing = sorted(set(modalities) - set(seconds))
    if missing:
        raise ValueError(
            f"{paths.timing(address)}: seconds of {sorted(seconds)}, but {address} was "
            f"trained on {sorted(modalities)}; run dvc repro"
        )
    return {modality: float(seconds[modality]) for modality in modalities}


def _entries(
    params: Params,
    address: str,
    method: str,
    overhead: dict[str, float],
    printed: pd.DataFrame,
) -> Iterator[Entry]:
    timing = _timing(address)
    main = float(timing["seconds"][address][method])
    seconds = {f"{name}{OVERHEAD}": value for name, value in overhead.items()}
    seconds |= {"main_training_s": main, "total_s": main + sum(overhead.values())}
    rows = printed[printed["method"] == method].set_index("metric")["mean"]
    for metric, value in seconds.items():
        entry = Entry(method, params.names[method], metric, mean=value)
        if metric in rows.index:
            entry = replace(entry, published_mean=float(rows[metric]))
        yield entry
    memory = float(timing["peak_memory_bytes"]) / 2**20
    yield Entry(method, params.names[method], "peak_memory_mib", mean=memory)


def _with_notes(block: Block, base: Run) -> Block:
    hardware: dict[str, Any] = _timing(base.report.address)["hardware"]
    shown = ", ".join(f"{key} {value}" for key, value in sorted(hardware.items()))
    seeds = 0 if base.report.setup is None else len(base.report.setup.seeds)
    notes = [*NOTES, f"{seeds} seeds", f"measured on {shown}", block.notes]
    return replace(block, notes=joined_notes(*notes))


def _timing(address: str) -> dict[str, Any]:
    return read_json(paths.timing(address))
