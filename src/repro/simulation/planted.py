"""What a simulation plants, whatever the data: known to it, hidden from the models."""

from collections.abc import Sequence
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
class Parts:
    """Standard deviations of the parts of a score, in its units."""

    unique: tuple[float, ...]
    shared: float
    synergy: float
    noise: float


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


def score_parts(
    parts: Parts, names: Sequence[str], planted: Planted
) -> dict[str, Float[np.ndarray, " samples"]]:
    """The parts of the score by name, `unique_<modality>` first; their sum is it."""
    found = {
        f"unique_{name}": strength * planted.unique[:, m]
        for m, (name, strength) in enumerate(zip(names, parts.unique, strict=True))
    }
    found["shared"] = parts.shared * planted.shared
    found["synergy"] = parts.synergy * pair_products(planted.synergy)
    found["noise"] = parts.noise * planted.noise
    return found


def pair_products(
    synergy: Float[np.ndarray, "*samples modalities"],
) -> Float[np.ndarray, "*samples"]:
    """Sum of the products of every two modalities, scaled to variance 1.

    The products are independent, and each has mean 0 given either factor.

    >>> pair_products(np.array([[1.0, 2.0, 3.0]])) * np.sqrt(3)
    array([11.])
    """
    count = synergy.shape[-1]
    twice = synergy.sum(axis=-1) ** 2 - (synergy**2).sum(axis=-1)
    return twice / 2 / np.sqrt(max(count * (count - 1) / 2, 1))
