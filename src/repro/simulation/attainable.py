"""What the best predictor makes of what the modalities show: the law of the score.

Given which modalities are reliable and their synergy latents, the score is normal; the
synergy latents are drawn, all else is in closed form.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtr

from repro.simulation.planted import Law, Parts, pair_products
from repro.simulation.posterior import LEAST_VARIANCE, latents_given, patterns

HALVINGS = 40  # of the interval of the median


@dataclass(frozen=True)
class ScoreLaw:
    """The score of every sample as a mixture of normals.

    Units: `mean` and `sd` in those of the score; `weight` sums to 1 over components.
    """

    weight: Float[np.ndarray, "samples components"]
    mean: Float[np.ndarray, "samples components"]
    sd: Float[np.ndarray, "samples components"]

    def expectation(self) -> Float[np.ndarray, " samples"]:
        """The mean of the score of each sample."""
        return (self.weight * self.mean).sum(axis=1)

    def below(
        self, bound: Float[np.ndarray, " samples"]
    ) -> Float[np.ndarray, " samples"]:
        """Probability that the score of each sample lies below its bound."""
        share = ndtr((bound[:, None] - self.mean) / self.sd)
        return (self.weight * share).sum(axis=1)

    def median(self) -> Float[np.ndarray, " samples"]:
        """The score with the least expected absolute error.

        >>> two = np.array([[-1.0, 1.0]])
        >>> law = ScoreLaw(np.array([[0.5, 0.5]]), two, np.ones((1, 2)))
        >>> abs(law.median()).round(6).tolist()
        [0.0]
        """
        low = (self.mean - 8 * self.sd).min(axis=1)
        high = (self.mean + 8 * self.sd).max(axis=1)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            is_low = self.below(middle) < 0.5
            low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
        return (low + high) / 2

    def classes(
        self, edges: Float[np.ndarray, " edges"]
    ) -> Float[np.ndarray, "samples classes"]:
        """Probability that the score falls between each two neighboring edges."""
        count = len(self.mean)
        below = [self.below(np.full(count, edge)) for edge in edges]
        return np.diff(np.stack([np.zeros(count), *below, np.ones(count)], 1), axis=1)


def score_law(
    parts: Parts,
    law: Law,
    seen: Float[np.ndarray, "samples modalities latents"],
    usable: Bool[np.ndarray, "samples modalities"],
    draws: int,
    generator: np.random.Generator,
) -> ScoreLaw:
    """The score given what usable modalities show: one component per draw.

    A usable modality is present and known to be reliable; the others tell nothing.
    """
    given = latents_given(law, seen, usable)
    unique = given.unique @ np.array(parts.unique)
    variance = given.left @ np.square(parts.unique)
    variance += parts.shared**2 * given.blur / given.weight + parts.noise**2
    noise = generator.standard_normal((len(seen), draws, seen.shape[1]))
    kept = np.sqrt(given.left)[:, None]
    products = pair_products(given.synergy[:, None] + kept * noise)
    plain = unique + parts.shared * given.shared
    sd = np.sqrt(np.maximum(variance, LEAST_VARIANCE))
    return ScoreLaw(
        weight=np.full((len(seen), draws), 1 / draws),
        mean=plain[:, None] + parts.synergy * products,
        sd=np.repeat(sd[:, None], draws, axis=1),
    )


def score_law_of_patterns(
    parts: Parts,
    law: Law,
    seen: Float[np.ndarray, "samples modalities latents"],
    present: Bool[np.ndarray, "samples modalities"],
    posterior: Float[np.ndarray, "samples patterns"],
    draws: int,
    generator: np.random.Generator,
) -> ScoreLaw:
    """The score where reliability is not known: patterns weighed by their posterior."""
    found = [
        score_law(parts, law, seen, present & reliable, draws, generator)
        for reliable in patterns(seen.shape[1])
    ]
    weights = [p[:, None] * f.weight for p, f in zip(posterior.T, found, strict=True)]
    return ScoreLaw(
        weight=np.concatenate(weights, axis=1),
        mean=np.concatenate([one.mean for one in found], axis=1),
        sd=np.concatenate([one.sd for one in found], axis=1),
    )
