"""What each shortcut of the published protocol is worth."""

from dataclasses import replace

import pandas as pd

from repro.params import Cell, Params
from repro.results import (
    BASELINES,
    ENCODER,
    Run,
    best_unimodal,
    cell_run,
    group_run,
    paired,
    read_run,
    seed_metrics,
)
from repro.statistics import paired_bootstrap
from repro.tables.rows import (
    Block,
    Entry,
    block_of,
    difference_entry,
    frame,
    holm_adjusted,
    joined_notes,
    not_converged,
    summary_entry,
)

METHODS = ("moe", "averaged_instance", "modality", "instance", "bi_level")
GROUP = "attribution"


def attribution(params: Params) -> pd.DataFrame:
    """One row per attribution cell: test MAE, and the gain over the cell's own MoE.

    Gain is MAE of the MoE minus MAE of the method: positive is better. Both stand
    under the same switches.
    """
    cells = attribution_cells(params)
    datasets = dict.fromkeys(cell.dataset for cell in cells.values())
    return pd.concat([_block_frame(params, name) for name in datasets])


def attribution_cells(params: Params) -> dict[str, Cell]:
    """The attribution cells with the main text encoder, in the order of params."""
    cells = params.cells.get(GROUP, {})
    return {key: cell for key, cell in cells.items() if cell.encoder == ENCODER}


def gains(params: Params, row: str, name: str, run: Run) -> list[Entry]:
    """MAE of each method of a run, and its gain over the run's MoE with interval."""
    moe = run.predictions("moe")
    entries = []
    for method in METHODS:
        if not (run.table["method"] == method).any():
            continue
        found = run.predictions(method)
        mae = seed_metrics(found)["mae"]
        entries.append(summary_entry(row, name, f"{method}_mae", mae))
        if method == "moe":
            continue
        gain = paired_bootstrap(
            -paired(found, moe), moe.group, **params.statistics.model_dump()
        )
        metric = f"{method}_gain"
        entries.append(difference_entry(row, name, metric, gain, mae.n))
    return [replace(entry, alpha=run.alpha) for entry in entries]


def baseline_notes(params: Params, dataset: str) -> str:
    """Test MAE of the trivial baselines, as a sentence."""
    baselines = read_run(dataset, BASELINES)
    unimodal = group_run(params, "unimodal", dataset)
    best = best_unimodal(unimodal)
    found = {
        params.names["mean"]: baselines.predictions("mean"),
        params.names["ridge"]: baselines.predictions("ridge"),
        f"{params.names['unimodal']} ({best})": unimodal.predictions(best),
    }
    shown = [f"{name} {p.error.mean():.3f}" for name, p in found.items()]
    return f"test MAE of the trivial baselines: {', '.join(shown)}"


def _block_frame(params: Params, dataset: str) -> pd.DataFrame:
    cells = attribution_cells(params)
    runs = {
        key: cell_run(params, GROUP, key)
        for key, cell in cells.items()
        if cell.dataset == dataset
    }
    block = block_of(list(runs.values()), varied=True)
    entries = []
    for key, run in runs.items():
        name = key.replace("_", " ")
        if not_converged(run, "moe"):
            name += ", MoE not converged"
        entries += gains(params, key, name, run)
    return frame(_with_notes(params, block), holm_adjusted(entries))


def _with_notes(params: Params, block: Block) -> Block:
    notes = [
        "gain = MAE of the MoE under the same switches minus MAE of the method, "
        "positive is better",
        baseline_notes(params, block.dataset),
        block.notes,
    ]
    return replace(block, notes=joined_notes(*notes))
