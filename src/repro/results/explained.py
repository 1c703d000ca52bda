"""Scores of explanations as statistics, for the bootstrap over rows and seeds."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool

from repro.metrics.bootstrap import Resampled, Statistic
from repro.metrics.resampling import auroc_statistic, mean_statistic
from repro.results.explanations import Explanation, PlantedRows


def area_statistics(of: Explanation, rows: PlantedRows) -> dict[str, Statistic]:
    """AUROC for each mechanism that rows need, for the bootstrap over rows."""
    found = {}
    for kind in np.unique(rows.mechanism[rows.mechanism < len(rows.experts)]):
        own = of.scores[..., kind]
        both = np.stack([-own, own], axis=-1)
        is_own = (rows.mechanism == kind).astype(np.int64)
        found[rows.experts[kind]] = auroc_statistic(both, is_own, rows.ids)
    return found


def top_statistics(
    of: Explanation, rows: PlantedRows, kinds: Bool[np.ndarray, " experts"]
) -> dict[str, Statistic]:
    """How often, among experts of `kinds`, that of a mechanism leads in its rows.

    Experts that share the highest score have equal parts of it. Others do not count,
    so that one answer for all rows is right in one of as many mechanisms.
    """
    scores = of.scores[..., kinds]
    top = scores == scores.max(axis=-1, keepdims=True)
    parts = top / top.sum(axis=-1, keepdims=True)
    return {
        rows.experts[kind]: mean_statistic(
            parts[..., place], rows.ids, rows.mechanism == kind
        )
        for place, kind in enumerate(np.flatnonzero(kinds))
    }


def mean_score(
    drawn: Mapping[str, Resampled],
    rows: PlantedRows,
    kinds: Bool[np.ndarray, " experts"],
) -> Resampled:
    """The mean of a score over mechanisms of `kinds`, from the draws of each.

    Raises:
        ValueError: `kinds` has none.
    """
    chosen = [drawn[name] for name, k in zip(rows.experts, kinds, strict=True) if k]
    if not chosen:
        raise ValueError("kinds: no mechanism is learned; nothing to average")
    return Resampled(
        np.mean([one.found for one in chosen], axis=0),
        np.mean([one.drawn for one in chosen], axis=0),
        chosen[0].groups,
    )


def accuracy_statistic(of: Explanation, rows: PlantedRows) -> Statistic:
    """Accuracy of the explained model, for the bootstrap over rows."""
    return mean_statistic(of.right.astype(np.float64), rows.ids)
