"""Table 10: seconds of each part, measured here and printed there."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from repro import paths
from repro.files import read_json
from repro.params import Params
from repro.published import published
from repro.results import Run, cells_of, group_run, read_run
from repro.tables.rows import Block, Entry, block_of, frame, joined_notes

NOTES = (
    "seconds for all seeds of a cell together",
    "overhead = training the unimodal models, cross-fitted",
    "the unweighted model that BTW's first weights come from is the MoE row",
)
OVERHEAD = ("text", "audio", "video")


def table10(params: Params) -> pd.DataFrame:
    """Overhead per modality, main training and total, for the rows of Table 10."""
    return pd.concat([_block_frame(params, name) for name in params.datasets])


def _block_frame(params: Params, dataset: str) -> pd.DataFrame:
    moe = group_run(params, "moe", dataset)
    unimodal = read_json(paths.timing(dataset, "unimodal"))["seconds"]
    overhead = {m: float(unimodal[m]) for m in OVERHEAD if m in unimodal}
    block = block_of([moe])
    printed = published()
    printed = printed[(printed["table"] == "table10") & (printed["dataset"] == dataset)]
    entries = list(_entries(params, moe, "moe", {}, printed))
    for cell in cells_of(params, "btw", dataset).values():
        run = read_run(dataset, cell.method)
        entries += _entries(params, run, cell.method, overhead, printed)
    return frame(_with_notes(block, moe), entries)


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
