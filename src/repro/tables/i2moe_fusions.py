"""Table of I2MoE: fusions with and without interaction experts, side by side."""

from dataclasses import replace

import pandas as pd

from repro.params import Params
from repro.results.runs import Run, trained_run
from repro.tables.blocks import left_out
from repro.tables.labels import WITHOUT_EXPERTS
from repro.tables.lines import Line, baseline_lines, lines, numbered, unimodal_line
from repro.tables.rows import joined

GROUP, PLAIN, EXPERTS = "experts", "plain", "i2moe"
BASELINES = {
    "regression": ("mean", "ridge"),
    "classification": ("majority", "stratified", "logistic"),
    "multilabel": ("constant", "logistic"),
}
# Classes have no order, and their recalls are too many to show.
SHOWN = {
    "regression": (),
    "classification": (
        "accuracy",
        "macro_f1",
        "weighted_f1",
        "balanced_accuracy",
        "auroc",
        "log_loss",
    ),
    "multilabel": (),
}
NOTE = (
    "interaction experts are set against the same fusion without them, which has the "
    "sizes of one expert; the mixture has one for each modality and two more"
)


def fusions(params: Params) -> pd.DataFrame:
    """What interaction experts are worth, for each data set that has such a cell."""
    return joined(_block(params, name) for name in params.cells.get(GROUP, {}))


def _block(params: Params, key: str) -> pd.DataFrame:
    plain, experts = (
        trained_run(params, f"{GROUP}/{key}/{row}") for row in (PLAIN, EXPERTS)
    )
    dataset, task = plain.dataset, plain.report.data.task
    alone = plain if set(plain.report.data.modalities) <= set(plain.methods) else None
    if alone is None:  # the unimodal models of the first paper
        alone = trained_run(params, f"base/{dataset}")
    found = [
        *baseline_lines(params, f"baselines/{dataset}", BASELINES[task]),
        unimodal_line(params, alone),
        *_fusions(params, plain, experts),
    ]
    found = [replace(row, limited=SHOWN[task]) for row in found]
    notes = [NOTE, *left_out(params, [plain, experts])]
    return numbered(params, found, WITHOUT_EXPERTS, after=notes)


def _fusions(params: Params, plain: Run, experts: Run) -> list[Line]:
    """Every fusion, and below it the experts made of it."""
    found: list[Line] = []
    alone = set(plain.report.data.modalities)
    for name in (method for method in plain.methods if method not in alone):
        found += lines(params, plain, (name,))
        found += [
            replace(
                row,
                row=f"{name}_{EXPERTS}",
                name=f"{params.names[EXPERTS]} of {row.name}",
                reference=name,
            )
            for row in lines(params, experts, (name,))
        ]
    return found
