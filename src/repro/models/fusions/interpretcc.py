"""InterpretCC: a gate per instance and modality decides what the prediction sees."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from repro.models.fusions.interface import (
    SITES,
    FusionInput,
    FusionOutput,
    FusionShape,
    weighted,
)
from repro.models.layers.heads import affine_maps
from repro.models.layers.modality import ModalityLinear
from repro.models.layers.pooling import row_mean, side_by_side, token_mean
from repro.models.layers.stacked import Generators, check_generators, dropout
from repro.params.strict import NotNegative, Positive, Rate, Share, Strict

_Gates = Float[Tensor, "seeds modalities batch"]


class InterpretCC(nn.Module):
    """Gates of 0 or 1 times the vectors of the modalities, side by side, and an MLP.

    Modality m's gate is open where sigmoid((l + G) / temperature) exceeds the
    threshold; l = v relu(W z + c) + d is made of its own vector z, G is logistic noise
    in training and 0 in evaluation. Where no gate would be open, the one of the largest
    l + G is. The gradient of a gate is that of the sigmoid. A closed gate equals a
    modality that is masked out, and so does weight 0: such a modality has no gate that
    could be the last open one. A weight multiplies the gated vector.

    `gates["modality"]`, of shape `(seeds, batch, modalities)`, are the gates. The loss
    `sparsity` is the mean over instances of the share of open gates among the
    modalities present.

    Source: InterpretCC (Swamy et al. 2024), in the form that the released code of I2MoE
    gives it: gates of width D, maps of M D to D, D / 2 and the outputs, ReLU, dropout
    behind the first.
    Departure: the released code draws one Gumbel variable instead of a difference of
    two (which opens a gate of l = 0 in 63 of 100 draws), draws it in evaluation too,
    may close all gates and has no sparsity loss. The original averages the predictions
    of a network per modality.
    """

    class Sizes(Strict):
        """Temperature and threshold of the gates, weight of their loss, dropout."""

        temperature: Positive
        threshold: Share
        sparsity: NotNegative
        dropout: Rate

        @property
        def loss_weights(self) -> dict[str, float]:
            """What the loss is multiplied with."""
            return {"sparsity": self.sparsity}

    tokens = ("last_state", "query")
    weight_sites = SITES
    needs_text = "never"
    reads_raw = False
    losses = ("sparsity",)
    auxiliary_loss = None

    def __init__(self, shape: FusionShape, sizes: Sizes):
        super().__init__()
        seeds, modalities, width = shape.seeds, shape.modalities, shape.width
        self.first = ModalityLinear(seeds, modalities, width, width)
        self.last = ModalityLinear(seeds, modalities, width, 1)
        narrow = max(1, width // 2)
        self.head = affine_maps(seeds, modalities * width, width, narrow, shape.outputs)
        self.temperature, self.threshold = sizes.temperature, sizes.threshold
        self.rate = sizes.dropout

    def forward(self, inputs: FusionInput) -> FusionOutput:
        pooled = token_mean(inputs.tokens, inputs.mask)
        present = inputs.mask.any(3)
        usable = weighted(present.to(pooled.dtype), inputs.weights) != 0
        gates = self._gates(pooled, usable, inputs.router_generators)
        fused = side_by_side(weighted(gates.unsqueeze(3) * pooled, inputs.weights))
        open_share = gates.sum(1) / usable.sum(1).clamp(min=1)
        return FusionOutput(
            logits=self._logits(fused, inputs.generators),
            fused=fused,
            losses={"sparsity": row_mean(open_share, usable.any(1))},
            gates={"modality": gates.transpose(1, 2)},
        )

    def _gates(
        self,
        pooled: Float[Tensor, "seeds modalities batch width"],
        usable: Bool[Tensor, "seeds modalities batch"],
        generators: Generators | None,
    ) -> _Gates:
        """0 or 1, with the gradient of the sigmoid; 0 without one if not usable."""
        hidden = torch.relu(self.first(pooled.unsqueeze(3)))
        scores = self.last(hidden).flatten(2)
        if generators is not None:
            scores = scores + logistic_draws(scores, generators)
        soft = (scores / self.temperature).sigmoid()
        is_open = usable & (soft > self.threshold)
        largest = scores.masked_fill(~usable, -torch.inf).argmax(1, keepdim=True)
        last_open = torch.zeros_like(is_open).scatter(1, largest, True) & usable
        is_open = is_open | (last_open & ~is_open.any(1, keepdim=True))
        # soft - soft is 0 to the bit, so that a gate is 0 or 1 to the bit.
        return torch.where(usable, is_open + (soft - soft.detach()), 0.0)

    def _logits(
        self,
        fused: Float[Tensor, "seeds batch features"],
        generators: Generators | None,
    ) -> Float[Tensor, "seeds batch outputs"]:
        first, second, last = self.head
        hidden = dropout(torch.relu(first(fused)), self.rate, generators)
        return last(torch.relu(second(hidden)))


def logistic_draws(like: Tensor, generators: Generators) -> Tensor:
    """Draws of the standard logistic law, slice `s` from generator `s`.

    Such a draw is the difference of two Gumbel variables; log u - log(1 - u) of a
    uniform u, kept off 0 and 1.
    """
    check_generators(generators, like.shape[0])
    draws = [
        torch.rand(like.shape[1:], generator=g, dtype=like.dtype, device=g.device)
        for g in generators
    ]
    least = torch.finfo(like.dtype).eps
    return torch.stack(draws).to(like.device).logit(eps=least)


FUSION = InterpretCC
