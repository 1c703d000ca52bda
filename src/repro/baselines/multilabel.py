"""Predictors of several labels without a network: frequencies and regressions."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from repro.baselines.boosted import haim_features
from repro.baselines.fit import Fit, checked_split
from repro.baselines.logistic import STEPS, STRENGTHS
from repro.baselines.ridge import standardized
from repro.metrics.log_loss import binary_losses
from repro.records import Ragged, coded, decoded


def baselines(
    samples: pd.DataFrame, modalities: Mapping[str, Ragged], *, classes: int
) -> dict[str, Fit]:
    """majority (how often train has each label), constant (its best F1) and logistic.

    `samples` has split, y and `present_<modality>`; samples without any modality take
    no part in a fit.

    Raises:
        ValueError: a split is empty, or a modality has another number of samples.
    """
    split = checked_split(samples, modalities)
    train = split == "train"
    true = decoded(samples["y"].to_numpy(), classes)
    columns = haim_features(samples, modalities, train)
    shares = true[train].mean(axis=0)
    return {
        "majority": Fit((0,), np.tile(shares, (1, len(true), 1))),
        "constant": constant(true, split),
        "logistic": logistic(columns, true, split),
    }


def constant(true: Bool[np.ndarray, "samples labels"], split: np.ndarray) -> Fit:
    """The same labels for every sample: the most frequent of train, as many as is best.

    How many decides micro-F1 on valid, the fewest on a tie. Shares of train alone
    predict no label that less than half of train has, whose F1 is 0. Probabilities
    are those shares with the odds of all labels multiplied by one number, which puts
    the chosen ones, and no others, above a half.
    """
    shares = true[split == "train"].mean(axis=0)
    bounds = np.concatenate([[0.0], np.unique(shares), [1.0]])
    cuts = ((bounds[:-1] + bounds[1:]) / 2)[::-1]  # between shares, the highest first
    valid = true[split == "valid"]
    chosen = [np.broadcast_to(shares > cut, valid.shape) for cut in cuts]
    scores = [f1_score(valid, one, average="micro", zero_division=0) for one in chosen]
    best = int(np.argmax(scores))
    cut = float(cuts[best])
    moved = shares * (1 - cut) / (shares * (1 - cut) + (1 - shares) * cut)
    used = {"labels": int((shares > cut).sum()), "valid_micro_f1": 100 * scores[best]}
    return Fit((0,), np.tile(moved, (1, len(true), 1)), used)


def logistic(
    columns: Float[np.ndarray, "samples columns"],
    true: Bool[np.ndarray, "samples labels"],
    split: np.ndarray,
    strengths: tuple[float, ...] = STRENGTHS,
) -> Fit:
    """A logistic regression for each label, of one strength; the best on valid.

    Penalty, standardizing and absent values are those of the multinomial one
    (`repro.baselines.logistic`). A label that all or none of train has keeps its share.

    Raises:
        ValueError: `strengths` is empty.
    """
    if not strengths:
        raise ValueError("strengths is empty; list at least one")
    train, valid = split == "train", split == "valid"
    x = standardized(columns.astype(np.float64), train)
    y = coded(true)
    candidates = []
    for strength in strengths:
        fitted = [_probabilities(x, label, train, strength) for label in true.T]
        probabilities = np.stack(fitted, axis=1)
        loss = float(binary_losses(probabilities[valid], y[valid]).mean())
        used = {"strength": strength, "valid_log_loss": loss, "columns": x.shape[1]}
        candidates.append(Fit((0,), probabilities[None], used))
    return min(candidates, key=lambda fit: fit.settings["valid_log_loss"])


def _probabilities(
    x: Float[np.ndarray, "samples columns"],
    label: Bool[np.ndarray, " samples"],
    train: Bool[np.ndarray, " samples"],
    strength: float,
) -> Float[np.ndarray, " samples"]:
    share = float(label[train].mean())
    if share in (0.0, 1.0):
        return np.full(len(label), share)
    model = LogisticRegression(C=1 / strength, max_iter=STEPS)
    return model.fit(x[train], label[train]).predict_proba(x)[:, 1]
