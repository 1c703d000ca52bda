"""FuseMoE: attention in time within a modality, experts across modalities."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn

from repro.models.fusions.flattened import FlattenedMoELayer
from repro.models.fusions.interface import (
    FusionInput,
    FusionOutput,
    token_mean,
    weighted,
)
from repro.models.fusions.moe import ModalityLayerNorm, ModalityLinear, MoELayer
from repro.models.stacked import (
    StackedLinear,
    dropout,
    stacked_parameter,
    xavier_normal,
)

_PerModality = Float[Tensor, "seeds modalities batch time width"]
_Mask = Bool[Tensor, "seeds modalities batch time"]


class Positions(nn.Module):
    """Tokens plus a learned vector of their modality, scaled, plus one of their place.

    Source: FuseMoE code, the input of its fusion stack restated in words.
    Departure: there the first position is frozen, because it doubles as padding.
    """

    def __init__(self, seeds: int, modalities: int, time: int, width: int):
        super().__init__()
        self.modality = stacked_parameter(seeds, modalities, width)
        self.place = stacked_parameter(seeds, time, width)
        self.initializers = {"modality": xavier_normal, "place": xavier_normal}

    def forward(self, tokens: _PerModality) -> _PerModality:
        time, width = tokens.shape[3:]
        typed = tokens + self.modality[:, :, None, None]
        return typed * width**0.5 + self.place[:, None, None, :time]


class TemporalAttention(nn.Module):
    """Multi-head self-attention within each modality, with weights of its own.

    Shape: `(seeds, modalities, batch, time, width)`; the mask has no width.
    """

    def __init__(self, seeds: int, modalities: int, width: int, heads: int):
        super().__init__()
        if width % heads:
            raise ValueError(
                f"heads: got {heads} for a width of {width}; take a number that "
                "divides it"
            )
        self.project = ModalityLinear(seeds, modalities, width, 3 * width)
        self.output = ModalityLinear(seeds, modalities, width, width)
        self.heads = heads

    def forward(self, x: _PerModality, mask: _Mask) -> _PerModality:
        *_, time, width = x.shape
        parts = self.project(x).view(-1, time, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        # Where no key counts, all do: such a row is never read, and has no NaN.
        is_key = mask | ~mask.any(3, keepdim=True)
        mixed = nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=is_key.reshape(-1, 1, 1, time)
        )
        return self.output(mixed.transpose(1, 2).reshape(x.shape))


class FuseMoELayer(nn.Module):
    """Attention within the modalities, then experts across them, then one FFN each."""

    def __init__(
        self,
        seeds: int,
        modalities: int,
        *,
        width: int,
        heads: int,
        time: int,
        dropout: float,
        flattened: bool,
        **layer: object,
    ):
        super().__init__()
        self.before_attention = ModalityLayerNorm(seeds, modalities, width)
        self.attention = TemporalAttention(seeds, modalities, width, heads)
        self.dropout = dropout
        if flattened:
            self.mixture: nn.Module = FlattenedMoELayer(
                seeds,
                modalities,
                width=width,
                time=time,
                **layer,  # type: ignore[arg-type]
            )
        else:
            self.mixture = MoELayer(
                seeds,
                modalities,
                width=width,
                aligned=True,
                **layer,  # type: ignore[arg-type]
            )

    def forward(
        self, x: _PerModality, inputs: FusionInput
    ) -> tuple[_PerModality, Float[Tensor, " seeds"], Tensor]:
        attended = self.attention(self.before_attention(x), inputs.mask)
        x = x + dropout(attended, self.dropout, inputs.generators)
        return self.mixture(x, inputs)


class FuseMoE(nn.Module):
    """Layers of attention and experts over tokens at common times, and a head.

    Tokens of different modalities at one place in time belong together: experts pass
    messages between them. The pooled modalities h, side by side, give
    z = h + W2 relu(W1 h), and an affine map of z the logits. `time` is the largest
    number of tokens of a modality; with `flattened`, a modality's whole sequence is one
    token for router and experts (`FlattenedMoELayer`).

    Source: FuseMoE (Han et al. 2024), the backbone of BTW on MIMIC-IV.
    Departure: each token is routed by itself (the released code routes flattened
    sequences, and mixes the patients of a batch in them); a modality is the mean of its
    tokens (there: its last token); dropout acts on the input, on the output of
    attention, on the hidden units of the experts and of the head.
    Raises:
        ValueError: an unknown weight site, heads that do not divide the width, or more
            tokens than `time`.
    """

    weight_sites = ("contribution", "embedding")

    def __init__(
        self,
        seeds: int,
        modalities: int,
        *,
        width: int,
        layers: int,
        heads: int,
        time: int,
        outputs: int = 1,
        dropout: float = 0.0,
        flattened: bool = False,
        weight_site: str = "contribution",
        **layer: object,
    ):
        super().__init__()
        if weight_site not in self.weight_sites:
            raise ValueError(
                f"weight_site={weight_site!r}: FuseMoE offers {self.weight_sites}"
            )
        self.positions = Positions(seeds, modalities, time, width)
        self.layers = nn.ModuleList(
            FuseMoELayer(
                seeds,
                modalities,
                width=width,
                heads=heads,
                time=time,
                dropout=dropout,
                flattened=flattened,
                **layer,
            )
            for _ in range(layers)
        )
        self.after_layers = ModalityLayerNorm(seeds, modalities, width)
        features = modalities * width
        self.head = nn.ModuleList(
            [
                StackedLinear(seeds, features, features),
                StackedLinear(seeds, features, features),
                StackedLinear(seeds, features, outputs),
            ]
        )
        self.dropout, self.time, self.weight_site = dropout, time, weight_site

    def forward(self, inputs: FusionInput) -> FusionOutput:
        """Logits, pooled modalities, balance loss and the gates of every layer."""
        x, inputs = self._prepared(inputs)
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

    def _prepared(self, inputs: FusionInput) -> tuple[_PerModality, FusionInput]:
        """Start of the stream, and the input as the layers take it."""
        if inputs.tokens.shape[3] > self.time:
            raise ValueError(
                f"tokens: got {inputs.tokens.shape[3]} of a modality; this fusion has "
                f"places for time={self.time}, so build it with more"
            )
        tokens = inputs.tokens
        if self.weight_site == "embedding":
            tokens = weighted(tokens, inputs.weights)
            inputs = replace(inputs, weights=None)
        # What a token that does not count stores (NaN too) must not reach a gradient.
        ignored = ~inputs.mask.unsqueeze(4)
        x = self.positions(tokens.masked_fill(ignored, 0.0))
        return dropout(x, self.dropout, inputs.generators), inputs

    def _logits(
        self, fused: Tensor, generators: Sequence[Generator] | None
    ) -> Float[Tensor, "seeds batch outputs"]:
        first, second, last = self.head
        hidden = dropout(torch.relu(first(fused)), self.dropout, generators)
        return last(fused + second(hidden))
