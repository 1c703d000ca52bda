"""Regressors without a network: the train mean, and ridge on pooled features."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro.baselines.fit import Fit, checked_split
from repro.records import Ragged

STRENGTHS = tuple(float(10.0**power) for power in range(-2, 7))


def baselines(
    samples: pd.DataFrame, modalities: Mapping[str, Ragged]
) -> dict[str, Fit]:
    """mean, ridge over all modalities, and ridge_<modality> for each one.

    `samples` has split, y and `present_<modality>`; row i of every modality belongs to
    row i of it. Samples without any modality take no part in a fit.

    Raises:
        ValueError: a split is empty, or a modality has another number of samples.
    """
    y = samples["y"].to_numpy(np.float64)
    split = checked_split(samples, modalities)
    pooled = {name: pooled_features(values) for name, values in modalities.items()}
    mean = np.full((1, len(y)), float(y[split == "train"].mean()))
    fits = {"mean": Fit((0,), mean, {"parameters": 1})}
    fits["ridge"] = ridge(np.hstack(list(pooled.values())), y, split)
    for name, inputs in pooled.items():
        fits[f"ridge_{name}"] = ridge(inputs, y, split)
    return fits


def pooled_features(values: Ragged) -> Float[np.ndarray, "samples features"]:
    """Mean over the rows of each sample, and NaN where a sample has none.

    >>> r = Ragged(np.array([[1.0], [3.0]], np.float32), np.array([0, 2, 2]))
    >>> pooled_features(r).tolist()
    [[2.0], [nan]]
    """
    total = np.zeros((len(values.values) + 1, values.values.shape[1]))
    np.cumsum(values.values, axis=0, dtype=np.float64, out=total[1:])
    sums = total[values.offsets[1:]] - total[values.offsets[:-1]]
    counts = values.lengths[:, None].astype(np.float64)
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def ridge(
    inputs: Float[np.ndarray, "samples features"],
    y: Float[np.ndarray, " samples"],
    split: np.ndarray,
) -> Fit:
    """Ridge regression fitted on train; the strength with the lowest valid MAE.

    Inputs are standardized on train; an absent value becomes 0, and a column tells
    where it was absent.
    """
    train, valid = split == "train", split == "valid"
    x = standardized(inputs, train)
    center = y[train].mean()
    # One decomposition serves every strength: x = u s v.
    u, s, v = np.linalg.svd(x[train], full_matrices=False)
    target = u.T @ (y[train] - center)
    best: tuple[float, float, np.ndarray] | None = None
    for strength in STRENGTHS:
        prediction = center + x @ (v.T @ (s / (s**2 + strength) * target))
        error = float(np.abs(prediction[valid] - y[valid]).mean())
        if best is None or error < best[0]:
            best = (error, strength, prediction)
    if best is None:
        raise ValueError("STRENGTHS is empty; list at least one")
    settings = {"parameters": x.shape[1] + 1, "strength": best[1]}
    return Fit((0,), best[2][None], settings)


def standardized(
    inputs: Float[np.ndarray, "samples features"], train: np.ndarray
) -> Float[np.ndarray, "samples inputs"]:
    """Columns with mean 0 and deviation 1 on train, absent values 0; then one column
    for every different pattern of absence in a column.

    >>> x = np.array([[1.0], [3.0], [np.nan]])
    >>> standardized(x, np.array([True, True, False])).tolist()
    [[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    absent = np.isnan(inputs)
    flags = np.unique(absent.astype(np.float64), axis=1)
    flags = flags[:, flags.any(axis=0)]
    seen = train[:, None] & ~absent
    counts = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, inputs, 0.0).sum(axis=0) / counts
    centered = np.where(absent, 0.0, inputs - mean)
    scale = np.sqrt((centered**2 * seen).sum(axis=0) / counts)
    constant = scale < 1e-12
    scaled = centered / np.where(constant, 1.0, scale)
    scaled[:, constant] = 0.0
    return np.hstack([scaled, flags - flags[train].mean(axis=0)])
