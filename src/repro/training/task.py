"""What is predicted: a score, one of several classes or a set, and how wrong it is."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Num
from torch import Tensor

from repro.metrics.log_loss import binary_losses, log_loss
from repro.records import decoded


@dataclass(frozen=True)
class Task:
    """`regression` (absolute error), `classification` (cross-entropy) or `multilabel`.

    Of the last, whose labels are those of `repro.records.coded`, every class is a
    decision of its own (binary cross-entropy, mean over classes). With `weights`, one
    for each class, the training loss of an instance counts by that of its class, as a
    share of their mean.
    """

    kind: str = "regression"
    classes: int = 0
    weights: tuple[float, ...] = ()

    @property
    def outputs(self) -> int:
        """Numbers that a model gives per instance."""
        return 1 if self.kind == "regression" else self.classes

    def labels(self, y: Float[np.ndarray, " rows"]) -> Num[np.ndarray, "rows ..."]:
        """What `y` stands for: a score, a class number, or each label as 0 or 1.

        >>> Task("multilabel", 2).labels(np.array([2.0])).tolist()
        [[0.0, 1.0]]
        """
        if self.kind == "multilabel":
            return decoded(y, self.classes).astype(np.float64)
        return y if self.kind == "regression" else y.astype(np.int64)

    def losses(
        self,
        logits: Float[Tensor, "members batch outputs"],
        y: Float[Tensor, "members batch"],
    ) -> Float[Tensor, "members batch"]:
        """Training loss of every instance.

        >>> logits, y = torch.zeros(1, 2, 2), torch.tensor([[0.0, 1.0]])
        >>> weighted = Task("classification", 2, (0.25, 0.75)).losses(logits, y)
        >>> (weighted / Task("classification", 2).losses(logits, y)).tolist()
        [[0.5, 1.5]]

        Source: BTW's released codes: L1 for sentiment, cross-entropy without class
        weights for the length of stay.
        Departure: I2MoE trains scores with SmoothL1; all rows of a table share one loss
        here.
        """
        if self.kind == "regression":
            return (logits[..., 0] - y).abs()
        if self.kind == "multilabel":
            bits = torch.arange(self.classes, device=y.device)
            true = (y.long()[..., None] >> bits & 1).to(logits.dtype)
            binary = torch.nn.functional.binary_cross_entropy_with_logits
            return binary(logits, true, reduction="none").mean(-1)
        weight = logits.new_tensor(self.weights) if self.weights else None
        losses = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1),
            y.long().flatten(),
            weight=None if weight is None else weight / weight.mean(),
            reduction="none",
        )
        return losses.view(y.shape)

    def predictions(
        self, logits: Float[Tensor, "members rows outputs"]
    ) -> Float[np.ndarray, "members rows *classes"]:
        """Scores, or class probabilities, in float64."""
        if self.kind == "regression":
            return logits[..., 0].double().cpu().numpy()
        if self.kind == "multilabel":
            return logits.double().sigmoid().cpu().numpy()
        return logits.double().softmax(-1).cpu().numpy()

    def errors(
        self,
        predictions: Float[np.ndarray, "members rows *classes"],
        y: Float[np.ndarray, " rows"],
    ) -> Float[np.ndarray, " members"]:
        """What selection and smoothing look at; lower is better.

        Source: mean absolute error (sentiment), as released.
        Departure: BTW's released code selects a classification by macro-F1, which moves
        with every near-tie, I2MoE's by accuracy, and scores by SmoothL1; here the
        log-loss selects and steers the smoothing, and of several labels their mean
        log-loss does, whatever a table shows first.

        >>> y = np.array([0.0, 1.0])
        >>> Task().errors(np.array([[0.5, 1.0]]), y).tolist()
        [0.25]
        >>> sure = np.array([[[0.9, 0.1], [0.2, 0.8]]])
        >>> Task("classification", 2).errors(sure, y).round(4).tolist()
        [0.1643]
        """
        if self.kind == "regression":
            return np.abs(predictions - y).mean(1)
        if self.kind == "multilabel":
            return binary_losses(predictions, y).mean(-1)
        return np.asarray(log_loss(predictions, y))


REGRESSION = Task()
