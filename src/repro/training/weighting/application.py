"""From weights to what a model multiplies with: controls and the released swap."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from repro.training.members import Member, seed_stream
from repro.training.weighting.evidence import Evidence, Plan

# As a model takes them: (members, samples, modalities), zero outside the split.
Applied = Tensor
_SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Application:
    """Turns weights of one split into a tensor for every member of the stack."""

    evidence: Evidence
    members: Sequence[Member]
    plan: Plan

    def __call__(
        self,
        split: str,
        weights: Sequence[Float[np.ndarray, "rows modalities"]],
        epochs: Sequence[int],
    ) -> Applied:
        """Weights per member, those of the control or with the swap where asked for."""
        rows = self.evidence.rows[split]
        applied = torch.zeros(len(self.members), *self.evidence.present.shape)
        for i, (values, epoch) in enumerate(zip(weights, epochs, strict=True)):
            used = self._used(self.members[i].seed, split, values, epoch)
            applied[i, rows] = torch.from_numpy(used).float()
        return applied

    def _used(
        self, seed: int, split: str, weights: np.ndarray, epoch: int
    ) -> np.ndarray:
        present = self.evidence.present_in(split)
        if self.plan.shuffled:
            draw = seed_stream(seed, 0, "control", epoch, _SPLITS.index(split))
            weights = shuffled_rows(weights, present, np.random.default_rng(draw))
        # Departure: released, audio and video exchange weights from the first update
        # on. Undone by `swap_audio_video`.
        if "swap_audio_video" in self.plan and epoch > 1:
            weights = exchanged(weights, present, self.evidence.modalities)
        return weights


def shuffled_rows(
    weights: Float[np.ndarray, "rows modalities"],
    present: np.ndarray,
    draw: np.random.Generator,
) -> Float[np.ndarray, "rows modalities"]:
    """Weight rows exchanged between instances with the same modalities present."""
    shuffled = weights.copy()
    for pattern in np.unique(present, axis=0):
        same = np.flatnonzero((present == pattern).all(1))
        shuffled[same] = weights[draw.permutation(same)]
    return shuffled


def exchanged(
    weights: Float[np.ndarray, "rows modalities"],
    present: np.ndarray,
    modalities: tuple[str, ...],
) -> Float[np.ndarray, "rows modalities"]:
    """Weights with those of audio and video exchanged where both are present.

    Departure: the released code also exchanges them where one is absent, which takes
    the weight from the one that is there.

    >>> exchanged(np.array([[0.2, 0.8]]), np.ones((1, 2)), ("audio", "video")).tolist()
    [[0.8, 0.2]]
    """
    audio, video = modalities.index("audio"), modalities.index("video")
    both = (present[:, audio] > 0) & (present[:, video] > 0)
    result = weights.copy()
    result[both, audio], result[both, video] = (
        weights[both, video],
        weights[both, audio],
    )
    return result
