"""What can be known of reliability from what the modalities show, by Bayes' rule."""

from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import logsumexp

from repro.simulation.planted import Law

# Without blur reliable modalities show the very same shared latent; a variance far
# below that of every latent, far above the rounding, has that limit.
LEAST_VARIANCE = 1e-12


def patterns(modalities: int) -> Bool[np.ndarray, "patterns modalities"]:
    """Every way in which modalities can be reliable or not.

    >>> patterns(2).astype(int).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    return np.array(list(product([False, True], repeat=modalities)))


def pattern_posterior(
    law: Law,
    seen: Float[np.ndarray, "samples modalities latents"],
    present: Bool[np.ndarray, "samples modalities"],
) -> Float[np.ndarray, "samples patterns"]:
    """Probability of every pattern of `patterns`, given what present modalities show.

    The seen latents of a pattern are jointly normal: unique and synergy latents stand
    alone, the shared one ties all reliable modalities together. An absent modality
    shows nothing and keeps its prior; that it is absent tells nothing.
    """
    every = patterns(seen.shape[1])
    logs = [_log_joint(law, seen, present, reliable) for reliable in every]
    table = np.stack(logs, axis=1)
    return np.exp(table - logsumexp(table, axis=1, keepdims=True))


def reliability(
    law: Law,
    seen: Float[np.ndarray, "samples modalities latents"],
    present: Bool[np.ndarray, "samples modalities"],
) -> Float[np.ndarray, "samples modalities"]:
    """Exact probability that a modality is reliable; 0 where it is absent.

    >>> law = Law((0.5,), unreliable_sd=1.0, latent_noise=0.3)
    >>> reliability(law, np.array([[[2.0, -1.0, 0.5]]]), np.array([[True]])).round(6)
    array([[0.5]])
    """
    weights = pattern_posterior(law, seen, present)
    marginal = weights @ patterns(seen.shape[1])
    return np.where(present, marginal.clip(0.0, 1.0), 0.0)


class Latents(NamedTuple):
    """What usable modalities tell of the latents: normal, each apart from the others.

    `left` is the variance that a unique or synergy latent keeps; that of the shared one
    is `blur / weight`.
    """

    unique: Float[np.ndarray, "samples modalities"]
    shared: Float[np.ndarray, " samples"]
    synergy: Float[np.ndarray, "samples modalities"]
    left: Float[np.ndarray, "samples modalities"]
    blur: float
    weight: Float[np.ndarray, " samples"]


def latents_given(
    law: Law,
    seen: Float[np.ndarray, "samples modalities latents"],
    usable: Bool[np.ndarray, "samples modalities"],
) -> Latents:
    """Means and variances of the latents where it is known what is reliable.

    A usable modality is present and reliable; the others tell nothing.

    >>> law = Law((0.5,), unreliable_sd=1.0, latent_noise=1.0)
    >>> found = latents_given(law, np.array([[[2.0, 1.0, 4.0]]]), np.array([[True]]))
    >>> found.unique.tolist(), found.shared.tolist(), found.synergy.tolist()
    ([[1.0]], [0.5], [[2.0]])
    """
    trust = 1 / (1 + law.latent_noise**2)
    blur = max(law.latent_noise**2, LEAST_VARIANCE)
    weight = usable.sum(axis=1) + blur
    return Latents(
        unique=np.where(usable, trust * seen[:, :, 0], 0.0),
        shared=np.where(usable, seen[:, :, 1], 0.0).sum(axis=1) / weight,
        synergy=np.where(usable, trust * seen[:, :, 2], 0.0),
        left=np.where(usable, 1 - trust, 1.0),
        blur=blur,
        weight=weight,
    )


def _log_joint(
    law: Law,
    seen: Float[np.ndarray, "samples modalities latents"],
    present: Bool[np.ndarray, "samples modalities"],
    reliable: Bool[np.ndarray, " modalities"],
) -> Float[np.ndarray, " samples"]:
    """Log of prior times likelihood of one pattern."""
    unreliable = np.array(law.unreliable)
    with np.errstate(divide="ignore"):  # a share of 0 or 1 rules a pattern out
        prior = np.log(np.where(reliable, 1 - unreliable, unreliable)).sum()
    blur = max(law.latent_noise**2, LEAST_VARIANCE)
    alone = np.where(reliable, 1.0, law.unreliable_sd**2) + blur
    each = _log_normal(seen, alone[:, None])
    each[:, reliable, 1] = 0.0  # together, below
    logs = np.where(present, each.sum(axis=2), 0.0).sum(axis=1)
    tied = present & reliable
    return prior + logs + _log_tied(seen[:, :, 1], tied, blur)


def _log_normal(
    values: Float[np.ndarray, "samples modalities latents"],
    variance: Float[np.ndarray, "modalities 1"],
) -> Float[np.ndarray, "samples modalities latents"]:
    return -0.5 * (np.log(2 * np.pi * variance) + values**2 / variance)


def _log_tied(
    shared: Float[np.ndarray, "samples modalities"],
    tied: Bool[np.ndarray, "samples modalities"],
    blur: float,
) -> Float[np.ndarray, " samples"]:
    """Log-density of the shared latent as k modalities see it: covariance 11' + blur I.

    Its determinant is blur^(k-1) (blur + k), its inverse (I - 11' / (blur + k)) / blur.
    """
    k = tied.sum(axis=1)
    values = np.where(tied, shared, 0.0)
    # Around the mean, since the two terms of the inverse nearly cancel.
    mean = values.sum(axis=1) / np.maximum(k, 1)
    spread = np.where(tied, (shared - mean[:, None]) ** 2, 0.0).sum(axis=1)
    square = spread / blur + k * mean**2 / (blur + k)
    log_determinant = (k - 1) * np.log(blur) + np.log(blur + k)
    return np.where(
        k > 0, -0.5 * (k * np.log(2 * np.pi) + log_determinant + square), 0.0
    )
