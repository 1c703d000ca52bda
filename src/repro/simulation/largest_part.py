"""Which part of a score is the largest, as far as what the modalities show tells."""

import numpy as np
from jaxtyping import Bool, Float

from repro.simulation.planted import Law, Parts, pair_products
from repro.simulation.posterior import LEAST_VARIANCE, pattern_posterior, patterns

ROWS = 500  # at a time, so that the memory of the draws is bounded


def largest_part(
    parts: Parts,
    law: Law,
    seen: Float[np.ndarray, "samples modalities latents"],
    present: Bool[np.ndarray, "samples modalities"],
    draws: int,
    generator: np.random.Generator,
) -> Float[np.ndarray, "samples modalities"]:
    """Probability that the unique part of each modality is the largest of all parts.

    Parts are those that modalities explain: unique, shared, synergy. Which modalities
    are reliable is not known: its patterns are weighed by their posterior, and within
    one the latents are drawn from theirs, which is normal.

    >>> law = Law((0.0,), unreliable_sd=1.0, latent_noise=0.0)
    >>> parts, rng = Parts((1.0,), 1.0, 0.0, 0.5), np.random.default_rng(0)
    >>> seen = np.array([[[2.0, 1.0, 0.0]], [[1.0, -2.0, 0.0]]])
    >>> largest_part(parts, law, seen, np.full((2, 1), True), 10, rng).tolist()
    [[1.0], [0.0]]
    """
    count = -(-len(seen) // ROWS)
    blocks = zip(
        np.array_split(seen, count), np.array_split(present, count), strict=True
    )
    return np.concatenate(
        [_chances(parts, law, own, there, draws, generator) for own, there in blocks]
    )


def _chances(
    parts: Parts,
    law: Law,
    seen: Float[np.ndarray, "samples modalities latents"],
    present: Bool[np.ndarray, "samples modalities"],
    draws: int,
    generator: np.random.Generator,
) -> Float[np.ndarray, "samples modalities"]:
    weights = pattern_posterior(law, seen, present)
    found = np.zeros(present.shape)
    for weight, reliable in zip(weights.T, patterns(present.shape[1]), strict=True):
        sizes = _sizes(parts, law, seen, present & reliable, draws, generator)
        first = sizes.argmax(axis=2)
        for m in range(present.shape[1]):
            found[:, m] += weight * (first == m).mean(axis=1)
    return found


def _sizes(
    parts: Parts,
    law: Law,
    seen: Float[np.ndarray, "samples modalities latents"],
    usable: Bool[np.ndarray, "samples modalities"],
    draws: int,
    generator: np.random.Generator,
) -> Float[np.ndarray, "samples draws parts"]:
    """Sizes of unique parts, shared part, synergy; what is not usable tells nothing."""
    samples, count = usable.shape
    trust = 1 / (1 + law.latent_noise**2)
    left = np.sqrt(np.where(usable, 1 - trust, 1.0))[:, None]  # sd that a latent keeps

    def own(latent: int) -> Float[np.ndarray, "samples draws modalities"]:
        known = np.where(usable, trust * seen[:, :, latent], 0.0)[:, None]
        return known + left * generator.standard_normal((samples, draws, count))

    k, blur = usable.sum(axis=1), max(law.latent_noise**2, LEAST_VARIANCE)
    known = np.where(usable, seen[:, :, 1], 0.0).sum(axis=1) / (k + blur)
    noise = generator.standard_normal((samples, draws))
    shared = known[:, None] + np.sqrt(blur / (k + blur))[:, None] * noise
    together = [parts.shared * shared, parts.synergy * pair_products(own(2))]
    return np.abs(np.concatenate([own(0) * parts.unique, np.stack(together, 2)], 2))
