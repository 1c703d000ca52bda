"""How far planted reliability can be told: classifiers trained on the truth."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold

from repro.baselines.boosted import haim_features
from repro.baselines.ridge import pooled_features
from repro.metrics.classification import auroc
from repro.records import SPLITS, Ragged
from repro.simulation.truth import Truth

COLUMNS = ["modality", "source", "auroc", "n_reliable", "n_unreliable"]
SOURCES = ("predictions", "features", "posterior")
FOLDS = 5
LEAF = 20
TREES = 60


def ceilings(
    truth: Truth,
    samples: pd.DataFrame,
    features: Float[np.ndarray, "samples columns"],
    predictions: Float[np.ndarray, "samples outputs"],
    modalities: Sequence[str],
) -> pd.DataFrame:
    """AUROC for the reliability of each modality on test, from three kinds of input.

    `features` train on train. `predictions` are scored in fifths of the groups by
    trees that learned from the other four, since those of one split are too few.
    `posterior` is the exact one. Samples that lack the modality do not count.
    """
    split = samples["split"].to_numpy()
    group = samples["group"].to_numpy()
    rows = []
    for name in modalities:
        m = truth.place(name)
        there = truth.present[:, m] & samples[f"present_{name}"].to_numpy(bool)
        reliable = truth.reliable[:, m]
        test = there & (split == "test")
        scores = {
            "predictions": crossed(predictions, reliable, group, there),
            "features": fitted(features, reliable, there & (split == "train")),
            "posterior": truth.posterior[:, m],
        }
        counts = int(reliable[test].sum()), int((~reliable[test]).sum())
        for source in SOURCES:
            area = auroc(scores[source][test], reliable[test])
            rows.append((name, source, area, *counts))
    return pd.DataFrame(rows, columns=COLUMNS)


def fitted(
    columns: Float[np.ndarray, "samples columns"],
    reliable: Bool[np.ndarray, " samples"],
    train: Bool[np.ndarray, " samples"],
) -> Float[np.ndarray, " samples"]:
    """Probability of being reliable, from boosted trees; the share where all are alike.

    A leaf holds a tenth of the train samples where that is fewer than `LEAF`. Columns
    that train lacks are dropped.
    """
    columns = columns[:, ~np.isnan(columns[train]).all(axis=0)]
    if len(np.unique(reliable[train])) < 2 or columns.shape[1] == 0:
        return np.full(len(reliable), reliable[train].mean() if train.any() else 0.5)
    model = HistGradientBoostingClassifier(
        max_depth=3,
        max_iter=TREES,
        min_samples_leaf=min(LEAF, max(1, int(train.sum()) // 10)),
        early_stopping=False,  # it would hold out samples regardless of group
        random_state=0,
    ).fit(columns[train], reliable[train])
    return model.predict_proba(columns)[:, 1]


def crossed(
    columns: Float[np.ndarray, "samples columns"],
    reliable: Bool[np.ndarray, " samples"],
    group: np.ndarray,
    rows: Bool[np.ndarray, " samples"],
) -> Float[np.ndarray, " samples"]:
    """The same, each of the rows scored by trees that saw none of its group."""
    scores = np.full(len(reliable), np.nan)
    chosen = np.flatnonzero(rows)
    folds = min(FOLDS, len(np.unique(group[rows])))
    if folds < 2:
        raise ValueError(
            f"samples: {folds} group has the modality; "
            "two are needed to score one by the other"
        )
    divided = GroupKFold(folds).split(chosen, groups=group[rows])
    for learned, scored in divided:
        train = np.zeros(len(reliable), bool)
        train[chosen[learned]] = True
        scores[chosen[scored]] = fitted(columns, reliable, train)[chosen[scored]]
    return scores


def feature_columns(
    samples: pd.DataFrame, modalities: Mapping[str, Ragged], task: str
) -> Float[np.ndarray, "samples columns"]:
    """Features of all modalities as one row per sample, NaN where one is absent.

    Sequences give their mean; of a classification they are the columns of HAIM.
    """
    if task == "classification":
        train = (samples["split"] == "train").to_numpy()
        return haim_features(samples, modalities, train)
    return np.hstack(
        [
            np.where(
                samples[f"present_{name}"].to_numpy(bool)[:, None],
                pooled_features(values),
                np.nan,
            )
            for name, values in modalities.items()
        ]
    )


def prediction_columns(
    table: pd.DataFrame, modalities: Sequence[str], fusion: str, samples: pd.DataFrame
) -> Float[np.ndarray, "samples outputs"]:
    """Out-of-sample outputs, mean over seeds, and how far every two lie apart.

    NaN where a sample lacks the modality, and for the fusion on train, which it was
    fitted to; the unimodal predictions of train are out of fold.
    """
    outputs = [c for c in table if c == "prediction" or str(c).startswith("p_")]
    is_fitted = (table["method"] == fusion) & (table["split"] == "train")
    kept = table[table["split"].isin(SPLITS) & ~is_fitted]
    blocks = []
    for method in (*modalities, fusion):
        mean = kept[kept["method"] == method].groupby("id")[outputs].mean()
        block = mean.reindex(samples["id"]).to_numpy(np.float64)
        if method in modalities:
            present = samples[f"present_{method}"].to_numpy(bool)
            block = np.where(present[:, None], block, np.nan)
        blocks.append(block)
    return np.hstack([*blocks, *(np.abs(a - b) for a, b in combinations(blocks, 2))])
