"""A small training set with absent modalities, and a weighting fitted on it."""

from typing import Any

import numpy as np

from btw import ModalityWeighting

VARIANTS = ("instance", "averaged_instance", "modality", "bi_level")
SPREAD = {"unimodal_variance": np.array([0.2, 0.5, 2.0]), "multimodal_variance": 0.3}
JOINT_SPREAD = {"multimodal_variance": 0.3}


def train(seed: int = 0, samples: int = 60) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(seed)
    y = generator.normal(size=samples)
    own = y[:, None] + generator.normal(size=(samples, 3)) * [0.4, 0.7, 1.4]
    joint = y + 0.3 * generator.normal(size=samples)
    present = generator.random((samples, 3)) < 0.8
    return own, joint, y, present


def fitted(variant: str = "bi_level", **options: Any) -> ModalityWeighting:
    own, joint, _, present = train()
    weighting = ModalityWeighting("regression", variant, **options)
    weighting.fit(own, joint, present=present, **SPREAD)
    return weighting
