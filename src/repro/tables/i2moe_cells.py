"""What tables of I2MoE share: its data sets, the runs of a cell, and first rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from repro.metrics.signs import SIGN, SIGNS
from repro.params import Params
from repro.results.published import contents, keys_of_datasets
from repro.results.runs import Run, read_run, trained_run
from repro.tables.blocks import left_out
from repro.tables.labels import LABELS
from repro.tables.lines import (
    Line,
    baseline_lines,
    line,
    lines,
    numbered,
    printed_table,
    unimodal_line,
)
from repro.tables.rows import (
    PRINTED_ALONE,
    TYPES,
    Block,
    Entry,
    frame,
    joined,
    joined_notes,
)

PAPER, GROUP = "i2moe", "experts"
PLAIN, FULL = "plain", "i2moe"  # rows of a cell, and of Tables 4 and 5
BACKBONE = "concat_transformer"  # what the released code calls MulT
FUSIONS = (
    "early_fusion",
    "late_fusion",
    "low_rank",
    "interpretcc",
    "switchgate",
    "moe_plus_plus",
    BACKBONE,
)
BASELINES = {
    "regression": ("mean", "ridge"),
    "classification": ("majority", "stratified", "logistic"),
    "multilabel": ("constant", "logistic"),
}
# Classes have no order, and their recalls are too many to show.
SHOWN = {
    "regression": ("accuracy", "mae", "acc2_has0", "acc2_non0"),
    "classification": ("accuracy", "macro_f1", "auroc"),
    "multilabel": ("micro_f1", "macro_f1", "exact_match"),
}
BLOCK = (
    *("block", "dataset", "source", "protocol", "simulated", "modalities"),
    "notes",
)
VARIANCE = (
    "the paper prints a variance behind ± here (released scripts), to two digits, of "
    "which 0.00 is any sd up to 0.07"
)
SIZES = (
    "interaction experts are set against the same fusion without them, which has the "
    "sizes of one expert; the mixture has one for each modality and two more"
)


def blocks(
    params: Params, table: str, block: Callable[[Params, str], pd.DataFrame | None]
) -> pd.DataFrame:
    """A block for every cell, and the printed numbers alone where there is none.

    `block` gives that of a cell by its key, or None where the cell lacks its rows.
    """
    found = {key: block(params, key) for key in params.cells.get(GROUP, {})}
    known = {key: rows for key, rows in found.items() if rows is not None}
    alone = [
        printed_block(params, table, name, key)
        for name, key in keys_of_datasets(PAPER).items()
        if key not in known
    ]
    return joined([*known.values(), *(rows for rows in alone if len(rows))])


def printed_block(params: Params, table: str, name: str, key: str) -> pd.DataFrame:
    """What the paper prints of a data set that no cell trains this table on."""
    cell = params.cells.get(GROUP, {}).get(key)
    why = "there is no cell" if cell is None else "it is not asked of the cell"
    entries = [
        Entry(
            row=told["method"],
            name=told["name"],
            metric=told["metric"],
            published_mean=told["mean"],
            published_sd=None if np.isnan(told["sd"]) else told["sd"],
        )
        for told in printed_table(PAPER, table, key).rows.to_dict("records")
    ]
    note = f"no number of ours: {why} experts/{key}"
    note = joined_notes(note, *variances(table, key))
    if not entries:
        return pd.DataFrame()
    about = contents(PAPER)["datasets"][name]["modalities"]
    block = Block(name, PRINTED_ALONE, "", False, ", ".join(about), note)
    return frame(block, entries)


def variances(table: str, key: str) -> Iterator[str]:
    """What stands behind ± where the paper prints a variance there, as a note."""
    told = printed_table(PAPER, table, key).rows
    told = told[told["variance"].notna()]
    parts = [
        f"{row['name']} {LABELS[row['metric']]} {row['variance']:.2f}"
        for row in told.to_dict("records")
    ]
    if parts:
        yield f"{VARIANCE}: {', '.join(parts)}"


def measured(run: Run) -> Run:
    """The run with its predictions scored as the paper does: a regression by signs."""
    is_regression = run.report.data.task == "regression"
    return replace(run, measured=SIGNS) if is_regression else run


def row_run(params: Params, key: str, row: str) -> Run | None:
    """The run of a row of a cell, or None where the cell has no such row."""
    address = f"{GROUP}/{key}/{row}"
    if address not in params.recipes:
        return None
    return measured(trained_run(params, address))


def plain_runs(params: Params, key: str) -> list[Run]:
    """The fusions without experts: those of the cell, then those of runs it uses."""
    own = row_run(params, key, PLAIN)
    if own is None:
        return []
    return [own, *(measured(trained_run(params, used)) for used in own.report.uses)]


def fusion_line(params: Params, key: str, fusion: str) -> list[Line]:
    """The row of a fusion without experts; none where no run has it."""
    for run in plain_runs(params, key):
        if fusion in run.report.methods:
            return lines(params, run, (fusion,))
    return []


def expert_line(params: Params, key: str, fusion: str) -> list[Line]:
    """The row of interaction experts of a fusion; none where no run has it."""
    run = row_run(params, key, FULL)
    if run is None or fusion not in run.report.methods:
        return []
    code, name = f"{fusion}_{FULL}", f"{params.names[FULL]} of {params.names[fusion]}"
    found = line(params, run, fusion, row=code, name=name, reference=fusion)
    return [replace(found, method=code)]


def first_lines(params: Params, key: str) -> list[Line]:
    """Predictors without a network and the best modality alone, one answer first."""
    plain = plain_runs(params, key)
    if not plain:
        return []
    dataset, task = plain[0].dataset, plain[0].report.data.task
    modalities = set(plain[0].report.data.modalities)
    alone = next((r for r in plain if modalities <= set(r.methods)), None)
    if alone is None:  # the unimodal models of the first paper
        alone = measured(trained_run(params, f"base/{dataset}"))
    found = baseline_lines(params, f"baselines/{dataset}", BASELINES[task])
    found = [replace(row, run=measured(row.run)) for row in found]
    more = [_majority(params, dataset)] if task == "regression" else []
    return [*more, *found, unimodal_line(params, alone)]


def _majority(params: Params, dataset: str) -> Line:
    """The more frequent sign of train, for every row of test."""
    run = measured(read_run(f"baselines/{dataset}"))
    train, test = (run.predictions("mean", split) for split in ("train", "test"))
    sign = 1.0 if (train.y > 0).mean() > 0.5 else -1.0
    told = replace(test, prediction=np.full_like(test.prediction, sign))
    name = f"{params.names['majority']} ({'above' if sign > 0 else 'not above'} zero)"
    return Line("majority", "majority", name, run, told, limited=("accuracy",))


def scored(
    params: Params,
    table: str,
    key: str,
    found: Sequence[Line],
    against: str,
    *notes: str,
) -> pd.DataFrame:
    """The block of a cell: rows with their metrics, differences, printed numbers."""
    task = params.dataset(key_of_data(params, key)).task
    shown = [row if row.limited else replace(row, limited=SHOWN[task]) for row in found]
    runs = {row.run.report.address: row.run for row in found if row.run.report.setup}
    told = [*notes, *lacking(params, table, key, found)]
    told += [SIGN] if task == "regression" else []
    told += left_out(params, list(runs.values()))
    beside = printed_table(PAPER, table, key)
    return numbered(params, shown, against, beside=beside, after=told)


def with_entries(rows: pd.DataFrame, entries: Sequence[Entry]) -> pd.DataFrame:
    """The rows of a block with more entries of it, below its own."""
    if not entries:
        return rows
    first = rows.iloc[0]
    about = {name: first[name] for name in BLOCK}
    more = pd.DataFrame([asdict(entry) for entry in entries]).assign(**about)
    more = more.assign(order=np.arange(len(rows), len(rows) + len(more)))
    return pd.concat([rows, more[list(TYPES)].astype(TYPES)], ignore_index=True)


def key_of_data(params: Params, key: str) -> str:
    """The data set of a cell."""
    return params.cells[GROUP][key].dataset


def lacking(
    params: Params, table: str, key: str, found: Sequence[Line]
) -> Iterator[str]:
    """Rows that the paper prints and the cell does not ask for, as a note."""
    told = printed_table(PAPER, table, key).rows
    ours = {row.method for row in found}
    names = dict.fromkeys(told.loc[~told["method"].isin(ours), "name"])
    if names:
        yield f"not trained here, the cell does not ask for it: {', '.join(names)}"
