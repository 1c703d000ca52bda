"""Ranks and their correlation, of columns."""

import numpy as np

from btw.arrays import Float


def ranked(
    values: Float[np.ndarray, "rows columns"],
) -> Float[np.ndarray, "rows columns"]:
    """Ranks from 1 within each column; ties have the mean of theirs."""
    # A third of a second to import; weighting needs none of it.
    from scipy.stats import rankdata

    return rankdata(values, axis=0).astype(np.float64)


def spearman(
    one: Float[np.ndarray, "rows columns"], other: Float[np.ndarray, "rows columns"]
) -> Float[np.ndarray, " columns"]:
    """Correlation of the ranks, column by column; NaN where one does not vary.

    Source: Spearman 1904.

    >>> one = np.array([[1.0], [2.0], [4.0]])
    >>> spearman(one, -(one**2)).round(9).tolist()
    [-1.0]
    """
    a, b = (ranks - ranks.mean(axis=0) for ranks in (ranked(one), ranked(other)))
    spread = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    undefined = np.full(one.shape[1], np.nan)
    return np.divide((a * b).sum(axis=0), spread, out=undefined, where=spread > 0)
