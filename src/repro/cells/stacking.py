"""The linear model on the unimodal predictions of a run."""

from collections.abc import Mapping
from time import process_time

import numpy as np

from repro.baselines.stacking import stacked
from repro.cells.evidence import columns
from repro.cells.result import Result
from repro.cells.study import Study
from repro.params.cells import STACKED


def cannot_stack(study: Study) -> str | None:
    """Why the unimodal predictions of a run cannot be stacked, or None if they can."""
    if "in_sample_unimodal" in study.switches:
        return "unimodal predictions of train are in-sample under this protocol"
    return study.unable


def stacked_result(study: Study, known: Mapping[str, Result]) -> Result:
    """Stacking of the modalities of a run, seed by seed; train rows are out-of-fold."""
    started = process_time()
    names, split = study.inputs.names, np.full(len(study.samples), "none", dtype="<U5")
    for name, rows in study.rows.items():
        split[rows] = name
    predictions = columns(study, [known[name] for name in names])
    y = study.samples["y"].to_numpy(np.float64)
    fit = stacked(predictions, y, split, tuple(study.seeds))
    return Result(
        method=STACKED,
        predictions={s: fit.predictions[:, rows] for s, rows in study.rows.items()},
        history=[],
        epochs=[],
        parameters=0,
        seconds=process_time() - started,
        modalities=names,
        settings=fit.settings,
    )
