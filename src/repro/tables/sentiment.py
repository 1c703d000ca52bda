"""Table 3 (all methods) and Table 6 (smoothing factors) on the sentiment data."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from repro.params import Params
from repro.published import decimals, published
from repro.results import (
    BASELINES,
    Predictions,
    Run,
    best_unimodal,
    cell_run,
    cells_of,
    group_run,
    paired,
    read_run,
    seed_metrics,
)
from repro.statistics import paired_bootstrap
from repro.tables.rows import (
    Entry,
    block_of,
    difference_entry,
    facts,
    frame,
    holm_adjusted,
    not_converged,
    summary_entry,
)
from repro.verdict import verdict

WEIGHTED = ("averaged_instance", "modality", "instance", "bi_level")
AGAINST_MOE = "mae_vs_moe"


@dataclass(frozen=True)
class Line:
    """A row before its numbers: whose predictions, under which name."""

    row: str
    method: str
    name: str
    run: Run
    predictions: Predictions
    label: float | None = None  # the smoothing factor the row stands for (Table 6)
    remark: str = ""


def table3(params: Params) -> pd.DataFrame:
    """Every method on every data set; the weighted ones with the alpha they ran at."""
    return pd.concat([_table3_block(params, name) for name in params.datasets])


def table6(params: Params) -> pd.DataFrame:
    """BTW-local and BTW at each smoothing factor that a sweep cell pins.

    Raises:
        ValueError: a cell's report carries another alpha than its label.
    """
    return pd.concat([_table6_block(params, name) for name in params.datasets])


def reference_lines(params: Params, dataset: str) -> list[Line]:
    """The rows every table has: mean, ridge, best unimodal, unweighted MoE."""
    baselines = read_run(dataset, BASELINES)
    lines = [
        Line(m, m, params.names[m], baselines, baselines.predictions(m))
        for m in ("mean", "ridge")
    ]
    unimodal = group_run(params, "unimodal", dataset)
    best = best_unimodal(unimodal)
    name = f"{params.names['unimodal']} ({best})"
    lines.append(_trained("unimodal", name, unimodal, best))
    moe = group_run(params, "moe", dataset)
    return [*lines, _trained("moe", params.names["moe"], moe, "moe")]


def _trained(row: str, name: str, run: Run, method: str) -> Line:
    remark = "not converged" if not_converged(run, method) else ""
    return Line(row, row, name, run, run.predictions(method), remark=remark)


def _table3_block(params: Params, dataset: str) -> pd.DataFrame:
    cells = cells_of(params, "btw", dataset)
    order = sorted(cells, key=lambda key: WEIGHTED.index(cells[key].method))
    lines = reference_lines(params, dataset)
    for key in order:
        run, method = cell_run(params, "btw", key), cells[key].method
        lines.append(_trained(method, params.names[method], run, method))
    return _block_frame(params, "table3", lines)


def _table6_block(params: Params, dataset: str) -> pd.DataFrame:
    lines = reference_lines(params, dataset)
    for key, cell in cells_of(params, "sweep", dataset).items():
        run, method = cell_run(params, "sweep", key), cell.method
        name = f"{params.names[method]}, alpha {cell.alpha:g}"
        row = run.folder.removeprefix(f"{dataset}_")
        line = _trained(row, name, run, method)
        lines.append(replace(line, method=method, label=cell.alpha))
    return _block_frame(params, "table6", lines)


def _block_frame(params: Params, table: str, lines: list[Line]) -> pd.DataFrame:
    trained = [line.run for line in lines if line.run.folder != BASELINES]
    block = block_of(trained)
    printed = published()
    printed = printed[
        (printed["table"] == table) & (printed["dataset"] == block.dataset)
    ]
    against = _against_moe(params, lines)
    entries: list[Entry] = []
    for line in lines:
        entries += _metric_entries(line, _printed_of(printed, line))
        entries += [e for e in against if e.row == line.row]
    if table == "table3":
        entries += _printed_only(printed, {line.method for line in lines})
    return frame(block, entries)


def _printed_of(printed: pd.DataFrame, line: Line) -> pd.DataFrame:
    rows = printed[printed["method"] == line.method]
    if line.label is None:
        rows = rows[rows["alpha"].isna()]
    else:
        rows = rows[rows["alpha"] == line.label]
    return rows.set_index("metric")


def _metric_entries(line: Line, printed: pd.DataFrame) -> Iterator[Entry]:
    for metric, found in seed_metrics(line.predictions).items():
        entry = summary_entry(line.row, line.name, metric, found)
        entry = replace(entry, alpha=line.run.alpha, remark=line.remark)
        if metric in printed.index:
            entry = _beside_printed(line, entry, printed.loc[metric])
        yield entry


def _beside_printed(line: Line, entry: Entry, printed: pd.Series) -> Entry:
    """The entry with the printed number and, on real data, the verdict."""
    mean = float(printed["mean"])
    sd = None if np.isnan(printed["sd"]) else float(printed["sd"])
    entry = replace(entry, published_mean=mean, published_sd=sd)
    if entry.mean is None or entry.n is None:
        raise ValueError(f"{entry.row}.{entry.metric}: no number to compare")
    alpha = line.run.alpha if line.label is None else None
    known = facts(line.run, entry.n, alpha)
    found = verdict(known, entry.mean, entry.sd, mean, sd, decimals(entry.metric))
    if found is None:
        return entry
    return replace(
        entry,
        difference=entry.mean - mean,
        verdict=found.word,
        condition=found.condition,
    )


def _against_moe(params: Params, lines: list[Line]) -> list[Entry]:
    """MAE minus that of the MoE, with interval, p and Holm over the block's rows."""
    moe = next(line for line in lines if line.row == "moe")
    entries = []
    for line in lines:
        if line is moe:
            continue
        found = paired_bootstrap(
            paired(line.predictions, moe.predictions),
            moe.predictions.group,
            **params.statistics.model_dump(),
        )
        n = len(moe.predictions.seeds)
        entry = difference_entry(line.row, line.name, AGAINST_MOE, found, n)
        entries.append(replace(entry, alpha=line.run.alpha, remark=line.remark))
    return holm_adjusted(entries)


def _printed_only(printed: pd.DataFrame, ours: set[str]) -> Iterator[Entry]:
    """Rows of the paper that are not trained here."""
    for _, row in printed[~printed["method"].isin(ours)].iterrows():
        yield Entry(
            row["method"],
            row["name"],
            row["metric"],
            published_mean=float(row["mean"]),
            published_sd=float(row["sd"]),
        )
