"""Multinomial logistic regression on columns of numbers."""

import numpy as np
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression

from repro.baselines.fit import Fit
from repro.baselines.ridge import standardized
from repro.metrics.log_loss import log_loss

STRENGTHS = tuple(float(10.0**power) for power in range(4, -2, -1))
STEPS = 1000  # of L-BFGS


def logistic(
    columns: Float[np.ndarray, "samples columns"],
    y: Int[np.ndarray, " samples"],
    split: np.ndarray,
    classes: int,
    strengths: tuple[float, ...] = STRENGTHS,
) -> Fit:
    """Logistic regression fitted on train; the strength with the lowest valid log-loss.

    The penalty is half the squared norm of the coefficients times the strength, beside
    the summed log-loss; no class has a weight. Columns are standardized on train; an
    absent value becomes 0, and a column tells where it was absent. The first of
    `strengths` wins a tie. A class that train lacks gets probability 0.

    Raises:
        ValueError: `strengths` is empty.
    """
    if not strengths:
        raise ValueError("strengths is empty; list at least one")
    train, valid = split == "train", split == "valid"
    x = standardized(columns.astype(np.float64), train)
    known = np.unique(y[train])
    model = LogisticRegression(max_iter=STEPS, warm_start=True)
    candidates = []
    for strength in strengths:
        model.set_params(C=1 / strength).fit(x[train], y[train])
        probabilities = np.zeros((1, len(y), classes))
        probabilities[0][:, known] = model.predict_proba(x)
        loss = float(log_loss(probabilities[0, valid], y[valid]))
        used = {"strength": strength, "valid_log_loss": loss, "columns": x.shape[1]}
        candidates.append(Fit((0,), probabilities, used))
    return min(candidates, key=lambda fit: fit.settings["valid_log_loss"])
