"""The first phase of an epoch, for fusions that estimate something before they fuse."""

from collections.abc import Sequence

from torch import Tensor, nn

from repro.models.batch import Batch
from repro.models.predictor import Predictor, Randomness
from repro.params.presets import Training
from repro.training.decay import exempt_parameters
from repro.training.optimization import StackedAdam


def auxiliary_parameters(model: Predictor) -> Sequence[nn.Parameter]:
    """Parameters that the first phase alone trains; none for most fusions."""
    fusion = model.fusion
    return fusion.auxiliary_parameters() if fusion.auxiliary_loss else ()


class AuxiliaryPhase:
    """Minimizes one auxiliary loss over the parameters that serve nothing else.

    Source: MMIM (Han et al. 2021): in every epoch the networks of the information
    bound are fitted first, then everything else with them held.
    """

    def __init__(self, model: Predictor, training: Training, lr: float) -> None:
        self._model = model
        self._parameters = list(auxiliary_parameters(model))
        self._optimizer = StackedAdam(
            self._parameters,
            seeds=model.seeds,
            lr=lr,
            weight_decay=training.weight_decay,
            clip=training.clip,
            exempt=exempt_parameters(model),
        )

    def __bool__(self) -> bool:
        return bool(self._parameters)

    def step(
        self, batch: Batch, weights: Tensor | None, randomness: Randomness
    ) -> None:
        """One step on one batch."""
        output = self._model(batch, weights, randomness)
        # The main phase has left gradients here, which it does not use.
        self._optimizer.zero_grad()
        output.losses[self._model.fusion.auxiliary_loss].sum().backward(
            inputs=self._parameters
        )
        self._optimizer.step()
