"""The mixture layer: one pool of experts shared by all modalities."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from repro.models.fusions.interface import FusionInput, FusionShape, weighted
from repro.models.layers.experts import Experts
from repro.models.layers.modality import ModalityLayerNorm, ModalityLinear
from repro.models.layers.pooling import token_mean
from repro.models.layers.router import Router, Routing
from repro.params.strict import Count, Rate, Strict

_PerModality = Float[Tensor, "seeds modalities batch time width"]
_Slices = Float[Tensor, "seeds modalities batch time modalities width"]


class MixtureSizes(Strict):
    """Sizes of the layers of every mixture of experts."""

    layers: Count
    expert_hidden: Count
    feed_forward: Count
    router: Literal["per_modality", "joint", "disjoint"]
    gate: Literal["laplace", "softmax", "gaussian"]
    expert_dropout: Rate


class MoELayer(nn.Module):
    """Route every token to experts, sum over modalities, then one FFN per modality.

    An expert emits one slice per modality. A token's own slice is added to that token;
    the slice it sends to another modality is averaged over the sender's tokens and
    added to every token of the receiver. With one token per modality this is the sum
    over modalities of the released code (BTW code, `sparse_moe.py` restated in words).
    `aligned` tokens share their times across modalities: the slice a token sends goes
    to the receiver's token of the same time alone.

    Departure: the released sentiment code convolves over the embedding dimension before
    the router, as if it were time. That step has no meaning for a vector; it is left
    out.
    """

    def __init__(
        self, shape: FusionShape, sizes: MixtureSizes, *, aligned: bool = False
    ):
        super().__init__()
        seeds, modalities, width = shape.seeds, shape.modalities, shape.width
        self.before_experts = ModalityLayerNorm(seeds, modalities, width)
        self.router, self.experts = expert_pool(shape, sizes, width)
        self.before_feed_forward = ModalityLayerNorm(seeds, modalities, width)
        self.widen = ModalityLinear(seeds, modalities, width, sizes.feed_forward)
        self.narrow = ModalityLinear(seeds, modalities, sizes.feed_forward, width)
        self.expert_dropout = sizes.expert_dropout
        self.log_space = shape.log_space
        self.aligned = aligned

    def forward(
        self, x: _PerModality, inputs: FusionInput
    ) -> tuple[_PerModality, Float[Tensor, " seeds"], Tensor]:
        mixed, routing = mixture(
            self.router,
            self.experts,
            self.before_experts(x),
            inputs,
            expert_dropout=self.expert_dropout,
            log_space=self.log_space,
        )
        mixed = weighted(mixed, inputs.weights)
        x = x + (received(mixed) if self.aligned else _exchanged(mixed, inputs))
        hidden = torch.relu(self.widen(self.before_feed_forward(x)))
        return x + self.narrow(hidden), routing.balance, routing.gate


def through_layers(
    layers: nn.ModuleList, x: _PerModality, inputs: FusionInput
) -> tuple[_PerModality, dict[str, Tensor], dict[str, Tensor]]:
    """The stream behind all layers, their mean balance loss, the gates of each."""
    balances, gates = [], {}
    for number, layer in enumerate(layers):
        x, balance, gates[f"layer_{number}"] = layer(x, inputs)
        balances.append(balance)
    return x, {"balance": torch.stack(balances).mean(0)}, gates


def expert_pool(
    shape: FusionShape, sizes: MixtureSizes, unit: int
) -> tuple[Router, Experts]:
    """Router and experts of vectors of `unit` numbers."""
    seeds, modalities, experts = shape.seeds, shape.modalities, shape.experts
    router = Router(
        seeds,
        unit,
        experts,
        modalities,
        kind=sizes.router,
        gate=sizes.gate,
        top_k=shape.top_k,
    )
    return router, Experts(seeds, experts, unit, sizes.expert_hidden, modalities * unit)


def mixture(
    router: Router,
    experts: Experts,
    z: _PerModality,
    inputs: FusionInput,
    *,
    expert_dropout: float,
    log_space: bool,
) -> tuple[_Slices, Routing]:
    """What the experts make of every token: a slice per receiving modality."""
    seeds, modalities, batch, time, width = z.shape
    tokens = z.reshape(seeds, -1, width)
    routing = router(
        tokens,
        [batch * time] * modalities,
        inputs.mask.reshape(seeds, -1),
        inputs.router_generators,
    )
    mixed = experts(
        tokens,
        routing.chosen,
        routing.gate,
        dropout=expert_dropout,
        generators=inputs.generators,
        log_space=log_space,
    )
    return mixed.view(seeds, modalities, batch, time, modalities, width), routing


def received(mixed: _Slices) -> _PerModality:
    """What every token receives from the tokens of its own time: the sum of slices."""
    return mixed.sum(1).permute(0, 3, 1, 2, 4)


def _exchanged(mixed: _Slices, inputs: FusionInput) -> _PerModality:
    """What every token receives: its own slice and the other modalities' means."""
    if mixed.shape[3] == 1:
        return received(mixed)
    modalities = mixed.shape[1]
    flat = mixed.flatten(4)
    sent = token_mean(flat, inputs.mask).unflatten(-1, (modalities, -1))
    arrived = sent.sum(1).permute(0, 2, 1, 3)  # (seeds, receiver, batch, width)
    index = torch.arange(modalities, device=mixed.device)
    own_mean = sent[:, index, :, index].permute(1, 0, 2, 3)
    own = mixed[:, index, :, :, index].permute(1, 0, 2, 3, 4)
    return own + (arrived - own_mean).unsqueeze(3)
