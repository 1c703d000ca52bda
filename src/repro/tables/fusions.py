"""Table 5 (another text encoder) and BTW on fusions other than the paper's."""

from dataclasses import replace

import pandas as pd

from repro.params import Params
from repro.results.runs import Run, baselines_folder, cell_run, cells_of, read_run
from repro.tables.labels import AGAINST_UNWEIGHTED
from repro.tables.rows import TYPES
from repro.tables.sentiment import (
    FUSIONS,
    Line,
    block_frame,
    first_lines,
    left_out,
    reference_lines,
    trained_line,
)

ENCODER = "deberta"
WEIGHTED = ("instance", "bi_level")
NOTES = (
    "each weighted row is set against its own unweighted fusion; the unimodal models "
    "are the same for all",
    "in MulT every attention has one sender, where a positive weight cancels in the "
    "softmax; its weights act on the pooled vectors",
)


def table5(params: Params) -> pd.DataFrame:
    """ITHP, MMIM, MoE and BTW on the other text encoder, for every data set."""
    return pd.concat([_table5_block(params, name) for name in params.datasets])


def fusions(params: Params) -> pd.DataFrame:
    """Every fusion without weights, with BTW-local and with BTW."""
    datasets = {
        cell.dataset: None for cell in params.cells.get("other_fusions", {}).values()
    }
    return pd.concat([_fusions_block(params, name) for name in datasets])


def _table5_block(params: Params, dataset: str) -> pd.DataFrame:
    run = _only(params, "deberta_btw", dataset)
    if not run.report["methods"]:  # no raw text to encode
        return pd.DataFrame(columns=list(TYPES)).astype(TYPES)
    baselines = read_run(dataset, baselines_folder(ENCODER))
    if baselines.report["encoder"] != run.report["encoder"]:
        raise ValueError(
            f"runs/{dataset}: baselines on {baselines.report['encoder']} beside models "
            f"on {run.report['encoder']} cannot stand in one table; run dvc repro"
        )
    lines = first_lines(params, baselines, run, run)
    runs = {
        cell.fusion: cell_run(params, "deberta_rows", key)
        for key, cell in params.cells["deberta_rows"].items()
        if cell.dataset == dataset
    }
    lines += [
        trained_line(fusion, params.names[fusion], own, fusion)
        for fusion, own in runs.items()
        if own.report["methods"]
    ]
    lines += [trained_line(m, params.names[m], run, m) for m in WEIGHTED]
    return block_frame(params, "table5", lines, left_out(runs.values()))


def _only(params: Params, group: str, dataset: str) -> Run:
    """The run of the one cell that a group has for a data set."""
    cells = params.cells[group].items()
    keys = [key for key, cell in cells if cell.dataset == dataset]
    if len(keys) != 1:
        raise ValueError(
            f"params.yaml: cells.{group} has {keys} for dataset {dataset}; "
            "it needs exactly one"
        )
    return cell_run(params, group, keys[0])


def _fusions_block(params: Params, dataset: str) -> pd.DataFrame:
    *first, moe = reference_lines(params, dataset)
    lines = [*(replace(line, against=line.row) for line in first), moe]
    weighted = cells_of(params, "btw", dataset)
    for key, cell in weighted.items():
        if cell.method in WEIGHTED:
            run = cell_run(params, "btw", key)
            lines.append(_weighted_line(params, "moe", run, cell.method))
    runs = {
        cell.fusion: cell_run(params, "other_fusions", key)
        for key, cell in cells_of(params, "other_fusions", dataset).items()
    }
    for fusion in FUSIONS:
        if fusion in runs and runs[fusion].report["methods"]:
            lines += _fusion_lines(params, fusion, runs[fusion])
    notes = (*NOTES, *left_out(runs.values()))
    return block_frame(params, "fusions", lines, notes, AGAINST_UNWEIGHTED)


def _fusion_lines(params: Params, fusion: str, run: Run) -> list[Line]:
    plain = trained_line(fusion, params.names[fusion], run, fusion)
    return [
        replace(plain, against=fusion),
        *(_weighted_line(params, fusion, run, method) for method in WEIGHTED),
    ]


def _weighted_line(params: Params, fusion: str, run: Run, method: str) -> Line:
    name = f"{params.names[fusion]}, {params.names[method]}"
    line = trained_line(f"{fusion}_{method}", name, run, method)
    return replace(line, method=method, against=fusion)
