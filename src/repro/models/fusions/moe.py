"""Mixture-of-experts fusion: one pool of experts shared by all modalities."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from repro.models.experts import Experts
from repro.models.fusions.interface import (
    FusionInput,
    FusionOutput,
    token_mean,
    weighted,
)
from repro.models.router import Router, Routing
from repro.models.stacked import (
    StackedLinear,
    dropout,
    ones,
    stacked_parameter,
    xavier_normal,
    zeros,
)

_PerModality = Float[Tensor, "seeds modalities batch time width"]
_Slices = Float[Tensor, "seeds modalities batch time modalities width"]


class ModalityLinear(nn.Module):
    """One affine map per seed and modality.

    Shape: `(seeds, modalities, batch, time, inputs)`, last dimension to `outputs`.
    """

    def __init__(self, seeds: int, modalities: int, inputs: int, outputs: int):
        super().__init__()
        self.weight = stacked_parameter(seeds, modalities, inputs, outputs)
        self.bias = stacked_parameter(seeds, modalities, outputs)
        self.initializers = {"weight": xavier_normal, "bias": zeros}

    def forward(
        self, x: Float[Tensor, "seeds modalities batch time inputs"]
    ) -> Float[Tensor, "seeds modalities batch time outputs"]:
        inputs, outputs = self.weight.shape[-2:]
        rows = x.reshape(x.shape[0] * x.shape[1], -1, inputs)
        out = torch.baddbmm(
            self.bias.flatten(0, 1).unsqueeze(1), rows, self.weight.flatten(0, 1)
        )
        return out.view(*x.shape[:-1], outputs)


class ModalityLayerNorm(nn.Module):
    """Layer normalization with one scale and shift per seed and modality."""

    def __init__(self, seeds: int, modalities: int, features: int):
        super().__init__()
        self.scale = stacked_parameter(seeds, modalities, features)
        self.shift = stacked_parameter(seeds, modalities, features)
        self.initializers = {"scale": ones, "shift": zeros}

    def forward(
        self, x: Float[Tensor, "seeds modalities *rows features"]
    ) -> Float[Tensor, "seeds modalities *rows features"]:
        seeds, modalities, features = self.scale.shape
        shape = (seeds, modalities, *(1,) * (x.dim() - 3), features)
        normal = nn.functional.layer_norm(x, (features,), eps=1e-5)
        return torch.addcmul(self.shift.view(shape), normal, self.scale.view(shape))


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
        self,
        seeds: int,
        modalities: int,
        *,
        width: int,
        experts: int,
        top_k: int,
        expert_hidden: int,
        feed_forward: int,
        router: str,
        gate: str,
        expert_dropout: float,
        log_space: bool,
        aligned: bool = False,
    ):
        super().__init__()
        self.before_experts = ModalityLayerNorm(seeds, modalities, width)
        self.router = Router(
            seeds, width, experts, modalities, kind=router, gate=gate, top_k=top_k
        )
        self.experts = Experts(seeds, experts, width, expert_hidden, modalities * width)
        self.before_feed_forward = ModalityLayerNorm(seeds, modalities, width)
        self.widen = ModalityLinear(seeds, modalities, width, feed_forward)
        self.narrow = ModalityLinear(seeds, modalities, feed_forward, width)
        self.expert_dropout = expert_dropout
        self.log_space = log_space
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


class MoEFusion(nn.Module):
    """Stack of MoE layers, a pooled vector per modality, and a small head.

    Source: BTW 4.2 and app. F (FuseMoE backbone, per-modality router).
    """

    weight_sites = ("contribution", "embedding")

    def __init__(
        self,
        seeds: int,
        modalities: int,
        *,
        width: int,
        layers: int,
        outputs: int = 1,
        head_dropout: float = 0.0,
        weight_site: str = "contribution",
        **layer: object,
    ):
        super().__init__()
        if weight_site not in self.weight_sites:
            raise ValueError(
                f"weight_site={weight_site!r}: MoE fusion offers {self.weight_sites}"
            )
        self.layers = nn.ModuleList(
            MoELayer(seeds, modalities, width=width, **layer)  # type: ignore[arg-type]
            for _ in range(layers)
        )
        self.after_layers = ModalityLayerNorm(seeds, modalities, width)
        self.head = nn.ModuleList(
            [
                StackedLinear(seeds, modalities * width, width),
                StackedLinear(seeds, width, width),
                StackedLinear(seeds, width, outputs),
            ]
        )
        self.head_dropout = head_dropout
        self.weight_site = weight_site
        self.scale = width**0.5

    def forward(self, inputs: FusionInput) -> FusionOutput:
        tokens = inputs.tokens
        if self.weight_site == "embedding":
            tokens = weighted(tokens, inputs.weights)
            inputs = _without_weights(inputs)
        # What a token that does not count stores (NaN too) must not reach a gradient.
        x = tokens.masked_fill(~inputs.mask.unsqueeze(4), 0.0) * self.scale
        balances, gates = [], {}
        for number, layer in enumerate(self.layers):
            x, balance, gates[f"layer_{number}"] = layer(x, inputs)
            balances.append(balance)
        pooled = token_mean(self.after_layers(x), inputs.mask)
        fused = weighted(pooled, inputs.weights).transpose(1, 2).flatten(2)
        return FusionOutput(
            logits=self._logits(fused, inputs.generators),
            fused=fused,
            losses={"balance": torch.stack(balances).mean(0)},
            gates=gates,
        )

    def _logits(
        self, fused: Tensor, generators: Sequence[Generator] | None
    ) -> Float[Tensor, "seeds batch outputs"]:
        first, second, last = self.head
        hidden = torch.tanh(first(dropout(fused, self.head_dropout, generators)))
        return last(torch.tanh(second(hidden)))


def _without_weights(inputs: FusionInput) -> FusionInput:
    return FusionInput(
        inputs.tokens,
        inputs.mask,
        None,
        inputs.generators,
        inputs.router_generators,
    )
