"""Weights of all training instances at one epoch, before smoothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from btw.arrays import Array, check_choice, float64
from btw.averages import VECTOR
from btw.combination import (
    DATASET_VARIANTS,
    DIVERGENCE_VARIANTS,
    INFORMATION_VARIANTS,
    combined_weights,
    common_weights,
    shares,
)
from btw.divergence import divergence, refuse_variances
from btw.inference import CODES
from btw.information import modality_information


@dataclass(frozen=True)
class Method:
    """What to compute: task, variant, scale, and how information is estimated."""

    task: str
    variant: str
    scale: str
    neighbors: int = 3
    random_state: int = 0
    modalities: Sequence[str] | None = None

    def __post_init__(self) -> None:
        for name, choices in CODES.items():
            check_choice(getattr(self, name), name, choices)
        if self.neighbors < 1:
            raise ValueError(f"neighbors: got {self.neighbors}; pass at least 1")
        names = self.modalities
        if isinstance(names, str) or len(set(names or ())) < len(names or ()):
            raise ValueError(
                f"modalities: got {names!r}; pass a name of its own for each"
            )

    def check_modalities(self, count: int) -> None:
        """Raise when the names do not fit the number of modalities."""
        if self.modalities is not None and len(self.modalities) != count:
            raise ValueError(
                f"unimodal: got {count} modalities; pass the {len(self.modalities)} "
                f"named {', '.join(self.modalities)}"
            )

    def settings(self) -> dict[str, int | float]:
        """Choices as their position among the possible ones, and numbers."""
        places: dict[str, int | float] = {
            n: c.index(getattr(self, n)) for n, c in CODES.items()
        }
        numbers = {"neighbors": self.neighbors, "random_state": self.random_state}
        return places | numbers

    @property
    def vectors(self) -> tuple[str, ...]:
        """What is held of a vector that serves every instance, where one does."""
        return (VECTOR,) if self.variant in DATASET_VARIANTS else ()

    @property
    def uses_variances(self) -> bool:
        """Whether normal variances enter the weights."""
        return self.task == "regression" and self.variant in DIVERGENCE_VARIANTS


def epoch_weights(
    method: Method,
    unimodal: np.ndarray,
    multimodal: np.ndarray,
    present: np.ndarray,
    unimodal_variance: Array | None,
    multimodal_variance: Array | None,
    averaged: Array | None = None,
) -> dict[str, np.ndarray]:
    """New weights as `pending`, with the `information` or `averaged` they came from.

    A variant that weighs the whole data set alike gives `pending_vector` too: the
    weights of an instance that has every modality. `averaged`, where given, stands for
    the common vector of the shares (`dataset_gaussian_kl`).

    Source: BTW eq. (5)-(9).
    """
    if method.task == "classification":
        refuse_variances(unimodal_variance, multimodal_variance)
    parts: dict[str, np.ndarray] = {}
    rows = None
    if method.variant in DIVERGENCE_VARIANTS:
        spread = (unimodal_variance, multimodal_variance)
        distance = divergence(unimodal, multimodal, method.task, present, *spread)
        rows = shares(distance, present)
    if method.variant in INFORMATION_VARIANTS:
        parts["information"] = modality_information(
            unimodal,
            multimodal,
            method.task,
            present,
            method.neighbors,
            method.random_state,
            method.modalities,
        )
    if method.variant == "averaged_instance":
        mean = common_weights(rows, present) if averaged is None else averaged
        parts["averaged"] = float64(mean, "averaged", ("modalities",)).copy()
    information, mean = parts.get("information"), parts.get("averaged")
    made = method.variant, method.scale, mean
    parts["pending"] = combined_weights(rows, information, present, *made)
    if method.variant in DATASET_VARIANTS:
        every = np.ones((1, present.shape[1]), dtype=bool)
        parts["pending_vector"] = combined_weights(None, information, every, *made)[0]
    return parts
