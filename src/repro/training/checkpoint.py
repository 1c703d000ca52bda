"""Parameters and inference states of the kept epochs, as plain arrays."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from btw import InferenceState
from repro.models.layers.stacked import by_seed
from repro.models.predictor import Predictor
from repro.training.weighting.inference import Snapshot


def checkpoint_arrays(
    model: Predictor, snapshots: Sequence[Snapshot | None], kept: Sequence[int]
) -> dict[str, np.ndarray]:
    """Everything that predicts an instance outside train, named for safetensors.

    Parameters keep their leading member dimension, of the `kept` members alone; states
    are numbered by member. An encoder that a member trained along is kept whole.
    """
    stacked = {id(parameter) for parameter in model.stacked_parameters()}
    arrays = {}
    for name, parameter in model.named_parameters():
        values = parameter.detach()
        if id(parameter) in stacked:  # several slices of a member stay together
            own = by_seed(values, model.seeds)[list(kept)]
            values = own.reshape(-1, *values.shape[1:])
        arrays[f"parameters.{name}"] = values.cpu().numpy()
    for name, values in model.buffers_by_seed().items():
        arrays[f"buffers.{name}"] = values.cpu().numpy()[list(kept)]
    for member, snapshot in enumerate(snapshots[i] for i in kept if snapshots):
        if snapshot is None:
            continue
        arrays[f"states.{member}.epoch"] = np.array(snapshot.epoch)
        for name, array in snapshot.state.to_arrays().items():
            arrays[f"states.{member}.state.{name}"] = np.asarray(array)
        for split, rows in snapshot.fixed.items():
            arrays[f"states.{member}.fixed.{split}"] = rows
    return arrays


@torch.no_grad()
def load_parameters(model: Predictor, arrays: Mapping[str, np.ndarray]) -> None:
    """Put stored parameters and buffers into a model of the same shape.

    Raises:
        ValueError: one is missing or has another shape.
    """
    wanted: dict[str, Tensor] = {
        f"parameters.{n}": p for n, p in model.named_parameters()
    }
    wanted |= {f"buffers.{n}": b for n, b in model.buffers_by_seed().items()}
    for name, values in wanted.items():
        stored = arrays.get(name)
        if stored is None or stored.shape != tuple(values.shape):
            raise ValueError(
                f"checkpoint: {name} is {None if stored is None else stored.shape}, "
                f"the model has {tuple(values.shape)}; use the settings it was "
                "trained with"
            )
        values.copy_(torch.from_numpy(stored))


def stored_snapshots(arrays: Mapping[str, np.ndarray]) -> list[Snapshot]:
    """The inference states of all members, in order."""
    members = sorted({int(n.split(".")[1]) for n in arrays if n.startswith("states.")})
    return [_snapshot(arrays, f"states.{member}.") for member in members]


def _snapshot(arrays: Mapping[str, np.ndarray], prefix: str) -> Snapshot:
    def below(kind: str) -> dict[str, np.ndarray]:
        start = f"{prefix}{kind}."
        return {
            n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)
        }

    return Snapshot(
        epoch=int(arrays[f"{prefix}epoch"]),
        state=InferenceState.from_arrays(below("state")),
        fixed=below("fixed"),
    )
