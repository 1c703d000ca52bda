"""Audio, video and other series on a common scale, learned on train rows only."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from repro.files import read_arrays, write_arrays
from repro.records import Ragged

CLIP = 10.0  # standard deviations; beyond is an artefact of the extractor
FLOOR = 1e-6  # an sd below this share of max(1, |mean|) is rounding of a constant


@dataclass(frozen=True)
class Scale:
    """Mean and sd of each feature; a constant one has sd 0 and becomes 0."""

    mean: Float[np.ndarray, " features"]
    sd: Float[np.ndarray, " features"]


def fitted_scale(ragged: Ragged, is_train: Bool[np.ndarray, " samples"]) -> Scale:
    """Mean and sd over the rows of the training samples, in float64.

    Raises:
        ValueError: no training sample has a row.
    """
    rows = np.repeat(is_train, ragged.lengths)
    if not rows.any():
        raise ValueError("no training sample has this modality; there is no scale")
    values = ragged.values[rows].astype(np.float64)
    mean, sd = values.mean(axis=0), values.std(axis=0)
    constant = sd <= FLOOR * np.maximum(1, np.abs(mean))
    return Scale(mean, np.where(constant, 0.0, sd))


def standardized(ragged: Ragged, scale: Scale) -> tuple[Ragged, int]:
    """(value - mean) / sd, clipped to +-10, and how many values were clipped.

    A feature that is constant in train is 0 everywhere: its scale is unknown.

    Departure: the released sentiment code scales every clip by itself.

    >>> r = Ragged(np.array([[1.0, 5.0], [3.0, 5.0]], np.float32), np.array([0, 1, 2]))
    >>> scale = fitted_scale(r, np.array([True, True]))
    >>> standardized(r, scale)[0].values.tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    inverse = np.divide(1.0, scale.sd, out=np.zeros_like(scale.sd), where=scale.sd > 0)
    values = (ragged.values - scale.mean) * inverse
    clipped = int((np.abs(values) > CLIP).sum())
    values = np.clip(values, -CLIP, CLIP).astype(np.float32)
    return Ragged(values, ragged.offsets, ragged.times), clipped


def write_scales(path: Path, scales: Mapping[str, Scale]) -> None:
    """Write the scale of every modality, so that new samples can be put on it."""
    arrays = {f"{name}.mean": scale.mean for name, scale in scales.items()}
    arrays |= {f"{name}.sd": scale.sd for name, scale in scales.items()}
    write_arrays(path, arrays)


def read_scales(path: Path) -> dict[str, Scale]:
    """What `write_scales` wrote.

    Raises:
        ValueError: the file is missing, cut short, or holds something else.
    """
    arrays = read_arrays(path)
    names = {name.rpartition(".")[0] for name in arrays}
    try:
        return {n: Scale(arrays[f"{n}.mean"], arrays[f"{n}.sd"]) for n in names}
    except KeyError as error:
        raise ValueError(
            f"{path}: has no array {error}; run the stage that writes it again"
        ) from None
