"""A table for any data set: every method of a cell of the group `own`."""

from collections.abc import Mapping
from functools import partial

import pandas as pd

from repro.params import Params
from repro.params.cells import CONTROLS, STACKED, WEIGHTINGS
from repro.results.runs import Run, trained_run
from repro.tables.blocks import left_out
from repro.tables.lines import baseline_lines, lines, numbered, unimodal_line
from repro.tables.rows import Table

GROUP = "own"
EXPERTS_NOTE = (
    "every fusion, with weights of modalities or without, stands for its interaction "
    "experts ({}); a modality alone is the plain fusion"
)


def tables(params: Params) -> Mapping[str, Table]:
    """One table for every cell of the group, under the key of the cell."""
    return {
        key: Table(
            f"{params.dataset(cell.dataset).title}. Every method",
            partial(own_table, address=f"{GROUP}/{key}"),
        )
        for key, cell in params.cells.get(GROUP, {}).items()
    }


def own_table(params: Params, address: str) -> pd.DataFrame:
    """Every method of a run on its own data set, set against its unweighted fusion.

    Rows are the predictors without a network that `baselines/<dataset>` holds, the
    best unimodal model, unweighted fusions, weighted ones and controls. Metrics are
    those of the task; title, groups and classes those of the data set.

    Raises:
        ValueError: a run is missing, or its methods cannot be compared.
    """
    run, recipe = trained_run(params, address), params.recipe(address)
    fusion = recipe.fusion
    reference = fusion if fusion in run.report.methods else ""
    has_unimodal = set(run.report.data.modalities) & set(run.report.methods)
    fused = [name for name in run.methods if name in _fusions(params, run)]
    notes = left_out(params, [run])
    if recipe.interaction is not None:
        notes.append(EXPERTS_NOTE.format(params.names["i2moe"]))
    found = [
        *baseline_lines(params, f"baselines/{recipe.dataset}", reference=reference),
        *([unimodal_line(params, run, reference)] if has_unimodal else []),
        *lines(params, run, (STACKED, *fused), reference),
        *lines(params, run, (*WEIGHTINGS, *CONTROLS), reference),
    ]
    return numbered(params, found, fusion, after=notes)


def _fusions(params: Params, run: Run) -> Mapping[str, object]:
    return params.models(run.dataset).fusions
