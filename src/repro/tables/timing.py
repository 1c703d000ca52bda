"""Table 10: seconds of each part, measured here and printed there."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from repro import paths
from repro.files import read_json
from repro.params import Params
from repro.results.published import published
from repro.results.runs import Run, cell_run, cells_of, group_run
from repro.tables.rows import Block, Entry, block_of, frame, joined_notes

NOTES = (
    "seconds for all seeds of a cell together",
    "overhead = training the unimodal models, cross-fitted",
    "the unweighted model that BTW's first weights come from is the MoE row",
)


def table10(params: Params) -> pd.DataFrame:
    """Overhead per modality, main training and total, for the rows of Table 10."""
    return pd.concat([_block_frame(params, name) for name in params.datasets])


def _block_frame(params: Params, dataset: str) -> pd.DataFrame:
    moe = group_run(params, "moe", dataset)
    weighted = {
        cell.method: cell_run(params, "btw", key)
        for key, cell in cells_of(params, "btw", dataset).items()
    }
    overhead = _overhead(moe)
    block = block_of([moe, *weighted.values()])
    printed = published()
    printed = printed[(printed["table"] == "table10") & (printed["dataset"] == dataset)]
    entries = list(_entries(params, moe, "moe", {}, printed))
    for method, run in weighted.items():
        entries += _entries(params, run, method, overhead, printed)
    return frame(_with_notes(block, moe), entries)


def _overhead(moe: Run) -> dict[str, float]:
    """Seconds of the unimodal model of each modality, in the order of the data."""
    path = paths.timing(moe.dataset, "unimodal")
    seconds, modalities = read_json(path)["seconds"], moe.report["data"]["modalities"]
    if set(seconds) != set(modalities):
        raise ValueError(
            f"{path}: seconds of {sorted(seconds)}, but {moe.folder} was trained on "
            f"{sorted(modalities)}; run dvc repro"
        )
    return {modality: float(seconds[modality]) for modality in modalities}


def _entries(
    params: Params,
    run: Run,
    method: str,
    overhead: dict[str, float],
    printed: pd.DataFrame,
) -> Iterator[Entry]:
    timing = read_json(paths.timing(run.dataset, run.folder))
    main = float(timing["seconds"][method])
    seconds = {f"{m}_overhead_s": s for m, s in overhead.items()}
    seconds |= {"main_training_s": main, "total_s": main + sum(overhead.values())}
    rows = printed[printed["method"] == method].set_index("metric")["mean"]
    for metric, value in seconds.items():
        entry = Entry(method, params.names[method], metric, mean=value)
        if metric in rows.index:
            entry = replace(entry, published_mean=float(rows[metric]))
        yield entry
    memory = float(timing["peak_memory_bytes"]) / 2**20
    yield Entry(method, params.names[method], "peak_memory_mib", mean=memory)


def _with_notes(block: Block, moe: Run) -> Block:
    hardware: dict[str, Any] = read_json(paths.timing(block.dataset, "moe"))["hardware"]
    shown = ", ".join(f"{key} {value}" for key, value in sorted(hardware.items()))
    seeds = f"{len(moe.report['seeds'])} seeds"
    notes = [*NOTES, seeds, f"measured on {shown}", block.notes]
    return replace(block, notes=joined_notes(*notes))
