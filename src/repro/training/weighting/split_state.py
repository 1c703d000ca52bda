"""The released per-instance memory of valid and test (the `eval_state` switch)."""

import numpy as np
from jaxtyping import Float

from btw import (
    InferenceState,
    combined_weights,
    divergence,
    shares,
    squared_residuals,
)
from repro.training.weighting.evidence import Evidence, Plan, split_information

_Rows = Float[np.ndarray, "rows modalities"]
SPLITS = ("valid", "test")


class SplitState:
    """Running weights of every valid and test instance of one seed, one pass each.

    Source: the authors' code, which stores a weight per instance of every split and
    averages it over epochs.
    Departure: without the switch such an instance takes two passes and has no memory.
    Undone by `eval_state`.
    """

    def __init__(
        self,
        evidence: Evidence,
        plan: Plan,
        seed: int,
        unimodal_variance: Float[np.ndarray, "*samples modalities"] | None,
        state: InferenceState,
    ) -> None:
        self._evidence, self._plan, self._seed = evidence, plan, seed
        self._variance = unimodal_variance
        self.weights: dict[str, _Rows] = {}
        for split in SPLITS:
            present = evidence.present_in(split)
            first = evidence.unweighted[seed, evidence.rows[split]]
            ones = "initial_ones" in plan
            self.weights[split] = (
                present.astype(float) if ones else self._new(split, first, state)
            )

    def update(
        self,
        split: str,
        predictions: Float[np.ndarray, " rows *classes"],
        state: InferenceState,
    ) -> None:
        """Blend the weights of these predictions in, with the factor in force."""
        new = self._new(split, predictions, state)
        old = self.weights[split]
        self.weights[split] = state.factor * new + (1 - state.factor) * old

    def _new(self, split: str, predictions: np.ndarray, state: InferenceState) -> _Rows:
        plan, evidence = self._plan, self._evidence
        present = evidence.present_in(split)
        information = state.information
        if "transductive_mi" in plan and information is not None:
            information = split_information(
                evidence, plan, self._seed, split, predictions
            )
        rows = None
        if plan.variant != "modality":
            rows = shares(self._divergence(split, predictions, state), present)
        return combined_weights(
            rows, information, present, state.variant, state.scale, state.averaged
        )

    def _divergence(
        self, split: str, predictions: np.ndarray, state: InferenceState
    ) -> _Rows:
        evidence, variance = self._evidence, self._variance
        multimodal = state.multimodal_variance
        if "own_label_variance" in self._plan:
            multimodal = squared_residuals(predictions, evidence.y_in(split))
        if variance is not None and variance.ndim == 2:
            variance = variance[evidence.rows[split]]
        return divergence(
            evidence.unimodal_in(split, self._seed),
            predictions,
            evidence.task,
            evidence.present_in(split),
            variance,
            multimodal,
        )
