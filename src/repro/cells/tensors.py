"""Features as tensors on the device in force."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from repro.features.reading import Features
from repro.models.batch import Inputs, Sequences
from repro.records import WINDOW_HOURS, Ragged


def chosen_device(name: str, precision: str = "float32") -> torch.device:
    """The device of params: `auto` takes CUDA when there is one.

    Raises:
        ValueError: cuda is asked for, by name or by precision, and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "params.yaml: device = 'cuda', but torch finds no CUDA device; "
            "set device: auto or cpu"
        )
    if precision != "float32" and (name == "cpu" or not torch.cuda.is_available()):
        raise ValueError(
            f"params.yaml: precision = {precision!r} needs a CUDA device; "
            "set precision: float32"
        )
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def tensors(features: Features, device: torch.device) -> Inputs:
    """Features as sequences that are not padded; an absent modality has no rows."""
    samples, arrays = features.samples, features.modalities
    names = tuple(arrays)
    lengths = np.stack([arrays[name].lengths for name in names], axis=1)
    present = np.stack([samples[f"present_{n}"].to_numpy(bool) for n in names], axis=1)
    present &= lengths > 0
    there = {name: present[:, m] for m, name in enumerate(names)}
    return Inputs(
        names=names,
        values=tuple(_sequences(arrays[n], there[n], device) for n in names),
        lengths=torch.from_numpy(np.where(present, lengths, 0)).to(device),
        present=torch.from_numpy(present).to(device),
        y=torch.from_numpy(samples["y"].to_numpy(np.float32)).to(device),
        times=tuple(_times(arrays[n], there[n], device) for n in names),
        hourly=tuple(
            padded(features.hourly[n], there[n]).to(device)
            if n in features.hourly
            else None
            for n in names
        ),
    )


def _sequences(
    ragged: Ragged, present: Bool[np.ndarray, " samples"], device: torch.device
) -> Sequences:
    lengths = np.where(present, ragged.lengths, 0)
    offsets = np.concatenate([[0], lengths.cumsum()])
    rows = _rows(ragged.values, ragged, present)
    return Sequences(rows.to(device), torch.from_numpy(offsets).to(device))


def _times(
    ragged: Ragged, present: Bool[np.ndarray, " samples"], device: torch.device
) -> Float[Tensor, " rows"] | None:
    """Times as a share of the observation window."""
    if ragged.times is None:
        return None
    return _rows(ragged.times / WINDOW_HOURS, ragged, present).to(device)


def _rows(
    column: Shaped[np.ndarray, " rows *features"],
    ragged: Ragged,
    present: Bool[np.ndarray, " samples"],
) -> Float[Tensor, " kept *features"]:
    """What present samples store, and the row of zeros that padding reads."""
    kept = np.repeat(present, ragged.lengths)
    result = np.zeros((kept.sum() + 1, *column.shape[1:]), dtype=np.float32)
    result[:-1] = column if kept.all() else column[kept]
    return torch.from_numpy(result)


def padded(
    ragged: Ragged, present: np.ndarray
) -> Float[Tensor, "samples time features"]:
    """Sequences padded at the end with zeros to the longest one.

    >>> r = Ragged(np.ones((3, 1), np.float32), np.array([0, 1, 3]))
    >>> padded(r, np.array([True, True]))[..., 0].tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    lengths = np.where(present, ragged.lengths, 0)
    shape = (len(lengths), max(int(lengths.max(initial=0)), 1), ragged.values.shape[1])
    result = np.zeros(shape, dtype=np.float32)
    column = np.arange(shape[1])
    used = column < lengths[:, None]
    source: Int[np.ndarray, ...] = ragged.offsets[:-1, None] + column
    result[used] = ragged.values[source[used]]
    return torch.from_numpy(result)
