"""Which epoch each stacked member keeps."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from repro.models.predictor import Predictor


class Selection:
    """The best epoch of every member, by its own score (lower is better).

    `rule` is `best_valid` (first minimum wins; the caller decides which split the
    score is of) or `last` (whatever the scores say). With a patience above 0 a member
    stops considering epochs after that many without a new best since its last reset.
    A new best of the validation scores resets it; those are the scores themselves
    unless others are given, as where the published protocol judges by test.
    """

    def __init__(self, members: int, patience: int, rule: str) -> None:
        self.epochs = [0] * members
        self.states: list[Any] = [None] * members
        self._best = np.full(members, np.inf)
        self._best_valid = np.full(members, np.inf)
        self._waited = np.zeros(members, dtype=int)
        self._stopped = np.zeros(members, dtype=bool)
        self._patience, self._rule = patience, rule
        self._kept: list[list[Tensor]] = [[] for _ in range(members)]

    @property
    def finished(self) -> bool:
        """Whether every member ran out of patience."""
        return bool(self._stopped.all())

    def consider(
        self,
        epoch: int,
        scores: Float[np.ndarray, " members"],
        model: Predictor,
        states: list[Any] | None,
        valid: Float[np.ndarray, " members"] | None = None,
    ) -> None:
        """Keep parameters, buffers and states of an epoch for whom it is best."""
        better = (scores < self._best) | (self._rule == "last")
        chosen = better & ~self._stopped
        self._best = np.where(better, scores, self._best)
        for member in np.flatnonzero(chosen).tolist():
            self._kept[member] = [view.clone() for view in model.kept(member)]
            self.epochs[member] = epoch
            if states is not None:
                self.states[member] = states[member]
        valid = scores if valid is None else valid
        resets = (valid < self._best_valid) | (self._rule == "last")
        self._best_valid = np.where(resets, valid, self._best_valid)
        self._waited = np.where(resets, 0, self._waited) + ~better
        if self._patience:
            self._stopped |= self._waited >= self._patience

    @torch.no_grad()
    def restore(self, model: Predictor) -> None:
        """Put every member's kept parameters and buffers back into the model."""
        for member, kept in enumerate(self._kept):
            for view, value in zip(model.kept(member), kept, strict=True):
                view.copy_(value)
