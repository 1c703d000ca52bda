"""What each shortcut of the published protocol is worth."""

from dataclasses import replace

import numpy as np
import pandas as pd

from repro import paths
from repro.metrics.statistics import paired_bootstrap
from repro.params import Cell, Params
from repro.results.runs import (
    BASELINES,
    Run,
    best_unimodal,
    cell_run,
    group_run,
    paired,
    read_run,
    seed_metrics,
)
from repro.tables.rows import (
    Entry,
    block_of,
    difference_entry,
    frame,
    holm_adjusted,
    joined_notes,
    not_converged,
    refuse_unlike,
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
    return {
        key: cell
        for key, cell in cells.items()
        if params.encoder_of(cell) == params.encoder
    }


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
    remark = "MoE not converged" if not_converged(run, "moe") else ""
    return [replace(entry, alpha=run.alpha, remark=remark) for entry in entries]


def refuse_unequal_ones(run: Run) -> None:
    """Stop at a run whose weights are held at one but that differs from its MoE.

    Raises:
        ValueError: a test prediction of a method is not that of the MoE, bit for bit.
    """
    if run.report["control"] != "ones" or run.report["switches"]:
        return
    moe = run.predictions("moe")
    for method in METHODS[1:]:
        if not (run.table["method"] == method).any():
            continue
        largest = np.abs(run.predictions(method).prediction - moe.prediction).max()
        if largest != 0:
            raise ValueError(
                f"{paths.run(run.dataset, run.folder)}/predictions.parquet: weights "
                f"are held at one, but method {method!r} differs from the MoE by up to "
                f"{largest:.3g}, so the two were trained differently; run dvc repro"
            )


def baseline_notes(params: Params, run: Run) -> str:
    """Test MAE of the trivial baselines of a run's data set, as a sentence."""
    baselines = read_run(run.dataset, BASELINES)
    unimodal = group_run(params, "unimodal", run.dataset)
    refuse_unlike([run, unimodal])
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
        refuse_unequal_ones(run)
        entries += gains(params, key, key.replace("_", " "), run)
    notes = [
        "gain = MAE of the MoE under the same switches minus MAE of the method, "
        "positive is better",
        baseline_notes(params, next(iter(runs.values()))),
        block.notes,
    ]
    block = replace(block, notes=joined_notes(*notes))
    return frame(block, holm_adjusted(entries))
