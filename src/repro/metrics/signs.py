"""A regression scored by the sign of its predictions, as I2MoE scores CMU-MOSI."""

import numpy as np
from jaxtyping import Float

from repro.metrics.bootstrap import Statistic
from repro.metrics.regression import sentiment_metrics
from repro.metrics.resampling import mean_statistic
from repro.metrics.scores import MAE, REGRESSION, Metric, Score, regression_statistics

KEPT = ("mae", "acc2_has0", "acc2_non0")
ACCURACY = Metric("accuracy", "accuracy", 2)
SIGN = (
    "accuracy: a score above 0 against any other, over all samples, as the paper "
    "reports a regression; has0 and non0 are the two usual ones beside it"
)


def sign_metrics(
    prediction: Float[np.ndarray, " samples"], y: Float[np.ndarray, " samples"]
) -> dict[str, float]:
    """How often both are above zero or neither is, beside the usual metrics.

    Source: I2MoE, released code: `pred > 0` against `label > 0`, no sample left out.
    Units: accuracies in percent, mae in those of the label.

    >>> p, y = np.array([0.5, 0.0, -1.0, 0.2]), np.array([1.0, 0.0, -2.0, -0.1])
    >>> found = sign_metrics(p, y)
    >>> found["accuracy"], found["acc2_has0"], round(found["acc2_non0"], 1)
    (75.0, 75.0, 66.7)
    """
    known = sentiment_metrics(prediction, y)
    accuracy = 100 * float(((prediction > 0) == (y > 0)).mean())
    return {
        "accuracy": accuracy,
        **{name: known[name] for name in KEPT if name in known},
    }


def sign_accuracy(
    prediction: Float[np.ndarray, " samples"], y: Float[np.ndarray, " samples"]
) -> float:
    """The accuracy of `sign_metrics` alone.

    Units: percent.
    """
    return sign_metrics(prediction, y)["accuracy"]


def sign_statistics(
    prediction: Float[np.ndarray, "seeds samples"],
    y: Float[np.ndarray, " samples"],
    group: np.ndarray,
) -> dict[str, Statistic]:
    """The tested metrics for the bootstrap.

    Units: as in `sign_metrics`.
    """
    is_right = ((prediction > 0) == (y > 0)).astype(np.float64)
    return {
        "accuracy": mean_statistic(100 * is_right, group),
        **regression_statistics(prediction, y, group),
    }


SIGNS = Score(
    metrics=(
        ACCURACY,
        MAE,
        *(m for m in REGRESSION.metrics if m.name in KEPT and m is not MAE),
    ),
    headline=ACCURACY,
    compute=sign_metrics,
    headline_of=sign_accuracy,
    statistics=sign_statistics,
    about=REGRESSION.about,
    has_interval=True,
)
