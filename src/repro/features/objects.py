"""Notes, images and recordings of stays: their order, their rows and what was lost."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from repro.features.cache import Cached
from repro.features.series import FLOOR, Scale, fitted_scale, standardized
from repro.records import Ragged


def places(samples: pd.DataFrame, table: pd.DataFrame) -> Int[np.ndarray, " objects"]:
    """Row number in `samples` of each object, checked to be in order.

    Raises:
        ValueError: an id is unknown, or the objects are not sorted as the samples are,
            and by time within a sample.
    """
    found = pd.Index(samples["id"]).get_indexer(pd.Index(table["id"]))
    if (found < 0).any():
        unknown = table["id"].iloc[int(np.argmin(found))]
        raise ValueError(f"id={unknown!r}: not in samples; prepare the data set again")
    hours = table["hours"].to_numpy(np.float64)
    step, later = np.diff(found), np.diff(hours) >= 0
    if not ((step > 0) | ((step == 0) & later)).all():
        raise ValueError(
            "objects are not sorted by sample and hours; prepare the data set again"
        )
    return found.astype(np.int64)


def train_objects(
    samples: pd.DataFrame, table: pd.DataFrame
) -> Bool[np.ndarray, " objects"]:
    """Which objects belong to training samples."""
    is_train = (samples["split"] == "train").to_numpy()
    return is_train[places(samples, table)]


def ragged_objects(
    samples: pd.DataFrame,
    table: pd.DataFrame,
    values: Float[np.ndarray, "objects features"],
) -> Ragged:
    """Rows of objects, one each, as the sequences of their samples with their hours.

    >>> samples = pd.DataFrame({"id": ["a", "b"]})
    >>> table = pd.DataFrame({"id": ["b", "b"], "hours": [1.0, 5.0]})
    >>> ragged = ragged_objects(samples, table, np.zeros((2, 3), np.float32))
    >>> ragged.offsets.tolist(), ragged.times.tolist()
    ([0, 0, 2], [1.0, 5.0])
    """
    counts = np.bincount(places(samples, table), minlength=len(samples))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    hours = table["hours"].to_numpy(np.float32)
    return Ragged(values.astype(np.float32), offsets, hours)


def even_scale(ragged: Ragged, is_train: Bool[np.ndarray, " samples"]) -> Scale:
    """Own mean of each feature, and one common sd: the root mean variance in train.

    Of principal components the last ones are mostly noise. A common scale leaves them
    small, where one for each feature would make them as large as the first.

    Raises:
        ValueError: no training sample has a row.
    """
    scale = fitted_scale(ragged, is_train)
    common = float(np.sqrt(np.mean(scale.sd**2)))
    return Scale(scale.mean, np.where(scale.sd > FLOOR * common, common, 0.0))


def scaled_objects(
    samples: pd.DataFrame,
    table: pd.DataFrame,
    values: Float[np.ndarray, "objects features"],
    *,
    is_even: bool,
) -> Ragged:
    """Ragged features on the scale of the training samples, clipped to +-10.

    Raises:
        ValueError: no training sample has an object.
    """
    ragged = ragged_objects(samples, table, values)
    is_train = (samples["split"] == "train").to_numpy()
    fitted = even_scale if is_even else fitted_scale
    return standardized(ragged, fitted(ragged, is_train))[0]


def no_objects(samples: pd.DataFrame, features: int) -> Ragged:
    """The features of a modality that no sample has."""
    offsets = np.zeros(len(samples) + 1, np.int64)
    return Ragged(np.zeros((0, features), np.float32), offsets, np.zeros(0, np.float32))


def about_objects(
    encoder: str, samples: pd.DataFrame, table: pd.DataFrame, features: int
) -> dict[str, Any]:
    """What a meta file says of every encoder; `table` holds the objects embedded."""
    return {
        "encoder": encoder,
        "features": features,
        "objects": len(table),
        "train_objects": int(train_objects(samples, table).sum()),
    }


def about_skipped(table: pd.DataFrame, cached: Cached) -> dict[str, Any]:
    """Objects that could not be read, samples left without any, files not checked.

    The last where the root of the objects has a list of sums.
    """
    left = set(table["id"][cached.kept])
    emptied = [name for name in dict.fromkeys(table["id"]) if name not in left]
    unlisted = {} if cached.unlisted is None else {"not_in_sums": cached.unlisted}
    return unlisted | {
        "skipped": len(cached.failures),
        "skipped_objects": [
            {"path": failure.path, "reason": failure.reason}
            for failure in cached.failures
        ],
        "emptied_samples": emptied,
    }


def enough_to_fit(name: str, size: int, available: Sequence[int]) -> None:
    """Check that as many components as asked for can be learned.

    Raises:
        ValueError: there are fewer training objects, or fewer inputs.
    """
    if size > min(available):
        raise ValueError(
            f"{name}={size}: only {min(available)} components can be learned from the "
            f"training objects; set {name} to {min(available)} or less"
        )
