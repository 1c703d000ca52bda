"""One pass over the train rows after another: batches, losses, optimizer."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from repro.models.architecture import BALANCE
from repro.models.batch import Inputs, gather
from repro.models.predictor import Predictor, Randomness
from repro.training.auxiliary import AuxiliaryPhase, auxiliary_parameters
from repro.training.decay import exempt_parameters
from repro.training.members import Member, epoch_order, seed_stream, torch_generators
from repro.training.memory import within_memory
from repro.training.optimization import StackedAdam
from repro.training.prediction import weights_of
from repro.training.recording import recorded_names
from repro.training.settings import Settings
from repro.training.weighting.application import Applied

_T = TypeVar("_T")


class TrainPasses:
    """Trains a stack of models in place; `followed` are auxiliary losses of a pass."""

    def __init__(
        self,
        inputs: Inputs,
        members: Sequence[Member],
        model: Predictor,
        settings: Settings,
    ) -> None:
        self.inputs, self.members = inputs, members
        self.model, self.settings = model, settings
        training = settings.training
        self.first_phase = AuxiliaryPhase(model, training, settings.auxiliary_lr)
        held = {id(parameter) for parameter in auxiliary_parameters(model)}
        self.optimizer = StackedAdam(
            [p for p in model.stacked_parameters() if id(p) not in held],
            seeds=len(members),
            lr=training.lr,
            own=model.own_parameters(),
            own_lr=settings.text_lr,
            weight_decay=training.weight_decay,
            clip=training.clip,
            exempt=exempt_parameters(model),
        )
        generators = torch_generators(members, "training", inputs.y.device)
        self.randomness = Randomness(dropout=generators, router=generators)
        # Departure: the released code computes this loss and drops it. Undone by
        # `no_balance_loss`.
        off = "no_balance_loss" in settings.switches
        balance = 0.0 if off else training.balance_loss
        self.loss_weights = {BALANCE: balance, **settings.loss_weights}
        self.followed: dict[str, Tensor] = {}

    def train(
        self, epoch: int, weights: Applied | None
    ) -> Float[np.ndarray, " members"]:
        """Mean loss of each member over the steps of one pass.

        Raises:
            FloatingPointError: a loss stopped being finite; names member and epoch.
            MemoryError: a step takes more memory than there is.
        """
        device = self.inputs.y.device
        weights = None if weights is None else weights.to(device)
        total = torch.zeros(len(self.members), device=device)
        self._start(epoch)
        self.followed = {}
        steps = epoch_order(self.members, self.settings.training.batch, epoch)
        order = torch.from_numpy(steps).to(device)
        for index in order if self.first_phase else ():
            self._within_memory(self._first_step, index, weights)
        for index in order:
            total += self._within_memory(self._step, index, weights)
        mean = (total / len(order)).cpu().numpy()
        self.followed = {n: v / len(order) for n, v in self.followed.items()}
        for member, loss in zip(self.members, mean, strict=True):
            if not np.isfinite(loss):
                raise FloatingPointError(
                    f"{self.settings.label}: loss of seed {member.seed}, fold "
                    f"{member.fold} is {loss} in epoch {epoch}; lower training.lr or "
                    "check the features"
                )
        return mean

    def _start(self, epoch: int) -> None:
        self.model.train()
        if self.settings.text_lr:
            # Dropout inside a transformers model can only draw from the global state.
            first = self.members[0]
            stream = seed_stream(first.seed, first.fold, "training", epoch)
            torch.manual_seed(int(stream.generate_state(1)[0]))

    def _within_memory(
        self,
        step: Callable[[Tensor, Tensor | None], _T],
        index: Int[Tensor, "members batch"],
        weights: Tensor | None,
    ) -> _T:
        return within_memory(
            lambda rows: step(index[:, :rows], weights),
            index.shape[1],
            "training.batch",
        )

    def _first_step(
        self, index: Int[Tensor, "members batch"], weights: Tensor | None
    ) -> None:
        batch = gather(self.inputs, index)
        self.first_phase.step(batch, weights_of(weights, index), self.randomness)

    def _step(
        self, index: Int[Tensor, "members batch"], weights: Tensor | None
    ) -> Float[Tensor, " members"]:
        batch = gather(self.inputs, index)
        output = self.model(batch, weights_of(weights, index), self.randomness)
        losses = self.settings.task.losses(output.logits, batch.y) * batch.real
        loss = losses.sum(1) / batch.real.sum(1).clamp(min=1)
        self.optimizer.zero_grad()
        (loss + self._extra(output.losses)).sum().backward()
        self.optimizer.step()
        for name, own in output.losses.items() if recorded_names(self.model) else ():
            self.followed[name] = self.followed.get(name, 0) + own.detach()
        return loss.detach()

    def _extra(self, losses: Mapping[str, Tensor]) -> Tensor | int:
        odd = [name for name in losses if name not in self.loss_weights]
        if odd:
            raise ValueError(
                f"{self.settings.label}: the fusion gives a loss {odd[0]!r} without a "
                "weight; state it in its `losses` and in Sizes.loss_weights"
            )
        return sum(self.loss_weights[name] * own for name, own in losses.items())
