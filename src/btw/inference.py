"""Weights of instances outside train: two passes and no memory."""

from dataclasses import dataclass, fields

import numpy as np

from btw.arrays import (
    TASKS,
    Array,
    as_numpy,
    check_choice,
    checked_present,
    float64,
    in_kind_of,
)
from btw.combination import (
    INFORMATION_VARIANTS,
    INSTANCE_VARIANTS,
    SCALES,
    VARIANTS,
    combined_weights,
    scaled,
    shares,
)
from btw.divergence import divergence

CODES = {"task": TASKS, "variant": VARIANTS, "scale": SCALES}
SCALARS = ("multimodal_variance", "factor")


@dataclass(frozen=True, eq=False)
class InferenceState:
    """Everything that inference at one epoch uses; a checkpoint stores it.

    A field that the variant or the task does not need is `None`, and so are variances
    given per instance, which describe train and no other instance. `mean_weights` is
    one vector, restricted to what an instance has: the smoothed vector of the variants
    that weigh a data set as one, else the one common to the weights of train
    (`common_weights`), so that no modality counts more here than in train.

    >>> means = np.array([0.7, 0.3])
    >>> state = InferenceState("classification", "instance", "sum_one", means, 0.5)
    >>> state.prior([[True, True], [False, True]]).tolist()
    [[0.7, 0.3], [0.0, 1.0]]
    >>> text, audio, joint = [0.9, 0.1], [0.5, 0.5], [0.5, 0.5]
    >>> state.infer([[text, audio]], [joint]).round(2).tolist()
    [[0.85, 0.15]]
    """

    task: str
    variant: str
    scale: str
    mean_weights: np.ndarray
    factor: float
    information: np.ndarray | None = None
    averaged: np.ndarray | None = None
    unimodal_variance: np.ndarray | None = None
    multimodal_variance: float | None = None

    def __post_init__(self) -> None:
        for name, choices in CODES.items():
            check_choice(getattr(self, name), name, choices)

    def prior(self, present: Array) -> Array:
        """Weights of pass 1: the mean weights of the modalities present, scaled.

        Shape: (samples, modalities).
        """
        mask = checked_present(present, len(present), len(self.mean_weights))
        rows = np.broadcast_to(self.mean_weights, mask.shape)
        return in_kind_of(present, scaled(rows, mask, self.scale))

    def infer(
        self,
        unimodal: Array,
        multimodal: Array,
        present: Array | None = None,
        *,
        unimodal_variance: Array | None = None,
        multimodal_variance: Array | None = None,
        information: Array | None = None,
    ) -> Array:
        """Weights of pass 2, from the multimodal predictions of pass 1.

        Each row depends on itself and this state alone. The keywords replace what the
        state holds: own-label variances or the information of another split, both for
        the published protocol.

        Shape: as in `divergence`; the result is (samples, modalities).
        Raises:
            ValueError: a variance is neither stored nor passed.
        """
        first = float64(multimodal, "multimodal", self._axes())
        samples, modalities = len(first), len(self.mean_weights)
        given = np.shape(as_numpy(unimodal))[1:2]
        if given and given != (modalities,):
            raise ValueError(
                f"unimodal: got {given[0]} modalities; pass the {modalities} that the "
                "state is of"
            )
        mask = checked_present(present, samples, modalities)
        prior = self.prior(mask)
        if self.variant not in INSTANCE_VARIANTS and information is None:
            return in_kind_of(multimodal, prior)
        rows = None
        if self.variant in INSTANCE_VARIANTS:
            spread = self._variances(unimodal_variance, multimodal_variance)
            distance = divergence(unimodal, first, self.task, mask, *spread)
            rows = shares(distance, mask)
        if information is None:
            information = self.information
        elif self.variant not in INFORMATION_VARIANTS:
            raise ValueError(
                f"information: the variant {self.variant} uses none; leave it out"
            )
        current = combined_weights(rows, information, mask, self.variant, self.scale)
        weights = self.factor * current + (1 - self.factor) * prior
        return in_kind_of(multimodal, weights)

    def _axes(self) -> tuple[str, ...]:
        return ("samples", "classes") if self.task == "classification" else ("samples",)

    def _variances(
        self, unimodal: Array | None, multimodal: Array | None
    ) -> tuple[Array | None, Array | None]:
        own = self.unimodal_variance if unimodal is None else unimodal
        joint = self.multimodal_variance if multimodal is None else multimodal
        if self.task == "regression" and (own is None or joint is None):
            name = "unimodal_variance" if own is None else "multimodal_variance"
            raise ValueError(
                f"{name}: the state holds none, as train had one per instance; pass "
                "the variances of these instances, or their targets where the "
                "published protocol is meant"
            )
        return own, joint

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Arrays that hold this state, for safetensors or `np.savez`.

        Names are stored as their position in `TASKS`, `VARIANTS` and `SCALES`.
        """
        arrays = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in CODES:
                value = CODES[field.name].index(value)
            if value is not None:
                arrays[field.name] = np.atleast_1d(np.asarray(value)).copy()
        return arrays

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "InferenceState":
        """State from the arrays of `to_arrays`, equal bit for bit.

        Raises:
            ValueError: a field is missing or unknown.
        """
        names = {field.name for field in fields(cls)}
        needed = {*CODES, "mean_weights", "factor"}
        wrong = (set(arrays) - names) | (needed - set(arrays))
        if wrong:
            raise ValueError(
                f"arrays: unknown or missing {', '.join(sorted(wrong))}; "
                "pass what to_arrays returned"
            )
        values: dict = {name: np.array(array) for name, array in arrays.items()}
        for name, choices in CODES.items():
            values[name] = choices[int(values[name][0])]
        for name in SCALARS:
            if name in values:
                values[name] = float(values[name][0])
        return cls(**values)
