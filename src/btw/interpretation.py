"""Scores of any explanation by expert weights against the mechanism that was planted.

Experts and mechanisms have one numbering: expert e stands for mechanism e. Mechanisms
beyond the experts have no expert; their rows count as rest.
"""

import numpy as np

from btw.arrays import (
    Array,
    Float,
    Integer,
    check_finite,
    check_probabilities,
    float64,
    whole_numbers,
)
from btw.ranks import ranked, spearman

__all__ = [
    "bayes_auroc",
    "disagreement_scores",
    "mechanism_auroc",
    "mix_correlation",
    "normalised_score",
    "top_one",
    "total_variation",
]


def mechanism_auroc(scores: Array, mechanism: Array) -> Float[np.ndarray, " experts"]:
    """AUROC of each expert's score for its mechanism against all other rows.

    1 is perfect, 0.5 chance; ties count by half. NaN where no row or every row has the
    mechanism.

    Shape: scores (samples, experts), mechanism (samples,) whole numbers from 0.
    Raises:
        ValueError: shapes disagree, a score is not finite or a mechanism no number.

    >>> weights = [[0.7, 0.3], [0.6, 0.4], [0.1, 0.9]]
    >>> mechanism_auroc(weights, [0, 0, 1]).tolist()
    [1.0, 1.0]
    """
    values, planted = _scored(scores, mechanism)
    ranks = ranked(values)
    own = planted[:, None] == np.arange(values.shape[1])
    count = own.sum(axis=0)
    wins = (ranks * own).sum(axis=0) - count * (count + 1) / 2
    pairs = count * (len(values) - count)
    undefined = np.full(len(count), np.nan)
    return np.divide(wins, pairs, out=undefined, where=pairs > 0)


def top_one(scores: Array, mechanism: Array) -> float:
    """Share of rows whose highest score is that of their mechanism.

    A tie counts by its part: k equal highest scores name each with 1 / k. Rows whose
    mechanism has no expert are left out; NaN where none is left.

    Shape: scores (samples, experts), mechanism (samples,).
    Raises:
        ValueError: as for `mechanism_auroc`.

    >>> top_one([[0.7, 0.3], [0.5, 0.5]], [0, 1])
    0.75
    """
    values, planted = _scored(scores, mechanism)
    known = planted < values.shape[1]
    if not known.any():
        return float("nan")
    values, planted = values[known], planted[known]
    is_top = values == values.max(axis=1, keepdims=True)
    right = is_top[np.arange(len(values)), planted] / is_top.sum(axis=1)
    return float(right.mean())


def bayes_auroc(joint: Array) -> Float[np.ndarray, " mechanisms"]:
    """Greatest AUROC that any score of what is seen can reach for each mechanism.

    The best score is the posterior probability of the mechanism, or anything that
    rises with it (Neyman and Pearson). NaN where a mechanism never or always occurs.

    Shape: joint (mechanisms, outcomes): probability of the mechanism together with
        each thing that may be seen, or counts.
    Raises:
        ValueError: a value is negative or not finite.

    >>> bayes_auroc([[0.5, 0.0], [0.0, 0.5]]).tolist()
    [1.0, 1.0]
    """
    p = float64(joint, "joint", ("mechanisms", "outcomes"))
    check_finite(p, "joint")
    if p.size and p.min() < 0:
        raise ValueError(f"joint: got {p.min()}; pass probabilities or counts")
    rest = p.sum(axis=0) - p
    return np.array([_area(own, other) for own, other in zip(p, rest, strict=True)])


def _area(own: np.ndarray, rest: np.ndarray) -> float:
    """Area of the likelihood ratio; outcomes of one ratio are ties."""
    if own.sum() <= 0 or rest.sum() <= 0:
        return float("nan")
    total = own + rest
    ratio = np.divide(own, total, out=np.zeros_like(own), where=total > 0).round(12)
    _, place = np.unique(ratio, return_inverse=True)
    own, rest = np.bincount(place, own), np.bincount(place, rest)
    below = np.cumsum(rest) - rest
    return float((own @ (below + rest / 2)) / (own.sum() * rest.sum()))


def normalised_score(area: Array, ceiling: Array) -> Array:
    """Part of the way from chance to the ceiling: (area - 0.5) / (ceiling - 0.5).

    NaN where the ceiling is chance itself.

    Shape: any, alike.

    >>> normalised_score(0.6, 0.7).round(3).tolist()
    0.5
    """
    way = np.asarray(ceiling, dtype=np.float64) - 0.5
    done = np.asarray(area, dtype=np.float64) - 0.5
    undefined = np.full(np.broadcast(done, way).shape, np.nan)
    return np.divide(done, way, out=undefined, where=way > 0)


def total_variation(weights: Array, shares: Array) -> float:
    """Distance of the mean weights of the experts from the shares of the mechanisms.

    Half the sum of the absolute differences: 0 when equal, 1 when disjoint.

    Shape: weights (samples, experts), shares (experts,).
    Raises:
        ValueError: shapes disagree, or either is no distribution.

    >>> total_variation([[1.0, 0.0], [0.0, 1.0]], [0.5, 0.5])
    0.0
    """
    given = float64(weights, "weights", ("samples", "experts"))
    planted = float64(shares, "shares", ("experts",))
    if given.shape[1:] != planted.shape or not len(given):
        raise ValueError(
            f"weights, shares: got shapes {given.shape} and {planted.shape}; "
            "pass a share per expert and at least one sample"
        )
    check_probabilities(given, "weights")
    check_probabilities(planted, "shares")
    return float(np.abs(given.mean(axis=0) - planted).sum() / 2)


def mix_correlation(
    mean_weights: Array, shares: Array
) -> Float[np.ndarray, " experts"]:
    """Spearman correlation of an expert's mean weight with its planted share.

    Does the weight of an expert rise when more rows need it? NaN where either does
    not vary over the mixes.

    Shape: (mixes, experts) each, three mixes or more.
    Raises:
        ValueError: shapes disagree, or there are fewer mixes.

    >>> weights = [[0.2, 0.8], [0.3, 0.7], [0.6, 0.4]]
    >>> mix_correlation(weights, weights).round(3).tolist()
    [1.0, 1.0]
    """
    one = float64(mean_weights, "mean_weights", ("mixes", "experts"))
    other = float64(shares, "shares", ("mixes", "experts"))
    if one.shape != other.shape or len(one) < 3:
        raise ValueError(
            f"mean_weights, shares: got shapes {one.shape} and {other.shape}; "
            "pass the same experts of the same mixes, at least three"
        )
    return spearman(one, other)


def disagreement_scores(
    unimodal: Array, fusion: Array
) -> Float[np.ndarray, "samples experts"]:
    """Scores of the mechanisms from how alike unimodal and fused predictions are.

    A modality is unique where it alone predicts what the fusion predicts, all are
    redundant where each does, and they are synergistic where none does. With s_m the
    overlap of two distributions, 1 less their total variation, the columns are
    s_m - max of the other s, then 1 - max s (synergy) and min s (redundancy).

    Source: Yu et al. 2024, the rule; the overlap is ours.
    Shape: unimodal (samples, modalities, classes), fusion (samples, classes),
        probabilities; the result is (samples, modalities + 2).
    Raises:
        ValueError: shapes disagree, or a row is no distribution.

    >>> sure, other = [1.0, 0.0], [0.0, 1.0]
    >>> disagreement_scores([[sure, other], [other, other]], [sure, sure]).tolist()
    [[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
    """
    own = float64(unimodal, "unimodal", ("samples", "modalities", "classes"))
    fused = float64(fusion, "fusion", ("samples", "classes"))
    if own.shape[::2] != fused.shape or own.shape[1] < 2:
        raise ValueError(
            f"unimodal, fusion: got shapes {own.shape} and {fused.shape}; samples and "
            "classes must agree, with two modalities or more"
        )
    for name, values in (("unimodal", own), ("fusion", fused)):
        check_finite(values, name)
        check_probabilities(values, name)
    alike = 1 - np.abs(own - fused[:, None]).sum(axis=2) / 2
    ascending = np.sort(alike, axis=1)
    highest = ascending[:, -1:]
    others = np.where(alike == highest, ascending[:, -2:-1], highest)
    parts = [alike - others, 1 - highest, ascending[:, :1]]
    return np.concatenate(parts, axis=1)


def _scored(
    scores: Array, mechanism: Array
) -> tuple[Float[np.ndarray, "samples experts"], Integer[np.ndarray, " samples"]]:
    values = float64(scores, "scores", ("samples", "experts"))
    check_finite(values, "scores")
    return values, whole_numbers(mechanism, "mechanism", len(values))
