"""Simulated audio and video frames: noisy mixtures of a few latents."""

import numpy as np
from jaxtyping import Float, Float32, Int

# A speaker shifts the audio features of all their utterances a little.
SPEAKER_SD = {"audio": 0.2, "video": 0.0}


def mixing(
    features: int, latents: int, generator: np.random.Generator
) -> Float[np.ndarray, "features latents"]:
    """A random mixing matrix whose rows have norm 1 on average.

    Its columns are orthogonal, so every latent is equally well visible whatever the
    number of features.

    >>> m = mixing(5, 3, np.random.default_rng(0))
    >>> np.allclose(m.T @ m, 5 / 3 * np.eye(3))
    True
    """
    basis, _ = np.linalg.qr(generator.standard_normal((features, latents)))
    return basis * np.sqrt(features / latents)


def padded_frames(
    seen: Float[np.ndarray, "samples latents"],
    counts: Int[np.ndarray, " samples"],
    offset: Float[np.ndarray, "samples features"],
    shape: tuple[int, float],
    generator: np.random.Generator,
) -> Float32[np.ndarray, "samples time features"]:
    """Frames of every sample, zero after its last frame.

    `shape` is the padded length and the sd of the noise of one frame.
    """
    longest, noise = shape
    samples, features = offset.shape
    matrix = mixing(features, seen.shape[1], generator)
    base = (seen @ matrix.T + offset).astype(np.float32)
    padded = generator.standard_normal((samples, longest, features), np.float32)
    padded *= np.float32(noise)
    padded += base[:, None, :]
    padded[np.arange(longest) >= counts[:, None]] = 0
    return padded
