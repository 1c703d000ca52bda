"""What one method of a cell leaves, from stacked or from single seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro.models.batch import Inputs
from repro.models.predictor import parameter_count
from repro.training.checkpoint import checkpoint_arrays
from repro.training.fitting import Outcome
from repro.training.members import leaders


@dataclass(frozen=True)
class Result:
    """One method of one cell: predictions of every split and how they came about.

    Shape: `predictions[split]` is `(seeds, rows)`, of a classification
    `(seeds, rows, classes)`; `weights[split]` is `(seeds, rows, modalities)`;
    `records[split][name]` is `(seeds, rows, ...)`.
    """

    method: str
    predictions: dict[str, Float[np.ndarray, "seeds rows *classes"]]
    history: list[dict]
    epochs: list[int]
    parameters: int
    seconds: float  # of CPU: fits run side by side
    modalities: tuple[str, ...]
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    trajectory: list[dict] = field(default_factory=list)
    checkpoint: dict[str, np.ndarray] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)  # of a model of its own
    records: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    home: str = ""  # the run that trained it, if it is another one
    probe: list[pd.DataFrame] = field(default_factory=list)  # one for each mask
    test_seconds: float = 0.0  # of CPU, for one prediction of test; 0 if weighted


def together(results: Sequence[Result]) -> Result:
    """The result itself, or that of single seeds as one of all of them."""
    return results[0] if len(results) == 1 else merged(results)


def merged(results: Sequence[Result]) -> Result:
    """Results of single seeds as one result of all of them."""
    first = results[0]
    stored: dict[str, np.ndarray] = {}
    for seed, result in enumerate(results):
        for name, array in result.checkpoint.items():
            # One state and one fine-tuned text encoder per seed, numbered from 0.
            renamed = name.replace("states.0.", f"states.{seed}.", 1)
            renamed = renamed.replace(".copies.0.", f".copies.{seed}.", 1)
            if renamed != name or name.startswith("states.0.") or ".copies." in name:
                stored[renamed] = array
            else:
                known = stored.get(name, array[:0])
                stored[name] = np.concatenate([known, array])
    return replace(
        first,
        predictions=_concatenated([r.predictions for r in results]),
        weights=_concatenated([r.weights for r in results]),
        history=[row for r in results for row in r.history],
        trajectory=[row for r in results for row in r.trajectory],
        probe=[table for r in results for table in r.probe],
        epochs=[epoch for r in results for epoch in r.epochs],
        seconds=sum(r.seconds for r in results),
        test_seconds=sum(r.test_seconds for r in results),
        checkpoint=stored,
        records={
            split: _concatenated([r.records[split] for r in results])
            for split in first.records
        },
    )


def _concatenated(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def fitted_result(
    method: str,
    outcome: Outcome,
    predictions: dict[str, np.ndarray],
    seconds: float,
    inputs: Inputs,
    keep: bool = False,
) -> Result:
    """The result of the members that learned from all of train."""
    whole = leaders(outcome.members)
    kept = checkpoint_arrays(outcome.model, outcome.states, whole) if keep else {}
    return Result(
        method=method,
        predictions=predictions,
        history=[
            {"method": method} | row for row in outcome.history if row["fold"] == 0
        ],
        epochs=[outcome.epochs[i] for i in whole],
        parameters=parameter_count(outcome.model),
        seconds=seconds,
        modalities=inputs.names,
        checkpoint=kept,
        records={
            split: {name: values[whole] for name, values in own.items()}
            for split, own in outcome.records.items()
        },
    )
