"""Table 3 (all methods) and Table 6 (smoothing factors) on the sentiment data."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from repro.metrics.statistics import paired_bootstrap
from repro.params import Params
from repro.results.published import decimals, published
from repro.results.runs import (
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
from repro.results.verdict import PAPER_ENCODER, PAPER_ENCODERS, Verdict, verdict
from repro.tables.rows import (
    Entry,
    block_of,
    difference_entry,
    facts,
    frame,
    holm_adjusted,
    joined_notes,
    not_converged,
    summary_entry,
)

WEIGHTED = ("averaged_instance", "modality", "instance", "bi_level")
AGAINST_MOE = "mae_vs_moe"
# Groups of other fusions, each cell with an unweighted model, and the order of rows.
FUSION_GROUPS = ("fusion_rows", "other_fusions")
FUSIONS = (
    "early_fusion",
    "late_fusion",
    "low_rank",
    "concat_transformer",
    "mult",
    "mmim",
)
# The paper prints these without saying on which features or with which settings.
UNSTATED = {
    "mult": "the paper does not state the features and encoder of MulT",
    "mmim": "the paper does not state the settings of MMIM",
    "ithp": "the paper does not state the settings of ITHP",
}


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
    against: str = "moe"  # the row that the difference is to; its own row: none

    @property
    def alpha(self) -> float | None:
        """The smoothing factor it was trained with, if it has weights."""
        return self.run.alpha if self.method in WEIGHTED else None


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
    return first_lines(
        params,
        read_run(dataset, BASELINES),
        group_run(params, "unimodal", dataset),
        group_run(params, "moe", dataset),
    )


def first_lines(params: Params, baselines: Run, unimodal: Run, moe: Run) -> list[Line]:
    """Mean, ridge, best unimodal and unweighted MoE from the runs that hold them."""
    lines = [
        Line(m, m, params.names[m], baselines, baselines.predictions(m))
        for m in ("mean", "ridge")
    ]
    best = best_unimodal(unimodal)
    name = f"{params.names['unimodal']} ({best})"
    lines.append(trained_line("unimodal", name, unimodal, best))
    return [*lines, trained_line("moe", params.names["moe"], moe, "moe")]


def trained_line(row: str, name: str, run: Run, method: str) -> Line:
    """The row of one method of a run, marked where training had not converged."""
    remark = "not converged" if not_converged(run, method) else ""
    return Line(row, row, name, run, run.predictions(method), remark=remark)


def _table3_block(params: Params, dataset: str) -> pd.DataFrame:
    cells = cells_of(params, "btw", dataset)
    order = sorted(cells, key=lambda key: WEIGHTED.index(cells[key].method))
    fusions = fusion_runs(params, dataset)
    lines = [*reference_lines(params, dataset), *fusion_lines(params, fusions)]
    for key in order:
        run, method = cell_run(params, "btw", key), cells[key].method
        lines.append(trained_line(method, params.names[method], run, method))
    return block_frame(params, "table3", lines, left_out(fusions.values()))


def fusion_runs(params: Params, dataset: str) -> dict[str, Run]:
    """Every other fusion that a cell trains on the data set, by name."""
    return {
        cell.fusion: cell_run(params, group, key)
        for group in FUSION_GROUPS
        for key, cell in cells_of(params, group, dataset).items()
    }


def fusion_lines(params: Params, runs: Mapping[str, Run]) -> list[Line]:
    """The unweighted rows of the fusions that the data could serve."""
    return [
        trained_line(fusion, params.names[fusion], runs[fusion], fusion)
        for fusion in FUSIONS
        if fusion in runs and runs[fusion].report["methods"]
    ]


def left_out(runs: Iterable[Run]) -> list[str]:
    """Why runs have no rows: the last note of those that trained nothing."""
    return [
        run.report["data"]["notes"][-1] for run in runs if not run.report["methods"]
    ]


def _table6_block(params: Params, dataset: str) -> pd.DataFrame:
    lines = reference_lines(params, dataset)
    for key, cell in cells_of(params, "sweep", dataset).items():
        run, method = cell_run(params, "sweep", key), cell.method
        name = f"{params.names[method]}, alpha {cell.alpha:g}"
        row = run.folder.removeprefix(f"{dataset}_")
        line = trained_line(row, name, run, method)
        lines.append(replace(line, method=method, label=cell.alpha))
    return block_frame(params, "table6", lines)


def block_frame(
    params: Params,
    table: str,
    lines: list[Line],
    notes: Sequence[str] = (),
    difference: str = AGAINST_MOE,
) -> pd.DataFrame:
    """One data set's rows of a table, ours with differences, then only printed ones."""
    trained = [line.run for line in lines if not line.run.is_baseline]
    block = block_of(trained)
    block = replace(block, notes=joined_notes(block.notes, *notes))
    printed = published()
    printed = printed[
        (printed["table"] == table) & (printed["dataset"] == block.dataset)
    ]
    against = _differences(params, lines, difference)
    entries: list[Entry] = []
    for line in lines:
        entries += _metric_entries(line, _printed_of(printed, line))
        entries += [e for e in against if e.row == line.row]
    if table in ("table3", "table5"):
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
        entry = replace(entry, alpha=line.alpha, remark=line.remark)
        if metric in printed.index:
            row = printed.loc[metric]
            encoder = PAPER_ENCODERS.get(row["table"], PAPER_ENCODER)
            entry = _beside_printed(line, entry, row, encoder)
        yield entry


def _beside_printed(
    line: Line, entry: Entry, printed: pd.Series, paper_encoder: str
) -> Entry:
    """The entry with the printed number and, on real data, the verdict."""
    mean = float(printed["mean"])
    sd = None if np.isnan(printed["sd"]) else float(printed["sd"])
    entry = replace(entry, published_mean=mean, published_sd=sd)
    if entry.mean is None or entry.n is None:
        raise ValueError(f"{entry.row}.{entry.metric}: no number to compare")
    alpha = line.alpha if line.label is None else None
    known = facts(line.run, entry.n, alpha)
    known = replace(known, paper_encoder=paper_encoder)
    found = verdict(known, entry.mean, entry.sd, mean, sd, decimals(entry.metric))
    if found is None:
        return entry
    if line.method in UNSTATED:
        found = Verdict("not comparable", UNSTATED[line.method])
    return replace(
        entry,
        difference=entry.mean - mean,
        verdict=found.word,
        condition=found.condition,
    )


def _differences(params: Params, lines: list[Line], metric: str) -> list[Entry]:
    """MAE minus that of the row's reference, with Holm's p over the block's rows."""
    known = {line.row: line.predictions for line in lines}
    entries = []
    for line in lines:
        if line.against == line.row:
            continue
        reference = known[line.against]
        found = paired_bootstrap(
            paired(line.predictions, reference),
            reference.group,
            **params.statistics.model_dump(),
        )
        n = len(reference.seeds)
        entry = difference_entry(line.row, line.name, metric, found, n)
        entries.append(replace(entry, alpha=line.alpha, remark=line.remark))
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
