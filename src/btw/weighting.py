"""Weights of the training instances, epoch by epoch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from btw.arrays import (
    Array,
    as_numpy,
    check_choice,
    checked_predictions,
    float64,
    in_kind_of,
)
from btw.averages import PENDING, VECTOR, held_weights, mean_weights
from btw.divergence import refuse_variances
from btw.epoch import Method, epoch_weights
from btw.inference import InferenceState
from btw.protocol import (
    PROTOCOLS,
    Labels,
    multimodal_spread,
    own_label_spread,
    protocol_defaults,
    refuse_labels,
    unimodal_spread,
)
from btw.resuming import check_resumable
from btw.smoothing import Smoothing

INITIAL = ("weights", "ones")
STORED = ("unimodal", "present", "targets", "weights")
DERIVED = ("information", "averaged")
SPREADS = ("unimodal_variance", "multimodal_variance")


class ModalityWeighting:
    """Modality weights of a training set, updated once per epoch.

    With `protocol="leak_free"` the normal variances of a regression are pooled: pass
    out-of-fold unimodal predictions with `targets`, and multimodal predictions of rows
    not trained on with `held_out` and `held_out_targets`. With `protocol="published"`
    they are the squared residuals of each instance: **the weight of an instance then
    needs the label of that instance, at test time too**, and sums to 1 from an initial
    weight of 1. Variances passed explicitly always win; classification needs none.

    Source: BTW section 3; the loop and the protocols are described in the README.

    >>> weighting = ModalityWeighting("classification", "instance")
    >>> text, audio, joint = [0.9, 0.1], [0.5, 0.5], [0.5, 0.5]
    >>> weighting.fit([[text, audio]] * 4, [joint] * 4)[0].round(3).tolist()
    [1.0, 0.0]
    >>> weighting.update([[0.9, 0.1]] * 4, score=0.7)[0].round(3).tolist()
    [0.5, 0.5]
    """

    def __init__(
        self,
        task: str,
        variant: str = "bi_level",
        *,
        protocol: str = "leak_free",
        scale: str | None = None,
        alpha: float = 0.5,
        alpha_step: float = 0.05,
        neighbors: int = 3,
        random_state: int = 0,
        modalities: Sequence[str] | None = None,
        initial: str | None = None,
    ) -> None:
        defaults = protocol_defaults(protocol)
        scale, initial = scale or defaults[0], initial or defaults[1]
        check_choice(initial, "initial", INITIAL)
        self.protocol, self.initial = protocol, initial
        self._method = Method(task, variant, scale, neighbors, random_state, modalities)
        self._smoothing = Smoothing(alpha, alpha_step)
        self._held: dict[str, Any] = {}
        self._kind: Array = None

    @property
    def weights(self) -> Array:
        """Smoothed weights of the training instances: (samples, modalities)."""
        return in_kind_of(self._kind, self._get("weights").copy())

    @property
    def factor(self) -> float:
        """Share of the new weights in the next average."""
        return self._smoothing.factor

    def fit(
        self,
        unimodal: Array,
        multimodal: Array,
        *,
        present: Array | None = None,
        targets: Array | None = None,
        held_out: Array | None = None,
        held_out_targets: Array | None = None,
        unimodal_variance: Array | None = None,
        multimodal_variance: Array | None = None,
        averaged: Array | None = None,
    ) -> Array:
        """First weights, from the predictions of the trained unweighted model.

        Shape: unimodal (samples, modalities[, classes]), multimodal
            (samples[, classes]), present (samples, modalities). `averaged`
            (modalities,) replaces the mean shares of "averaged_instance".
        Raises:
            ValueError: a bad argument, or a variance that cannot be found.
        """
        own, joint, mask = checked_predictions(
            self._method.task, unimodal, multimodal, present
        )
        self._method.check_modalities(own.shape[1])
        labels = Labels(targets, held_out, held_out_targets)
        refuse_labels(labels, self._method.task, self.protocol)
        # Copies: the caller may go on with the same buffers.
        self._held = {"unimodal": own.copy(), "present": mask.copy()}
        if self._method.uses_variances:
            if targets is not None:
                self._held["targets"] = float64(targets, "targets", ("samples",)).copy()
            if unimodal_variance is None:
                unimodal_variance = unimodal_spread(own, mask, targets, self.protocol)
            own_spread = np.array(as_numpy(unimodal_variance), dtype=np.float64)
            self._held["unimodal_variance"] = own_spread
        elif self._method.task == "classification":
            refuse_variances(unimodal_variance)
        self._observe(joint, labels, multimodal_variance, averaged)
        rows, vector = self._pending()
        if self.initial == "ones":
            rows, vector = mask * 1.0, None if vector is None else np.ones(len(mask.T))
        self._hold(rows, vector)
        self._remember_kind(multimodal)
        return self.weights

    def observe(
        self,
        multimodal: Array,
        *,
        targets: Array | None = None,
        held_out: Array | None = None,
        held_out_targets: Array | None = None,
        multimodal_variance: Array | None = None,
        averaged: Array | None = None,
    ) -> None:
        """Take the current predictions of train (evaluation mode) into account.

        From here to `step`, `state` and `infer` are those of this epoch. The held-out
        predictions are those of pass 1, with the weights of `prior`.
        """
        _, joint, _ = checked_predictions(
            self._method.task, self._get("unimodal"), multimodal, self._held["present"]
        )
        labels = Labels(targets, held_out, held_out_targets)
        remedy = "pass held_out and held_out_targets, rows not trained on"
        refuse_labels(labels, self._method.task, self.protocol, remedy)
        self._observe(joint, labels, multimodal_variance, averaged)
        self._remember_kind(multimodal)

    def step(
        self,
        score: float | None = None,
        *,
        held: bool = False,
        higher_is_better: bool = False,
    ) -> Array:
        """Average the observed weights into the held ones, then adapt the factor.

        Take `state` before it: a checkpoint belongs to the factor of its own epoch.
        `held=True` keeps the factor; `higher_is_better` says how to read the score.
        """
        if "pending" not in self._held:
            raise ValueError("step: nothing observed; call observe or update first")
        if score is None and not held:
            raise ValueError("score: missing; pass a validation score or held=True")
        rows, vector = self._pending()
        rows = self._smoothing.blend(rows, self._held["weights"])
        if vector is not None:
            vector = self._smoothing.blend(vector, self._held[VECTOR])
        self._hold(rows, vector)
        if score is not None and not held:
            self._smoothing.adapt(float(score), higher_is_better)
        return self.weights

    def skip(self, score: float, *, higher_is_better: bool = False) -> None:
        """Leave weights and factor as they are; remember a new best score."""
        self._pending()
        self._smoothing.note(score, higher_is_better)

    def update(
        self,
        multimodal: Array,
        score: float | None = None,
        *,
        held: bool = False,
        higher_is_better: bool = False,
        **labels_or_variance: Array,
    ) -> Array:
        """Weights after `observe` and `step`; keywords as in both."""
        self.observe(multimodal, **labels_or_variance)
        return self.step(score, held=held, higher_is_better=higher_is_better)

    def state(self) -> InferenceState:
        """What inference uses now; store it with the parameters of the model."""
        own, joint = (self._held.get(name) for name in SPREADS)
        return InferenceState(
            task=self._method.task,
            variant=self._method.variant,
            scale=self._method.scale,
            mean_weights=mean_weights(self._get("weights"), self._held),
            factor=self.factor,
            information=self._held.get("information"),
            averaged=self._held.get("averaged"),
            unimodal_variance=own if own is not None and own.ndim == 1 else None,
            multimodal_variance=(
                float(joint) if joint is not None and joint.ndim == 0 else None
            ),
        )

    def prior(self, present: Array) -> Array:
        """Weights of pass 1 for any instances; see `InferenceState.prior`."""
        return self.state().prior(present)

    def infer(
        self,
        unimodal: Array,
        multimodal: Array,
        present: Array | None = None,
        *,
        targets: Array | None = None,
        **overrides: Array,
    ) -> Array:
        """Weights of pass 2 for any instances; see `InferenceState.infer`.

        `targets` are the labels of these instances: the published protocol derives
        its variances from them, the leak-free one refuses them.
        """
        remedy = "inference never sees labels, leave them out"
        refuse_labels(Labels(targets), self._method.task, self.protocol, remedy)
        if targets is not None:
            overrides = own_label_spread(unimodal, multimodal, targets) | overrides
        return self.state().infer(unimodal, multimodal, present, **overrides)

    def state_dict(self) -> dict[str, Any]:
        """Arrays and numbers from which `load_state_dict` resumes exactly."""
        held = {n: np.array(v) for n, v in self._held.items() if v is not None}
        smoothing = {"factor": self.factor, "best": self._smoothing.best}
        return self._settings() | smoothing | held

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a `state_dict`; weights come back as NumPy until `observe`."""
        needed = ("unimodal", "present", *self._method.vectors)
        check_resumable(state, self._settings(), needed)
        self._smoothing.factor = float(state["factor"])
        self._smoothing.best = float(state["best"])
        names = (*STORED, *PENDING, VECTOR, *DERIVED, *SPREADS)
        self._held = {name: np.array(state[name]) for name in names if name in state}
        self._kind = None

    def _settings(self) -> dict[str, int | float]:
        return self._method.settings() | {
            "protocol": PROTOCOLS.index(self.protocol),
            "alpha_step": self._smoothing.step,
        }

    def _get(self, name: str) -> np.ndarray:
        if name not in self._held:
            raise ValueError(f"{name}: nothing there yet; call fit first")
        return self._held[name]

    def _pending(self) -> list[Any]:
        return [self._held.pop(name, None) for name in PENDING]

    def _hold(self, rows: np.ndarray, vector: np.ndarray | None) -> None:
        about = self._held["present"], self._method.scale, self.initial == "ones"
        self._held |= held_weights(rows, vector, *about)

    def _remember_kind(self, multimodal: Array) -> None:
        is_tensor = hasattr(multimodal, "detach")
        self._kind = multimodal.detach()[:0] if is_tensor else None

    def _observe(
        self,
        joint: np.ndarray,
        labels: Labels,
        multimodal_variance: Array,
        averaged: Array,
    ) -> None:
        if self._method.uses_variances and multimodal_variance is None:
            multimodal_variance = multimodal_spread(
                joint, labels, self._held.get("targets"), self.protocol
            )
        seen = self._held["unimodal"], joint, self._held["present"]
        spread = self._held.get("unimodal_variance"), multimodal_variance
        self._held |= epoch_weights(self._method, *seen, *spread, averaged)
        if multimodal_variance is not None:
            joint_spread = np.array(as_numpy(multimodal_variance), dtype=np.float64)
            self._held["multimodal_variance"] = joint_spread
