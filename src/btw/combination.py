"""From divergences and information to the weights of every variant."""

import numpy as np

from btw.arrays import (
    Array,
    Bool,
    Float,
    as_numpy,
    check_choice,
    check_finite,
    checked_predictions,
    checked_present,
    float64,
    in_kind_of,
)
from btw.divergence import DIVERGENCE_FLOOR, gaussian_kl, pooled_variance

VARIANTS = ("instance", "averaged_instance", "modality", "bi_level")
SCALES = ("mean_one", "sum_one")
INFORMATION_VARIANTS = ("modality", "bi_level")
DIVERGENCE_VARIANTS = ("instance", "averaged_instance", "bi_level")
INSTANCE_VARIANTS = ("instance", "bi_level")
DATASET_VARIANTS = ("averaged_instance", "modality")
ROUNDS, TOLERANCE = 1000, 1e-14


def scaled(weights: Array, present: Array | None, scale: str = "sum_one") -> Array:
    """Weights of the present modalities, scaled per row.

    `mean_one`: they average 1 over the modalities present, so uniform weights are 1.
    `sum_one`: they sum to 1, as published. Absent modalities get 0, a row of zeros
    becomes uniform, a row with nothing present stays 0.

    Shape: (samples, modalities), present the same.
    Raises:
        ValueError: unknown scale, a negative weight or one that is not finite.

    >>> scaled([[3.0, 1.0, 5.0]], [[True, True, False]], "mean_one").tolist()
    [[1.5, 0.5, 0.0]]
    """
    check_choice(scale, "scale", SCALES)
    rows = float64(weights, "weights", ("samples", "modalities"))
    mask = checked_present(present, *rows.shape)
    check_finite(rows, "weights", mask)
    if not mask.all():
        rows = np.where(mask, rows, 0.0)
    if rows.size and rows.min() < 0:
        raise ValueError(f"weights: got {rows.min()}; pass weights of at least 0")
    return in_kind_of(weights, _scaled(rows, mask, scale))


def _scaled(
    rows: Float[np.ndarray, "samples modalities"],
    mask: Bool[np.ndarray, "samples modalities"],
    scale: str,
) -> Float[np.ndarray, "samples modalities"]:
    totals = rows.sum(1)
    if not totals.all():
        rows = np.where(totals[:, None] == 0, mask, rows)
        totals = rows.sum(1)
    result = rows / np.where(totals == 0, 1.0, totals)[:, None]
    if scale == "mean_one":
        result *= mask.sum(1)[:, None]
    return result


def shares(divergence: Array, present: Array | None = None) -> Array:
    """Share of each present modality in the divergence of its row.

    A row with every divergence at the floor is uniform.

    Source: BTW section 3, normalization across modalities.
    Shape: (samples, modalities).

    >>> shares([[3.0, 1.0]]).tolist()
    [[0.75, 0.25]]
    """
    return scaled(divergence, present, "sum_one")


def present_mean(values: Array, present: Array | None = None) -> Array:
    """Mean per modality over the rows where it is present; 0 where it never is.

    Shape: (samples, modalities) gives (modalities,).

    >>> present_mean([[1.0, 2.0], [3.0, 9.0]], [[True, True], [True, False]]).tolist()
    [2.0, 2.0]
    """
    rows = float64(values, "values", ("samples", "modalities"))
    mask = checked_present(present, *rows.shape)
    check_finite(rows, "values", mask)
    totals = np.where(mask, rows, 0.0).sum(0)
    return in_kind_of(values, totals / np.maximum(mask.sum(0), 1))


def common_weights(values: Array, present: Array | None = None) -> Array:
    """One vector that, restricted to what each row has, gives the mean of the rows.

    Every row is set against the vector restricted to its modalities and rescaled to
    the total of the row; over all rows each modality then gets as much as it has. The
    plain mean has not this property: a row with few modalities gives each of them a
    large share. Where all are present it is the plain mean.

    Source: the fit of a Luce choice model to shares; Hunter 2004, MM algorithm.
    Shape: (samples, modalities) gives (modalities,).

    >>> half = np.array([[0.5, 0.5], [1.0, 0.0]])
    >>> common_weights(half, half > 0).round(6).tolist()
    [0.625, 0.625]
    """
    rows = float64(values, "values", ("samples", "modalities"))
    mask = checked_present(present, *rows.shape)
    start = present_mean(rows, mask)
    if mask.all() or start.sum() == 0:
        return in_kind_of(values, start)
    rows = np.where(mask, rows, 0.0)
    patterns, codes = np.unique(mask, axis=0, return_inverse=True)
    totals = np.bincount(codes.ravel(), rows.sum(1), len(patterns))
    vector, sums = start, rows.sum(0)
    for _ in range(ROUNDS):
        known = patterns @ vector
        rates = np.divide(totals, known, out=np.zeros_like(known), where=known > 0)
        expected = rates @ patterns
        found = np.divide(sums, expected, out=np.zeros_like(sums), where=expected > 0)
        found *= start.sum() / found.sum()
        is_settled = np.abs(found - vector).max() <= TOLERANCE * start.sum()
        vector = found
        if is_settled:
            break
    return in_kind_of(values, vector)


def combined_weights(
    shares: Array | None,
    information: Array | None,
    present: Array,
    variant: str,
    scale: str = "sum_one",
    averaged: Array | None = None,
) -> Array:
    """Weights of a variant, restricted to the modalities present and scaled.

    instance (BTW-local): the shares. averaged_instance (BTW-global KL): their common
    vector over train, `averaged`. modality (BTW-global MI): the information. bi_level
    (BTW): information times shares.

    Source: BTW eq. (8), (9) and section 6.1.
    Shape: shares and present (samples, modalities), the others (modalities,).
    Raises:
        ValueError: unknown variant or scale, or what the variant needs is missing.

    >>> combined_weights([[0.5, 0.5]], [0.2, 0.8], [[1, 1]], "bi_level").tolist()
    [[0.2, 0.8]]
    """
    check_choice(variant, "variant", VARIANTS)
    mask = as_numpy(present)
    if mask.ndim != 2:
        raise ValueError(f"present: got shape {mask.shape}; pass (samples, modalities)")
    rows = np.ones(mask.shape)
    if variant in INSTANCE_VARIANTS:
        rows = rows * _given(shares, "shares", mask.shape, variant)
    if variant in INFORMATION_VARIANTS:
        rows *= _given(information, "information", mask.shape[1:], variant)
    if variant == "averaged_instance":
        rows *= _given(averaged, "averaged", mask.shape[1:], variant)
    reference = shares if shares is not None else present
    return in_kind_of(reference, scaled(rows, mask, scale))


def _given(
    values: Array | None, name: str, shape: tuple[int, ...], variant: str
) -> np.ndarray:
    if values is None:
        raise ValueError(f"{name}: missing; the variant {variant} needs it")
    array = float64(values, name, ("samples", "modalities")[-len(shape) :])
    if array.shape != shape:
        raise ValueError(f"{name}: got shape {array.shape}; pass {shape}")
    return array


def dataset_gaussian_kl(
    unimodal: Array, multimodal: Array, targets: Array, present: Array | None = None
) -> Array:
    """Divergence of two normals fitted to a whole data set, one per modality.

    Their means are the mean predictions, their variances the mean squared residuals,
    over the rows where the modality is present. Not normalized, floored at 1e-5.

    Source: the authors' code, where it stands for BTW-global (KL).
    Shape: unimodal (samples, modalities), multimodal and targets (samples,); the
        result is (modalities,).

    >>> dataset_gaussian_kl([[0.0], [2.0]], [1.0, 3.0], [1.0, 1.0]).round(3).tolist()
    [0.347]
    """
    own, joint, mask = checked_predictions("regression", unimodal, multimodal, present)
    labels = float64(targets, "targets", ("samples",))
    result = np.full(own.shape[1], DIVERGENCE_FLOOR)
    for m, rows in enumerate(mask.T):
        if not rows.any():
            continue
        pair = [
            (values.mean(), pooled_variance(values, labels[rows], floor=0.0))
            for values in (own[rows, m], joint[rows])
        ]
        result[m] = max(float(gaussian_kl(*pair[0], *pair[1])), DIVERGENCE_FLOOR)
    return in_kind_of(multimodal, result)
