"""Which part of a score is the largest, as far as what the modalities show tells."""

import numpy as np
from jaxtyping import Bool, Float

from repro.simulation.planted import Law, Parts, pair_products
from repro.simulation.posterior import latents_given, pattern_posterior, patterns

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
    given = latents_given(law, seen, usable)
    samples, count = usable.shape
    kept = np.sqrt(given.left)[:, None]
    several = samples, draws, count
    sd = np.sqrt(given.blur / given.weight)[:, None]
    shared = given.shared[:, None] + sd * generator.standard_normal((samples, draws))
    synergy = given.synergy[:, None] + kept * generator.standard_normal(several)
    unique = given.unique[:, None] + kept * generator.standard_normal(several)
    together = [parts.shared * shared, parts.synergy * pair_products(synergy)]
    return np.abs(np.concatenate([unique * parts.unique, np.stack(together, 2)], 2))
