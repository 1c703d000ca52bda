"""Metrics of class probabilities, and statistics of confusion matrices.

Confusion matrices have the true class in rows and the predicted class in columns;
they may carry leading dimensions (resamples, seeds), which the statistics keep.
"""

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from repro.metrics.log_loss import log_loss

CALIBRATION_BINS = 15

# One score per matrix; numpy turns a result without dimensions into a number.
Scores = Float[np.ndarray, "*batch"] | np.float64


def classification_metrics(
    probabilities: Float[np.ndarray, "samples classes"],
    y: Num[np.ndarray, " samples"],
) -> dict[str, float]:
    """Metrics of predicted class probabilities; an undefined one has no key.

    The predicted class is the most probable one, the lowest on a tie. F1 of a class
    that is neither true nor predicted is 0 and stays in the macro average, as in
    `sklearn.metrics.f1_score(labels=all, zero_division=0)`. A class without samples
    has no recall; `balanced_accuracy` and `auroc` average over the classes that have
    some. `quadratic_kappa` is undefined when one class is all that is true and all
    that is predicted.

    Source: Hand and Till 2001 (one class against the rest), Cohen 1968 (kappa),
    Guo et al. 2017 (calibration).
    Units: accuracy, F1, balanced accuracy and recalls in percent; log-loss in nats;
    auroc, kappa and calibration error as plain fractions.
    Raises:
        ValueError: there are no samples, a row is no distribution, or a label is no
            class.

    >>> p = np.array([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7]])
    >>> found = classification_metrics(p, np.array([0, 1, 1]))
    >>> round(found["accuracy"], 2), found["recall_1"], found["auroc"]
    (66.67, 50.0, 1.0)
    """
    _check(probabilities, y)
    classes = probabilities.shape[1]
    true = y.astype(np.int64)
    confusion = confusion_matrix(probabilities.argmax(axis=1), true, classes)
    found = {
        "accuracy": float(accuracy(confusion)),
        "macro_f1": float(macro_f1(confusion)),
        "weighted_f1": float(weighted_f1(confusion)),
        "balanced_accuracy": float(balanced_accuracy(confusion)),
        "auroc": one_versus_rest_auroc(probabilities, true),
        "log_loss": float(log_loss(probabilities, true)),
        "quadratic_kappa": float(quadratic_kappa(confusion)),
    }
    for name, value in enumerate(recalls(confusion)):
        found[f"recall_{name}"] = float(value)
    found["calibration_error"] = calibration_error(probabilities, true)
    return {metric: value for metric, value in found.items() if not np.isnan(value)}


def confusion_matrix(
    chosen: Int[np.ndarray, " samples"], y: Int[np.ndarray, " samples"], classes: int
) -> Int[np.ndarray, "classes classes"]:
    """Number of samples of each true (row) and predicted (column) class.

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    counts = np.bincount(y * classes + chosen, minlength=classes**2)
    return counts.reshape(classes, classes)


def accuracy(
    confusion: Num[np.ndarray, "*batch classes classes"],
) -> Scores:
    """Share of samples on the diagonal, in percent."""
    return 100 * _hits(confusion).sum(-1) / confusion.sum((-2, -1))


def class_f1(
    confusion: Num[np.ndarray, "*batch classes classes"],
) -> Float[np.ndarray, "*batch classes"]:
    """F1 of each class in percent; 0 for one neither true nor predicted."""
    either = confusion.sum(-1) + confusion.sum(-2)
    return 200 * _hits(confusion) / np.maximum(either, 1)


def macro_f1(
    confusion: Num[np.ndarray, "*batch classes classes"],
) -> Scores:
    """Mean F1 over all classes, in percent.

    >>> float(macro_f1(np.array([[1, 1], [0, 1]])).round(2))
    66.67
    """
    return class_f1(confusion).mean(-1)


def weighted_f1(
    confusion: Num[np.ndarray, "*batch classes classes"],
) -> Scores:
    """F1 of every class, averaged by how often each is true, in percent."""
    support = confusion.sum(-1)
    return (class_f1(confusion) * support).sum(-1) / support.sum(-1)


def recalls(
    confusion: Num[np.ndarray, "*batch classes classes"],
) -> Float[np.ndarray, "*batch classes"]:
    """Share of each true class that is predicted, in percent; NaN without samples."""
    support = confusion.sum(-1)
    share = 100 * _hits(confusion) / np.maximum(support, 1)
    return np.where(support > 0, share, np.nan)


def balanced_accuracy(
    confusion: Num[np.ndarray, "*batch classes classes"],
) -> Scores:
    """Mean recall over the classes that have samples, in percent."""
    support = confusion.sum(-1)
    share = 100 * _hits(confusion) / np.maximum(support, 1)
    return share.sum(-1) / (support > 0).sum(-1)


def quadratic_kappa(
    confusion: Num[np.ndarray, "*batch classes classes"],
) -> Scores:
    """Agreement beyond chance, with squared distances between ordered classes.

    NaN where chance cannot disagree: one class is all that is true and predicted.

    >>> float(quadratic_kappa(np.array([[2, 0], [0, 2]])))
    1.0
    """
    index = np.arange(confusion.shape[-1])
    distance = (index[:, None] - index) ** 2.0
    observed = (confusion * distance).sum((-2, -1)) * confusion.sum((-2, -1))
    true, predicted = confusion.sum(-1), confusion.sum(-2)
    chance = np.asarray(((true @ distance) * predicted).sum(-1))
    share = np.divide(
        observed, chance, out=np.full(chance.shape, np.nan), where=chance > 0
    )
    return 1 - share


def one_versus_rest_auroc(
    probabilities: Float[np.ndarray, "samples classes"],
    y: Int[np.ndarray, " samples"],
) -> float:
    """Mean over classes of the area under the curve of that class against the rest.

    The mean is over the classes that have samples; NaN when all samples are of one.
    """
    true = y[:, None] == np.arange(probabilities.shape[1])
    positives = true.sum(axis=0)
    pairs = positives * (len(y) - positives)
    if not pairs.any():
        return float("nan")
    # A quarter of a second to import; training needs none of it.
    from scipy.stats import rankdata

    # Mann-Whitney: the sum of the positives' ranks, ties sharing their mean rank.
    ranks = (rankdata(probabilities, axis=0) * true).sum(axis=0)
    wins = (ranks - positives * (positives + 1) / 2)[pairs > 0]
    return float((wins / pairs[pairs > 0]).mean())


def auroc(
    score: Float[np.ndarray, " samples"], positive: Bool[np.ndarray, " samples"]
) -> float:
    """Area under the ROC curve, ties counted half; NaN with one class only.

    >>> auroc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    hits = int(positive.sum())
    misses = len(positive) - hits
    if hits == 0 or misses == 0:
        return float("nan")
    from scipy.stats import rankdata  # as above

    ranks = rankdata(score)[positive].sum()
    return float((ranks - hits * (hits + 1) / 2) / (hits * misses))


def calibration_error(
    probabilities: Float[np.ndarray, "samples classes"],
    y: Int[np.ndarray, " samples"],
    bins: int = CALIBRATION_BINS,
) -> float:
    """Expected calibration error over equal-width bins of the top probability.

    A bin holds its upper edge, not its lower one.

    >>> p = np.array([[0.9, 0.1], [0.9, 0.1]])
    >>> round(calibration_error(p, np.array([0, 1])), 3)
    0.4
    """
    top = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == y
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    index = np.digitize(top, edges, right=True)
    # |mean(right) - mean(top)| weighted by bin size is the sum's size over samples.
    gap = np.bincount(index, weights=right - top)
    return float(np.abs(gap).sum() / len(y))


def _hits(
    confusion: Num[np.ndarray, "*batch classes classes"],
) -> Num[np.ndarray, "*batch classes"]:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _check(probabilities: np.ndarray, y: np.ndarray) -> None:
    if len(y) == 0:
        raise ValueError("y: no samples; metrics need at least one")
    off = ~np.isclose(probabilities.sum(axis=1), 1, rtol=0, atol=1e-4)
    bad = off | (probabilities < 0).any(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"probabilities: {int(bad.sum())} of {len(bad)} rows are no distribution, "
            f"first row {row}: {probabilities[row].tolist()}; give non-negative "
            "values that sum to 1"
        )
    wrong = ~np.isin(y, np.arange(probabilities.shape[1]))
    if wrong.any():
        raise ValueError(
            f"y: {y[wrong][0]} is none of the classes 0 to "
            f"{probabilities.shape[1] - 1}; prepare the data again"
        )
