"""What weights are made from, how they are to be made, and their variances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from btw import modality_information, squared_residuals
from repro.params.study import Weighting
from repro.training.weighting.variance import conditional_variance, pooled_variances

VARIANCE_FLOOR = 1e-3  # of the train label variance


@dataclass(frozen=True)
class Evidence:
    """Predictions that weights are made from, over all samples of a data set.

    Shape: `unimodal` is `(seeds, samples, modalities)`, its train rows out-of-fold
    (or in-sample under that switch); `unweighted` is `(seeds, samples)`, the
    trained unweighted model. Of a classification both end in `classes`.
    """

    modalities: tuple[str, ...]
    unimodal: Float[np.ndarray, "seeds samples modalities *classes"]
    unweighted: Float[np.ndarray, "seeds samples *classes"]
    present: Bool[np.ndarray, "samples modalities"]
    y: Float[np.ndarray, " samples"]
    rows: Mapping[str, Int[np.ndarray, " rows"]]
    task: str = "regression"

    def of_seeds(self, kept: Sequence[int]) -> "Evidence":
        """The same evidence for some seeds, by position."""
        return replace(
            self, unimodal=self.unimodal[kept], unweighted=self.unweighted[kept]
        )

    def with_absent_counted(self) -> "Evidence":
        """The same, absent modalities present and predicting nothing, as published.

        Their divergence is then the smallest, their class for the information 0.
        """
        is_of_classes = self.unimodal.ndim > self.present.ndim + 1
        is_there = self.present[..., None] if is_of_classes else self.present
        unimodal = np.where(is_there, self.unimodal, 0.0)
        return replace(self, unimodal=unimodal, present=np.ones_like(self.present))

    def present_in(self, split: str) -> Bool[np.ndarray, "rows modalities"]:
        """Which modalities the rows of a split have."""
        return self.present[self.rows[split]]

    def unimodal_in(
        self, split: str, seed: int
    ) -> Float[np.ndarray, "rows modalities *classes"]:
        """Unimodal predictions of the rows of a split, by seed position."""
        return self.unimodal[seed, self.rows[split]]

    def y_in(self, split: str) -> Float[np.ndarray, " rows"]:
        """Labels of the rows of a split."""
        return self.y[self.rows[split]]

    @property
    def variance_floor(self) -> float:
        """The smallest pooled variance allowed."""
        return VARIANCE_FLOOR * float(self.y_in("train").var())


@dataclass(frozen=True)
class Plan:
    """Which weights, how smoothed and made, under which switches or control."""

    variant: str
    alpha: float
    made: Weighting
    switches: frozenset[str] = frozenset()
    scale: str = "sum_one"
    shuffled: bool = False  # rows exchanged between instances: a control

    def __contains__(self, switch: str) -> bool:
        return switch in self.switches


def unimodal_variance(
    evidence: Evidence, plan: Plan, seed: int
) -> Float[np.ndarray, "*samples modalities"] | None:
    """Variance of each modality, `(modalities,)`, or of each instance too.

    None for a classification, whose predictions are distributions already.

    Leak-free variances are pooled over out-of-fold train residuals (or a function of
    the prediction fitted on them); only the `own_label_variance` switch reads the
    label of the instance itself, as released.
    """
    if evidence.task == "classification":
        return None
    predictions = evidence.unimodal[seed]
    if "own_label_variance" in plan:
        return squared_residuals(predictions, evidence.y)
    pooled = plan.made.unimodal_variance == "pooled"
    estimate = pooled_variances if pooled else conditional_variance
    return estimate(
        predictions,
        evidence.y,
        evidence.present,
        evidence.rows["train"],
        evidence.variance_floor,
    )


def multimodal_variance(
    evidence: Evidence,
    plan: Plan,
    train: Float[np.ndarray, " train"],
    valid: Float[np.ndarray, " valid"],
) -> Float[np.ndarray, " train"] | float:
    """Variance of the multimodal model: mean squared residual, by default on valid."""
    if "own_label_variance" in plan:
        return squared_residuals(train, evidence.y_in("train"))
    if plan.made.multimodal_variance == "train":
        residual = train - evidence.y_in("train")
    else:
        residual = valid - evidence.y_in("valid")
    return max(float(np.square(residual).mean()), evidence.variance_floor)


def split_information(
    evidence: Evidence,
    plan: Plan,
    seed: int,
    split: str,
    predictions: Float[np.ndarray, " rows *classes"],
) -> Float[np.ndarray, " modalities"]:
    """Information of a split's own predictions, as released.

    Departure: without the switch train alone gives it. Undone by `transductive_mi`.
    """
    return modality_information(
        evidence.unimodal_in(split, seed),
        predictions,
        evidence.task,
        evidence.present_in(split),
        neighbors=plan.made.neighbors,
        random_state=plan.made.random_state,
        names=evidence.modalities,
    )
