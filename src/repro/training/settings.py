"""How a stack of models is trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from repro.params.presets import Training
from repro.training.task import REGRESSION, Task


@dataclass(frozen=True)
class Settings:
    """How a stack is trained and which epoch is kept.

    `switches` are those of the protocol; each is read where it acts.
    """

    training: Training
    task: Task = REGRESSION
    switches: frozenset[str] = frozenset()
    selection: str = "best_valid"
    text_lr: float = 0.0
    loss_weights: Mapping[str, float] = field(default_factory=dict)
    auxiliary_lr: float = 0.0
    label: str = "training"
