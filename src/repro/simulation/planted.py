"""What a simulation plants, whatever the data: known to it, hidden from the models."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

LATENTS = ("unique", "shared", "synergy")


@dataclass(frozen=True)
class Law:
    """How modalities see the latents.

    `unreliable` is the share of samples in which a modality is pure noise,
    `unreliable_sd` the standard deviation of its latents there (1 hides the noise: it
    has the law of the signal), `latent_noise` that of the blur on every seen latent.
    """

    unreliable: tuple[float, ...]
    unreliable_sd: float
    latent_noise: float


@dataclass(frozen=True)
class Planted:
    """Latents as drawn, as each modality sees them, and which ones are reliable."""

    unique: Float[np.ndarray, "samples modalities"]
    shared: Float[np.ndarray, " samples"]
    synergy: Float[np.ndarray, "samples modalities"]
    noise: Float[np.ndarray, " samples"]
    seen: Float[np.ndarray, "samples modalities latents"]
    reliable: Bool[np.ndarray, "samples modalities"]


def drawn(law: Law, samples: int, generator: np.random.Generator) -> Planted:
    """Draw the latents of every sample, each of mean 0 and variance 1.

    A reliable modality sees its unique, the shared and its synergy latent with a
    little blur; an unreliable one sees independent draws instead.

    >>> law = Law((1.0, 0.0), unreliable_sd=3.0, latent_noise=0.0)
    >>> planted = drawn(law, 10_000, np.random.default_rng(0))
    >>> planted.seen.std(axis=(0, 2)).round(1).tolist()
    [3.0, 1.0]
    """
    count = len(law.unreliable)
    unique = generator.standard_normal((samples, count))
    shared = generator.standard_normal(samples)
    synergy = generator.standard_normal((samples, count))
    noise = generator.standard_normal(samples)
    everywhere = np.repeat(shared[:, None], count, axis=1)
    latents = np.stack([unique, everywhere, synergy], axis=2)
    reliable = generator.random((samples, count)) >= np.array(law.unreliable)
    independent = law.unreliable_sd * generator.standard_normal(latents.shape)
    blur = law.latent_noise * generator.standard_normal(latents.shape)
    seen = np.where(reliable[:, :, None], latents, independent) + blur
    return Planted(unique, shared, synergy, noise, seen, reliable)
