"""Table of BTW: what the weights tell of planted reliability, and what can be known."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from repro.metrics.bootstrap import summary
from repro.params import Params
from repro.results.planted import (
    SOURCES,
    areas_of,
    ceilings_of,
    told,
    weights_beside_truth,
)
from repro.results.runs import Run, seed_metrics, trained_run
from repro.tables.blocks import block_of, refuse_unlike, tested_note
from repro.tables.rows import TYPES, Entry, frame, joined, joined_notes, summary_entry

WEIGHTED = ("instance", "bi_level")
ATTAINABLE = ("attainable", "attainable_known")
SHOWN = ("mae", "log_loss", "accuracy")  # of the label
NOTES = (
    "reliability AUROC = chance that a sample whose modality is reliable is ranked "
    "above one where it is pure noise; 0.5 is chance. Nothing that is made of what the "
    "modalities show can expect more than the exact posterior; trees that are trained "
    "on the planted truth tell what these samples suffice to learn from predictions or "
    "features",
    "best from the seen latents = the best predictor of the label that knows the law "
    "of the simulator and the true latents as modalities show them",
)


def ceilings(params: Params) -> pd.DataFrame:
    """Weights against the planted truth, and the ceilings of truth and label."""
    return joined(_block(params, name) for name in params.cells.get("btw", {}))


def _block(params: Params, dataset: str) -> pd.DataFrame:
    """The rows of one data set; none where nothing was planted."""
    limits = ceilings_of(dataset)
    if not limits.methods:
        return pd.DataFrame(columns=list(TYPES)).astype(TYPES)
    base, run = (trained_run(params, f"{g}/{dataset}") for g in ("base", "btw"))
    refuse_unlike([base, run])
    plain = base.predictions(base.report.fusion)
    entries = [
        *_weights(params, run),
        *_known(limits),
        *_labels(params, base, base.report.fusion),
        *(entry for name in ATTAINABLE for entry in _labels(params, limits, name)),
    ]
    block = block_of([base, run])
    notes = joined_notes(tested_note(params, base, plain), *NOTES, block.notes)
    return frame(replace(block, notes=notes), entries)


def _weights(params: Params, run: Run) -> Iterator[Entry]:
    joined = weights_beside_truth(run)
    for method in WEIGHTED:
        name = f"weights of {params.names[method]}"
        for modality in run.report.data.modalities:
            areas = told(joined, method, modality).areas
            if len(areas) and not np.isnan(areas).any():
                metric = f"{modality}_reliability"
                yield summary_entry(method, name, metric, summary(areas))


def _known(limits: Run) -> Iterator[Entry]:
    areas = areas_of(limits)
    for source, name in SOURCES.items():
        for modality in limits.report.data.modalities:
            area = areas[modality, source]
            if not np.isnan(area):
                yield Entry(source, name, f"{modality}_reliability", mean=area)


def _labels(params: Params, run: Run, method: str) -> Iterator[Entry]:
    is_crossed = run.report.folds > 0
    found = seed_metrics(
        run.score, run.predictions(method), is_cross_validated=is_crossed
    )
    for metric in (name for name in SHOWN if name in found):
        name = params.names.get(method, method)
        yield summary_entry(method, name, metric, found[metric])
