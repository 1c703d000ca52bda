"""Test metrics of a sentiment score, with the rounding rules of the field."""

import numpy as np
from jaxtyping import Bool, Float

METRICS = (
    "mae",
    "corr",
    "acc7",
    "acc5",
    "acc2_has0",
    "acc2_non0",
    "f1_has0",
    "f1_non0",
)


def rounded_class(
    score: Float[np.ndarray, " samples"], bound: int
) -> Float[np.ndarray, " samples"]:
    """Scores clipped to +-bound and rounded half to even: 7 classes for 3, 5 for 2.

    >>> rounded_class(np.array([-3.4, 0.5, 1.5, 2.9]), 3).tolist()
    [-3.0, 0.0, 2.0, 3.0]
    """
    return np.round(np.clip(score, -bound, bound))


def sentiment_metrics(
    prediction: Float[np.ndarray, " samples"], y: Float[np.ndarray, " samples"]
) -> dict[str, float]:
    """Eight metrics of predicted scores; an undefined one has no key.

    `corr` is undefined when either side is constant, the `non0` pair when every
    label is zero.

    Source: the evaluation shared by MMIM, MMSA and BTW. `has0` compares p >= 0 with
    y >= 0 over all samples; `non0` compares p > 0 with y > 0 where y is not 0.
    Units: mae in label units, corr in [-1, 1], the others in percent.
    Raises:
        ValueError: the arrays are empty or hold a value that is not finite.

    >>> found = sentiment_metrics(np.array([1.2, -0.6]), np.array([1.0, 0.4]))
    >>> round(found["mae"], 3), found["acc7"], found["acc2_non0"]
    (0.6, 50.0, 50.0)
    """
    _check(prediction, y)
    found = {
        "mae": float(np.abs(prediction - y).mean()),
        "acc7": _percent_equal(rounded_class(prediction, 3), rounded_class(y, 3)),
        "acc5": _percent_equal(rounded_class(prediction, 2), rounded_class(y, 2)),
        "acc2_has0": _percent_equal(prediction >= 0, y >= 0),
        "f1_has0": weighted_f1(prediction >= 0, y >= 0),
    }
    if np.ptp(prediction) > 0 and np.ptp(y) > 0:
        found["corr"] = float(np.corrcoef(prediction, y)[0, 1])
    nonzero = y != 0
    if nonzero.any():
        positive, truth = prediction[nonzero] > 0, y[nonzero] > 0
        found["acc2_non0"] = _percent_equal(positive, truth)
        found["f1_non0"] = weighted_f1(positive, truth)
    return {metric: found[metric] for metric in METRICS if metric in found}


def weighted_f1(
    prediction: Bool[np.ndarray, " samples"], truth: Bool[np.ndarray, " samples"]
) -> float:
    """F1 of both classes, averaged by how often each is true.

    Units: percent. A class that is neither true nor predicted counts 0 of weight 0.

    >>> weighted_f1(np.array([True, True]), np.array([True, False])).__round__(2)
    33.33
    """
    total = 0.0
    for value in (False, True):
        hits = float(np.sum((prediction == value) & (truth == value)))
        support = float(np.sum(truth == value))
        either = float(np.sum(prediction == value)) + support
        if either > 0:
            total += support * 2 * hits / either
    return 100 * total / len(truth)


def _percent_equal(a: np.ndarray, b: np.ndarray) -> float:
    return float(100 * np.mean(a == b))


def _check(prediction: np.ndarray, y: np.ndarray) -> None:
    if len(y) == 0:
        raise ValueError("y: no samples; metrics need at least one")
    for name, values in (("prediction", prediction), ("y", y)):
        bad = int(np.sum(~np.isfinite(values)))
        if bad:
            raise ValueError(
                f"{name}: {bad} of {len(values)} values are not finite; "
                "train the cell again with a smaller learning rate or check the data"
            )
