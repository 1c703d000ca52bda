"""Modality weighting for multimodal models: divergence, information, smoothing.

>>> import numpy as np
>>> joint = np.array([[0.7, 0.3], [0.2, 0.8], [0.6, 0.4], [0.1, 0.9]])
>>> text, audio = joint[::-1], np.full((4, 2), 0.5)
>>> weighting = ModalityWeighting("classification", modalities=("text", "audio"))
>>> weights = weighting.fit(np.stack([text, audio], axis=1), joint)
>>> weights.shape, weights.sum(axis=1).round(6).tolist()
((4, 2), [1.0, 1.0, 1.0, 1.0])
"""

from btw.combination import (
    combined_weights,
    common_weights,
    dataset_gaussian_kl,
    present_mean,
    scaled,
    shares,
)
from btw.divergence import (
    categorical_kl,
    divergence,
    gaussian_kl,
    pooled_variance,
    squared_residuals,
)
from btw.inference import InferenceState
from btw.information import (
    continuous_information,
    discrete_information,
    modality_information,
)
from btw.smoothing import Smoothing
from btw.weighting import ModalityWeighting

__all__ = [
    "InferenceState",
    "ModalityWeighting",
    "Smoothing",
    "categorical_kl",
    "combined_weights",
    "common_weights",
    "continuous_information",
    "dataset_gaussian_kl",
    "discrete_information",
    "divergence",
    "gaussian_kl",
    "modality_information",
    "pooled_variance",
    "present_mean",
    "scaled",
    "shares",
    "squared_residuals",
]
