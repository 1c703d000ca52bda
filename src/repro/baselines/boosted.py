"""Classifiers without a network: frequencies, regression, boosted trees as in HAIM."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier

from repro.baselines.fit import Fit, checked_split
from repro.baselines.logistic import logistic
from repro.baselines.series_statistics import last_mean, series_statistics
from repro.metrics.log_loss import log_loss
from repro.records import Ragged

SERIES = ("timeseries", "vitals", "labs")
STREAM = 1  # a simulator with the same seed must not have drawn the same classes
DIMS = 50  # principal components kept of each embedding
LEAF = 20  # fewest train samples in a leaf, as scikit-learn has it
BINS = 63  # split points tried per column; finer ones cost time and change little
TREES = ((3, 0.1), (5, 0.05))  # depth and learning rate
ITERATIONS = (50, 100)  # each adds one tree per class; one fit serves all of them


def baselines(
    samples: pd.DataFrame,
    modalities: Mapping[str, Ragged],
    *,
    seeds: Sequence[int] = (0,),
    classes: int,
    dims: int | None = DIMS,
) -> dict[str, Fit]:
    """majority, stratified (one draw per seed), logistic and haim.

    `samples` has split, y and `present_<modality>`; row i of every modality belongs to
    row i of it. Samples without any modality take no part in a fit.

    Raises:
        ValueError: a split is empty, train holds a single class, a label is no class,
            or a modality has another number of samples.
    """
    split = checked_split(samples, modalities)
    _check_labels(samples["y"].to_numpy(), split, classes)
    y = samples["y"].to_numpy(np.int64)
    train = split == "train"
    shares = np.bincount(y[train], minlength=classes) / train.sum()
    columns = haim_features(samples, modalities, train, dims)
    return {
        "majority": Fit((0,), np.tile(shares, (1, len(y), 1))),
        "stratified": stratified(shares, len(y), seeds),
        "logistic": logistic(columns, y, split, classes),
        "haim": haim(columns, y, split, classes),
    }


def stratified(
    shares: Float[np.ndarray, " classes"], samples: int, seeds: Sequence[int]
) -> Fit:
    """One random class per sample and seed, drawn by how often each occurs in train.

    >>> stratified(np.array([0.0, 1.0]), 2, (0,)).predictions.tolist()
    [[[0.0, 1.0], [0.0, 1.0]]]
    """
    drawn = [
        np.random.default_rng([seed, STREAM]).choice(len(shares), samples, p=shares)
        for seed in seeds
    ]
    return Fit(tuple(seeds), np.eye(len(shares))[np.stack(drawn)])


def haim(
    columns: Float[np.ndarray, "samples columns"],
    y: Int[np.ndarray, " samples"],
    split: np.ndarray,
    classes: int,
    *,
    trees: Sequence[tuple[int, float]] = TREES,
    iterations: Sequence[int] = ITERATIONS,
) -> Fit:
    """Boosted trees fitted on train; those with the lowest log-loss on valid.

    Absent values stay absent: every split of a tree sends them to one side. The first
    of `trees` and the fewest `iterations` win a tie. A leaf holds at least `LEAF` train
    samples, or a tenth of them where that is fewer, so that a small fold splits, too.

    Source: Soenksen et al. 2022 (HAIM).
    Departure: HAIM and its use by BTW fit XGBoost and choose by cross-validated
    accuracy or AUROC; here the valid split decides, by what chooses a network's epoch.
    Classes have no weights, there as here, so that all rows decide alike.
    """
    if not trees or not iterations:
        raise ValueError("trees or iterations is empty; list at least one of each")
    train, valid = split == "train", split == "valid"
    binned = binned_columns(columns, train)
    candidates = []
    for used, known in _boosted(binned, y, train, trees, iterations):
        probabilities = np.zeros((1, len(y), classes))
        probabilities[0][:, np.unique(y[train])] = known
        loss = float(log_loss(probabilities[0, valid], y[valid]))
        about = {"valid_log_loss": loss, "columns": binned.shape[1]}
        candidates.append(Fit((0,), probabilities, used | about))
    return min(candidates, key=lambda fit: fit.settings["valid_log_loss"])


def haim_features(
    samples: pd.DataFrame,
    modalities: Mapping[str, Ragged],
    train: Bool[np.ndarray, " samples"],
    dims: int | None = DIMS,
) -> Float[np.ndarray, "samples columns"]:
    """One row of numbers per sample: statistics, mean embeddings, presence flags.

    Modalities named in `SERIES` give `series_statistics`, the others the mean of
    their last five rows, turned into `dims` principal components learned on train.
    Whatever a sample lacks is NaN, whatever is stored in its place.

    Departure: BTW's code averages the rows after the fifth, which most stays lack.
    """
    blocks, flags = [], []
    for name, values in modalities.items():
        present = samples[f"present_{name}"].to_numpy(bool)
        if name in SERIES:
            block = series_statistics(values)
        else:
            mean = last_mean(values)
            mean[~present] = np.nan
            block = _components(mean, train, dims)
        blocks.append(np.where(present[:, None], block, np.nan))
        flags.append(present[:, None])
    return np.hstack([*blocks, *flags]).astype(np.float32)


def binned_columns(
    columns: Float[np.ndarray, "samples columns"],
    train: Bool[np.ndarray, " samples"],
    bins: int = BINS,
) -> Float[np.ndarray, "samples kept"]:
    """Number of the train quantile bin of each value; columns train lacks are dropped.

    Trees see the order of values only, and bins serve every candidate.

    >>> x = np.array([[1.0], [2.0], [30.0], [np.nan]], np.float32)
    >>> binned_columns(x, np.array([True, True, True, False]), 2).tolist()
    [[0.0], [0.0], [1.0], [nan]]
    """
    quantiles = np.linspace(0, 1, bins + 1)[1:-1]
    kept = []
    for values in columns.T:
        known = values[train & ~np.isnan(values)]
        if len(known) == 0:
            continue
        edges = np.unique(known)  # enough for few values, however rare one is
        if len(edges) > bins:
            edges = np.unique(np.quantile(known, quantiles))
        codes = np.digitize(values, edges, right=True).astype(np.float32)
        kept.append(np.where(np.isnan(values), np.float32(np.nan), codes))
    return np.stack(kept, axis=1)


def _boosted(
    columns: Float[np.ndarray, "samples columns"],
    y: Int[np.ndarray, " samples"],
    train: Bool[np.ndarray, " samples"],
    trees: Sequence[tuple[int, float]],
    iterations: Sequence[int],
) -> Iterator[tuple[dict[str, Any], Float[np.ndarray, "samples known"]]]:
    """Settings and probabilities of the classes of train, for every combination."""
    for depth, rate in trees:
        model = HistGradientBoostingClassifier(
            max_depth=depth,
            learning_rate=rate,
            max_iter=max(iterations),
            max_bins=BINS,
            min_samples_leaf=min(LEAF, max(1, int(train.sum()) // 10)),
            early_stopping=False,  # it would hold out samples regardless of patient
            random_state=0,
        ).fit(columns[train], y[train])
        for count, known in enumerate(model.staged_predict_proba(columns), start=1):
            if count in iterations:
                used = {"max_depth": depth, "learning_rate": rate, "iterations": count}
                yield used, known


def _components(
    mean: Float[np.ndarray, "samples width"],
    train: Bool[np.ndarray, " samples"],
    dims: int | None,
) -> Float[np.ndarray, "samples kept"]:
    """Principal components learned on train; all columns where there are too few."""
    seen = ~np.isnan(mean).any(axis=1)
    if dims is None or min(mean.shape[1], int((seen & train).sum())) <= dims:
        return mean
    model = PCA(dims, svd_solver="covariance_eigh").fit(mean[seen & train])
    found = np.full((len(mean), dims), np.nan, np.float32)
    found[seen] = model.transform(mean[seen])
    return found


def _check_labels(y: np.ndarray, split: np.ndarray, classes: int) -> None:
    wrong = ~np.isin(y, np.arange(classes))
    if wrong.any():
        raise ValueError(
            f"samples.y: {y[wrong][0]} is none of the classes 0 to {classes - 1}; "
            "prepare the data again"
        )
    if len(np.unique(y[split == "train"])) < 2:
        raise ValueError(
            f"samples.y: train holds class {y[split == 'train'][0]:g} only; "
            "add samples of another class"
        )
