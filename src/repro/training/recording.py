"""What a fitted model tells of instances beside its predictions."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from repro.models.batch import Inputs
from repro.models.predictor import Predictor, Randomness
from repro.training.prediction import outputs_of
from repro.training.weighting.application import Applied

SPLITS = ("valid", "test")
Records = Mapping[str, Mapping[str, Float[np.ndarray, "members ..."]]]


def recorded_names(model: Predictor) -> tuple[str, ...]:
    """Gates of its fusion that are recorded for every instance; none for most."""
    names: tuple[str, ...] = getattr(model.fusion, "records", ())
    return names


def records_of(
    model: Predictor,
    inputs: Inputs,
    rows: Mapping[str, Int[np.ndarray, " _rows"]],
    weights: Mapping[str, Applied | None],
    randomness: Randomness,
    batch: int,
) -> Records:
    """Gates of all rows of valid and test: by split, then by name, in float64.

    `weights[split]` are those that the rows were predicted with, by sample.
    """
    names = recorded_names(model)
    if not names:
        return {}
    return {
        split: _recorded(model, inputs, rows[split], weights[split], randomness, batch)
        for split in SPLITS
        if split in rows
    }


@torch.no_grad()
def _recorded(
    model: Predictor,
    inputs: Inputs,
    rows: Int[np.ndarray, " rows"],
    weights: Applied | None,
    randomness: Randomness,
    batch: int,
) -> dict[str, np.ndarray]:
    parts: dict[str, list[Tensor]] = {name: [] for name in recorded_names(model)}
    places = []
    for chosen, output in outputs_of(model, inputs, rows, weights, randomness, batch):
        places.append(chosen)
        for name, found in parts.items():
            found.append(output.gates[name])
    back = torch.from_numpy(np.argsort(np.concatenate(places))).to(inputs.y.device)
    return {
        name: torch.cat(found, 1)[:, back].double().cpu().numpy()
        for name, found in parts.items()
    }


def by_sample(
    inputs: Inputs,
    rows: Mapping[str, Int[np.ndarray, " _rows"]],
    weights: Mapping[str, Float[np.ndarray, "members _rows modalities"]],
) -> dict[str, Applied]:
    """Weights of every split indexed by sample, as they are applied."""
    placed = {}
    for split, own in weights.items():
        members, _, modalities = own.shape
        placed[split] = torch.zeros(members, len(inputs.y), modalities)
        placed[split][:, rows[split]] = torch.from_numpy(own).float()
    return placed
