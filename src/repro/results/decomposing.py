"""Information of modalities on the label, decomposed as it can be told from data."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from btw.decomposition import Decomposition, decomposition_of_codes
from repro.params.mechanisms import modality_names


def clusters(
    features: Float[np.ndarray, "samples features"], count: int, seed: int = 0
) -> Int[np.ndarray, " samples"]:
    """The cluster of every sample: k-means on standardized features, best of ten.

    Source: Lloyd 1982; starts as in Arthur and Vassilvitskii 2007.

    >>> clusters(np.array([[0.0], [0.1], [5.0], [5.1]]), 2).tolist() in (
    ...     [0, 0, 1, 1], [1, 1, 0, 0])
    True
    """
    # Half a second to import.
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1)
    with threadpool_limits(1):  # the last bits do not depend on the machine's cores
        found = KMeans(count, n_init=10, random_state=seed).fit_predict(scaled)
    return found.astype(np.int64)


def decomposed_features(
    features: Sequence[Float[np.ndarray, "samples features"]],
    y: Int[np.ndarray, " samples"],
    count: int,
    *,
    modality: int = 0,
    seed: int = 0,
) -> Decomposition:
    """Decomposition for a modality and all others, by clusters of their features.

    Every modality has `count` clusters, and what is counted is plugged in.

    Source: Liang et al. 2023, whose estimator clusters as well.
    Units: bits.
    """
    codes = np.stack([clusters(one, count, seed) for one in features], axis=1)
    return _against_rest(codes, y, modality)


def decomposed_truth(truth: pd.DataFrame, *, modality: int = 0) -> Decomposition:
    """The same by the planted codes and tags, of which no cluster can tell more.

    Units: bits.
    """
    count = sum(name.startswith("code_") for name in truth.columns)
    shown = [
        pd.factorize(truth[f"code_{name}"].astype(str) + truth[f"tag_{name}"])[0]
        for name in modality_names(count)
    ]
    return _against_rest(np.stack(shown, axis=1), truth["y"].to_numpy(), modality)


def _against_rest(
    codes: Int[np.ndarray, "samples modalities"],
    y: Int[np.ndarray, " samples"],
    modality: int,
) -> Decomposition:
    others = np.delete(codes, modality, axis=1)
    _, rest = np.unique(others, axis=0, return_inverse=True)
    return decomposition_of_codes(codes[:, modality], rest.ravel(), y)
