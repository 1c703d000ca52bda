"""Two passes for any instance outside train, from snapshots alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from btw import InferenceState, squared_residuals
from btw.combination import INFORMATION_VARIANTS
from repro.training.weighting.application import Application, Applied
from repro.training.weighting.evidence import Evidence, Plan, split_information

# predictor(split, weights) -> (members, rows[, classes])
Predictor = Callable[[str, Applied | None], Float[np.ndarray, "members rows *classes"]]
_ONE_PASS_VARIANTS = ("averaged_instance", "modality")


@dataclass(frozen=True)
class Snapshot:
    """All that inference of one member at one epoch used, beside the parameters.

    `fixed` holds weights that are not inferred: those of train, and under the
    `eval_state` switch those of valid and test.
    """

    epoch: int
    state: InferenceState
    fixed: Mapping[str, Float[np.ndarray, "rows modalities"]] = field(
        default_factory=dict
    )


@dataclass(frozen=True)
class Kept:
    """Predictions of one split and the weights they were made with."""

    predictions: Float[np.ndarray, "members rows *classes"]
    weights: Float[np.ndarray, "members rows modalities"]


@dataclass(frozen=True)
class TwoPasses:
    """Inference of every member: pass 1 with mean weights, pass 2 with its own.

    Source: this repository's protocol; the paper does not say how an instance outside
    train gets weights. Stateless: the result of an instance does not depend on which
    others are in the call (except under switches that say so).
    """

    evidence: Evidence
    plan: Plan
    seed_of: Sequence[int]
    unimodal_variance: Sequence[Float[np.ndarray, "*samples modalities"] | None]
    apply: Application

    def first(self, split: str, snapshots: Sequence[Snapshot]) -> Applied:
        """Weights of pass 1: fixed ones, or the mean weights of what is present."""
        present = self.evidence.present_in(split)
        rows = [
            snapshot.fixed[split]
            if split in snapshot.fixed
            else snapshot.state.prior(present)
            for snapshot in snapshots
        ]
        return self.apply(split, rows, [snapshot.epoch for snapshot in snapshots])

    def __call__(
        self,
        split: str,
        snapshots: Sequence[Snapshot],
        predictor: Predictor,
        first: Float[np.ndarray, "members rows *classes"] | None = None,
    ) -> Kept:
        """Predictions of a split; `first` are those of pass 1 where known."""
        applied = self.first(split, snapshots)
        if first is None:
            first = predictor(split, applied)
        if not self._ends_after_first(split, snapshots):
            rows = [
                snapshot.state.infer(
                    self.evidence.unimodal_in(split, self.seed_of[i]),
                    first[i],
                    self.evidence.present_in(split),
                    **self._own(i, split, first[i]),
                )
                for i, snapshot in enumerate(snapshots)
            ]
            epochs = [snapshot.epoch for snapshot in snapshots]
            applied = self.apply(split, rows, epochs)
            first = predictor(split, applied)
        weights = applied[:, self.evidence.rows[split]].double().numpy()
        return Kept(first, weights)

    def _ends_after_first(self, split: str, snapshots: Sequence[Snapshot]) -> bool:
        variant = self.plan.variant
        # The information of these rows themselves needs their predictions first.
        is_own = variant == "modality" and "transductive_mi" in self.plan
        return split in snapshots[0].fixed or (
            variant in _ONE_PASS_VARIANTS and not is_own
        )

    def _own(
        self, member: int, split: str, first: Float[np.ndarray, " rows *classes"]
    ) -> dict[str, np.ndarray]:
        """Variances and information of these rows themselves, for the switches."""
        plan, evidence = self.plan, self.evidence
        seed, own = self.seed_of[member], {}
        variance = self.unimodal_variance[seed]
        if variance is not None and variance.ndim == 2:
            own["unimodal_variance"] = variance[evidence.rows[split]]
        if "own_label_variance" in plan:
            own["multimodal_variance"] = squared_residuals(first, evidence.y_in(split))
        if "transductive_mi" in plan and plan.variant in INFORMATION_VARIANTS:
            own["information"] = split_information(evidence, plan, seed, split, first)
        return own
