"""Whether training ended while the loss on validation still fell."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import t

LAST = 1 / 3  # share of the epochs that a trend is taken over
FEWEST = 3  # epochs, however short the training
TOLERANCE = 0.005  # share of the loss that one more epoch may still take away
LEVEL = 0.05  # of the one-sided test over seeds


def trends(history: Sequence[Mapping[str, Any]]) -> list[float]:
    """Relative change of the validation loss per epoch at the end, for each seed.

    The least-squares slope over the last third of the epochs, at least three of them,
    divided by the mean loss there; 0 where there are fewer. One number of a noisy
    curve, but, unlike the place of its minimum, one that noise does not move towards
    the end.

    >>> losses = (9.0, 5.0, 4.0, 3.0, 2.0)
    >>> rows = [{"seed": 0, "epoch": e, "valid_error": v} for e, v in enumerate(losses)]
    >>> [round(trend, 3) for trend in trends(rows)]
    [-0.333]
    """
    found = []
    for seed in dict.fromkeys(row["seed"] for row in history):
        rows = [row for row in history if row["seed"] == seed]
        own = [row["valid_error"] for row in sorted(rows, key=lambda r: r["epoch"])]
        losses = np.array(own[-_counted(len(own)) :])
        if len(losses) < FEWEST:
            found.append(0.0)
            continue
        slope = np.polyfit(np.arange(len(losses)), losses, 1)[0]
        found.append(float(slope / max(losses.mean(), np.finfo(float).tiny)))
    return found


def is_falling(slopes: Sequence[float]) -> bool:
    """Whether one more epoch would still lower the loss beyond the tolerance.

    The mean over seeds has to lie below minus `TOLERANCE` and, where there are
    several seeds, to differ from 0 in a one-sided t-test over them.

    >>> is_falling([-0.02, -0.03, -0.02]), is_falling([-0.05, 0.04, -0.01])
    (True, False)
    """
    values = np.asarray(slopes, dtype=np.float64)
    if len(values) == 0 or values.mean() >= -TOLERANCE:
        return False
    if len(values) == 1:
        return True
    error = values.std(ddof=1) / np.sqrt(len(values))
    return bool(values.mean() + t.ppf(1 - LEVEL, len(values) - 1) * error < 0)


def _counted(epochs: int) -> int:
    return max(int(np.ceil(LAST * epochs)), FEWEST)
