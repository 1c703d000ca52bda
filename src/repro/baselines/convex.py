"""Ridge fusion of weighted features: weights where training finds the optimum."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro.baselines.fit import Fit, checked_split
from repro.baselines.ridge import pooled_features, ridge
from repro.records import Ragged

Weights = Float[np.ndarray, "seeds samples modalities"]


def weighted_ridges(
    samples: pd.DataFrame,
    modalities: Mapping[str, Ragged],
    weights: Mapping[str, Weights],
    seeds: Sequence[int],
) -> dict[str, Fit]:
    """Ridge on pooled features, and on features times the weights of each method.

    The features of a modality are multiplied by its weight in train, valid and test.
    They are standardized afterwards, so that equal weights are exactly no weights. The
    fit is convex and solved: no training noise, no epoch to choose.

    Raises:
        ValueError: a split is empty, or a modality has another number of samples.
    """
    y = samples["y"].to_numpy(np.float64)
    split = checked_split(samples, modalities)
    pooled = [pooled_features(values) for values in modalities.values()]
    fits = {"ridge": ridge(np.hstack(pooled), y, split)}
    for method, given in weights.items():
        found = [
            ridge(np.hstack(_times(pooled, rows)), y, split).predictions
            for rows in given
        ]
        fits[method] = Fit(tuple(seeds), np.concatenate(found))
    return fits


def _times(
    pooled: Sequence[Float[np.ndarray, "samples _features"]],
    weights: Float[np.ndarray, "samples modalities"],
) -> list[Float[np.ndarray, "samples _features"]]:
    return [x * weights[:, [m]] for m, x in enumerate(pooled)]


def weights_by_method(
    table: pd.DataFrame, ids: np.ndarray, names: Sequence[str]
) -> tuple[list[int], dict[str, Weights]]:
    """Seeds, and the weights of all samples by method; 0 for those of no split.

    `table` is a run's weights.parquet: method, seed, id and w_<modality>.
    """
    seeds = sorted({int(seed) for seed in table["seed"]})
    columns = [f"w_{name}" for name in names]
    found = {}
    for method, rows in table.groupby("method", sort=False):
        of_seed = [
            part.set_index("id")[columns].reindex(ids).fillna(0.0).to_numpy(np.float64)
            for _, part in rows.groupby("seed")
        ]
        found[str(method)] = np.stack(of_seed)
    return seeds, found
