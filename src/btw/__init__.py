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
from btw.competence import (
    Specialisation,
    competence,
    specialisation,
)
from btw.decomposition import (
    Decomposition,
    decomposition,
    decomposition_of_codes,
)
from btw.divergence import (
    categorical_kl,
    divergence,
    gaussian_kl,
    pooled_variance,
    squared_residuals,
)
from btw.faithfulness import (
    Deletion,
    contribution_share,
    deletion,
    effect_correlation,
    leave_one_out,
    sensitivity,
    surviving_share,
    weight_agreement,
)
from btw.inference import InferenceState
from btw.information import (
    continuous_information,
    discrete_information,
    modality_information,
)
from btw.interpretation import (
    bayes_auroc,
    disagreement_scores,
    mechanism_auroc,
    mix_correlation,
    normalised_score,
    top_one,
    total_variation,
)
from btw.smoothing import Smoothing
from btw.weighting import ModalityWeighting

__all__ = [
    "Decomposition",
    "Deletion",
    "InferenceState",
    "ModalityWeighting",
    "Smoothing",
    "Specialisation",
    "bayes_auroc",
    "categorical_kl",
    "combined_weights",
    "common_weights",
    "competence",
    "continuous_information",
    "contribution_share",
    "dataset_gaussian_kl",
    "decomposition",
    "decomposition_of_codes",
    "deletion",
    "disagreement_scores",
    "discrete_information",
    "divergence",
    "effect_correlation",
    "gaussian_kl",
    "leave_one_out",
    "mechanism_auroc",
    "mix_correlation",
    "modality_information",
    "normalised_score",
    "pooled_variance",
    "present_mean",
    "scaled",
    "sensitivity",
    "shares",
    "specialisation",
    "squared_residuals",
    "surviving_share",
    "top_one",
    "total_variation",
    "weight_agreement",
]
