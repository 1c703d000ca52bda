"""Simulated utterances: made-up words that tell quantised latents."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr

LEVELS = 12  # steps into which a latent is quantised
SYNONYMS = 2  # words that say the same level
FILLERS = 32  # words that say nothing
FILLER_SHARE = 0.2  # of the words of an utterance
JITTER = 0.5  # sd, in levels, of the level a single word says
SYLLABLES = tuple(c + v for c in "bdfgklmnprstvwz" for v in "aeiou")


def vocabulary(count: int, generator: np.random.Generator) -> list[str]:
    """Different pronounceable words of two syllables.

    Raises:
        ValueError: more words are asked for than two syllables can form.

    >>> vocabulary(2, np.random.default_rng(0))
    ['voto', 'riti']
    """
    most = len(SYLLABLES) ** 2
    if count > most:
        raise ValueError(f"count={count}: at most {most} words can be formed")
    chosen = generator.choice(most, size=count, replace=False)
    first, second = np.divmod(chosen, len(SYLLABLES))
    return [SYLLABLES[a] + SYLLABLES[b] for a, b in zip(first, second, strict=True)]


def levels(
    latent: Float[np.ndarray, "samples latents"],
) -> Int[np.ndarray, "samples latents"]:
    """Level of each latent, 0 to `LEVELS` - 1, about equally often each."""
    share = ndtr(latent / latent.std(axis=0).clip(min=1e-12))
    return np.minimum((share * LEVELS).astype(np.int64), LEVELS - 1)


def utterances(
    seen: Float[np.ndarray, "samples latents"],
    bounds: Sequence[int],
    generator: np.random.Generator,
) -> list[str]:
    """One utterance per sample; each word tells one latent or is a filler."""
    samples, latents = seen.shape
    lexicon = vocabulary(latents * LEVELS * SYNONYMS + FILLERS, generator)
    counts = generator.integers(bounds[0], bounds[1] + 1, samples)
    speaker = np.repeat(np.arange(samples), counts)
    total = len(speaker)
    # Latents take turns, so each gets its share of words, in random order.
    topic = (np.arange(total) % latents)[np.lexsort((generator.random(total), speaker))]
    said = levels(seen)[speaker, topic] + JITTER * generator.standard_normal(total)
    step = np.clip(np.rint(said), 0, LEVELS - 1).astype(np.int64)
    synonym = generator.integers(0, SYNONYMS, total)
    telling = (topic * LEVELS + step) * SYNONYMS + synonym
    filler = latents * LEVELS * SYNONYMS + generator.integers(0, FILLERS, total)
    is_filler = generator.random(total) < FILLER_SHARE
    chosen = np.where(is_filler, filler, telling)
    spoken = np.array(lexicon)[chosen]
    return [
        " ".join(part) for part in np.split(spoken, np.cumsum(counts)[:-1].tolist())
    ]
