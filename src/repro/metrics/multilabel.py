"""Metrics of the probabilities of labels that a sample may have several of.

The labels of a sample are one number, `repro.records.coded`. Counts have the columns
true positive, false positive and false negative of each label; they may carry leading
dimensions (resamples, seeds), which the statistics keep.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Num

from repro.metrics.bootstrap import Statistic
from repro.metrics.classification import Scores
from repro.metrics.log_loss import binary_losses
from repro.metrics.resampling import grouped, mean_statistic
from repro.records import decoded

THRESHOLD = 0.5  # a label is predicted where it is more probable than this


def multilabel_metrics(
    probabilities: Float[np.ndarray, "samples labels"],
    y: Num[np.ndarray, " samples"],
) -> dict[str, float]:
    """Metrics of predicted probabilities of each label.

    F1 of a label that is neither true nor predicted is 0 and stays in the macro
    average, as in `sklearn.metrics.f1_score(zero_division=0)`.

    Units: F1 and exact match (all labels right) in percent; log-loss in nats, mean
    over labels.

    >>> p, y = np.array([[0.9, 0.2], [0.6, 0.7]]), np.array([1.0, 2.0])
    >>> found = multilabel_metrics(p, y)
    >>> round(found["micro_f1"], 2), found["exact_match"]
    (80.0, 50.0)
    """
    true = decoded(y, probabilities.shape[-1])
    chosen = probabilities > THRESHOLD
    counts = _counts(chosen, true).sum(axis=0)
    return {
        "micro_f1": float(micro_f1(counts)),
        "macro_f1": float(macro_f1(counts)),
        "exact_match": 100 * float((chosen == true).all(axis=-1).mean()),
        "log_loss": float(binary_losses(probabilities, y).mean()),
    }


def micro_f1(counts: Num[np.ndarray, "*batch labels 3"]) -> Scores:
    """F1 of all decisions together, in percent; 0 if no label is true or predicted."""
    return _f1(counts.sum(axis=-2))


def macro_f1(counts: Num[np.ndarray, "*batch labels 3"]) -> Scores:
    """Mean F1 over all labels, in percent.

    >>> float(macro_f1(np.array([[1, 0, 0], [1, 1, 1]])))
    75.0
    """
    return np.asarray(_f1(counts)).mean(axis=-1)


def headline_f1(
    prediction: Float[np.ndarray, "samples labels"], y: Float[np.ndarray, " samples"]
) -> float:
    """Micro-F1.

    Units: percent.
    """
    return multilabel_metrics(prediction, y)["micro_f1"]


def multilabel_statistics(
    prediction: Float[np.ndarray, "seeds samples labels"],
    y: Float[np.ndarray, " samples"],
    group: np.ndarray,
) -> dict[str, Statistic]:
    """The tested metrics for the bootstrap.

    Units: F1 in percent, log-loss in nats.
    """
    true = decoded(y, prediction.shape[-1])
    counts = _counts(prediction > THRESHOLD, true)
    return {
        "micro_f1": _of_counts(counts, group, micro_f1),
        "macro_f1": _of_counts(counts, group, macro_f1),
        "log_loss": mean_statistic(binary_losses(prediction, y), group),
    }


def _of_counts(
    counts: Float[np.ndarray, "seeds samples labels 3"],
    group: np.ndarray,
    of: Callable[[np.ndarray], Scores],
) -> Statistic:
    """A statistic of the counts of drawn groups."""
    names, index = grouped(group, counts.shape[1])
    totals = np.zeros((names, len(counts), *counts.shape[2:]))
    np.add.at(totals, index, counts.swapaxes(0, 1))
    flat = totals.reshape(names, -1)

    def statistic(drawn: np.ndarray) -> np.ndarray:
        summed = drawn.astype(np.float64) @ flat
        return np.asarray(of(summed.reshape(len(drawn), *totals.shape[1:])))

    return statistic


def _counts(
    chosen: Bool[np.ndarray, "*batch samples labels"],
    true: Bool[np.ndarray, "samples labels"],
) -> Float[np.ndarray, "*batch samples labels 3"]:
    kinds = (chosen & true, chosen & ~true, ~chosen & true)
    return np.stack(kinds, axis=-1).astype(np.float64)


def _f1(counts: Num[np.ndarray, "*batch 3"]) -> Scores:
    hits = 2 * counts[..., 0]
    return 100 * hits / np.maximum(hits + counts[..., 1] + counts[..., 2], 1)
