"""Table 6 of I2MoE: seconds and parameters of a fusion and of experts of it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from repro import paths
from repro.files import read_json
from repro.params import Params
from repro.results.counts import Sizes, of_experts, of_fusion
from repro.results.published import contents, keys_of_datasets
from repro.results.runs import Run
from repro.tables.blocks import block_of
from repro.tables.i2moe_cells import (
    BACKBONE,
    FULL,
    PAPER,
    blocks,
    plain_runs,
    row_run,
    variances,
)
from repro.tables.lines import printed_table
from repro.tables.rows import Entry, frame, joined_notes

EXPERTS = f"{BACKBONE}_{FULL}"
AT_PRINTED_SIZES = "_printed_sizes"  # after the code of a row
NOTES = (
    "seconds of CPU for one seed: a fit by the epochs that it ran, valid predicted in "
    "each, and "
    "one prediction of test; several seeds are trained at once, other fits beside them",
    "parameters of ours count encoders of sequences, those of the paper none",
    "at the paper's sizes: parameters by formula, those of which the modules have as "
    "many; of IMDB, MOSI and ENRICO other sizes than Table 7 gives",
)


def table6(params: Params) -> pd.DataFrame:
    """Seconds an epoch and of inference, and parameters, here and at its sizes."""
    return blocks(params, "table6", _block)


def _block(params: Params, key: str) -> pd.DataFrame | None:
    experts, fused = row_run(params, key, FULL), plain_runs(params, key)
    plain = next((run for run in fused if BACKBONE in run.report.methods), None)
    if experts is None or plain is None or BACKBONE not in experts.report.methods:
        return None
    name, block = params.names[BACKBONE], block_of([plain, experts])
    entries = [
        *_measured(plain, BACKBONE, name),
        *_measured(experts, EXPERTS, f"{params.names[FULL]} of {name}"),
    ]
    told = printed_table(PAPER, "table6", key).rows.set_index(["method", "metric"])
    beside = [_beside(told, entry) for entry in entries]
    more = _at_printed_sizes(key, {entry.row: entry.name for entry in entries}, told)
    hardware = read_json(paths.timing(_cell(experts)))["hardware"]
    shown = ", ".join(f"{part} {value}" for part, value in sorted(hardware.items()))
    notes = joined_notes(
        *NOTES,
        *variances("table6", key),
        f"measured on {shown}, printed on an A100",
        block.notes,
    )
    return frame(replace(block, notes=notes), [*beside, *more])


def _measured(run: Run, row: str, name: str) -> Iterator[Entry]:
    """Seconds and parameters of the concat transformer of a run, of one seed.

    Raises:
        ValueError: the timing file holds no seconds of it.
    """
    setup, address = run.report.setup, run.report.address
    timing = read_json(paths.timing(_cell(run)))
    trained = timing["seconds"].get(address, {}).get(BACKBONE)
    tested = timing.get("test_seconds", {}).get(address, {}).get(BACKBONE)
    if setup is None or trained is None or tested is None:
        raise ValueError(
            f"{paths.timing(_cell(run))}: no seconds and test_seconds of {BACKBONE} of "
            f"{address}; train the cell again"
        )
    yield Entry(row, name, "epoch_s", mean=trained / _epochs(run))
    yield Entry(row, name, "inference_s", mean=tested / len(setup.seeds))
    count = run.report.methods[BACKBONE].parameters
    yield Entry(row, name, "parameters", mean=float(count))


def _epochs(run: Run) -> int:
    """Epochs that the seeds ran together, fewer than asked for where they stop early.

    Raises:
        ValueError: the history holds none.
    """
    count = int((run.read("history")["method"] == BACKBONE).sum())
    if not count:
        raise ValueError(
            f"{run.folder}/history.parquet: no epochs of {BACKBONE}; train the cell "
            "again"
        )
    return count


def _cell(run: Run) -> str:
    return "/".join(run.report.address.split("/")[:2])


def _at_printed_sizes(
    key: str, names: dict[str, str], told: pd.DataFrame
) -> Iterator[Entry]:
    """Counts by formula at the sizes that give the printed ones."""
    for paper, name in contents(PAPER)["methods"].items():
        if name not in names or not len(told) or paper not in ("MulT", "I2MoE-MulT"):
            continue
        title = f"{names[name]}, at the paper's sizes"
        row = f"{name}{AT_PRINTED_SIZES}"
        count = count_at_printed_sizes(key, paper)
        entry = Entry(row, title, "parameters", mean=float(count))
        yield replace(_beside(told, replace(entry, row=name)), row=row)


def count_at_printed_sizes(key: str, method: str) -> int:
    """Parameters of a printed method on the data set of a key, by formula.

    Raises:
        ValueError: the file of the paper has no such data set.
    """
    names = {own: name for name, own in keys_of_datasets(PAPER).items()}
    if key not in names:
        raise ValueError(
            f"data/published/{PAPER}.yaml: datasets: none has the key {key!r}; the "
            f"keys are {', '.join(sorted(names))}"
        )
    content = contents(PAPER)
    told: dict[str, Any] = content["table6_sizes"][names[key]]
    own = told[method]
    sizes = Sizes(
        modalities=len(content["datasets"][names[key]]["modalities"]),
        outputs=told["outputs"],
        **{field: own[field] for field in ("width", "layers", "tokens")},
    )
    if "weighting_layers" not in own:
        return of_fusion(sizes)
    return of_experts(sizes, own["weighting_layers"], own["weighting_hidden"])


def _beside(told: pd.DataFrame, entry: Entry) -> Entry:
    key = (entry.row, entry.metric)
    if key not in told.index:
        return entry
    return replace(entry, published_mean=float(np.float64(told.loc[key, "mean"])))
