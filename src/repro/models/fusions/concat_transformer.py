"""One transformer over the tokens of all modalities, put in one sequence."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from repro.models.fusions.interface import (
    SITES,
    FusionInput,
    FusionOutput,
    FusionShape,
    weighted,
)
from repro.models.layers.attention import MultiHeadAttention, key_bias, positions
from repro.models.layers.modality import ModalityLayerNorm, ModalityLinear
from repro.models.layers.pooling import side_by_side, token_mean
from repro.models.layers.stacked import (
    StackedLinear,
    dropout,
    stacked_parameter,
    zeros,
)
from repro.params.strict import Count, Rate, Strict

RESIDUALS = ("standard", "paper_code")

_Stream = Float[Tensor, "seeds one batch time width"]
_PerModality = Float[Tensor, "seeds modalities batch time width"]


@dataclass(frozen=True)
class Routed:
    """What experts in the place of a layer's MLP give beside their output.

    `balance` is not scaled by any coefficient; `gates` are what the output of each
    expert is multiplied with, zeros where a token is not routed; `scores` are read by
    the router of the next layer, if it reads any.
    """

    balance: Float[Tensor, " seeds"]
    gates: Float[Tensor, "seeds modalities batch time experts"]
    scores: Float[Tensor, "seeds modalities batch time experts"]


class ConcatLayer(nn.Module):
    """Attention over all tokens, then an MLP shared by the modalities.

    `experts` stand in the place of that MLP: called with normalized tokens, which of
    them are keys, the input of the fusion and the `Routed` of the layer before, they
    give tokens and theirs. None: the dense MLP.

    Source: I2MoE, released code: queries, keys and values without bias, hidden size
    twice the width, GELU.
    Departure: the released layer drops its input, `A + dropout(A)`; that form is
    `residual="paper_code"`, the default adds the attention to the input.
    """

    experts: nn.Module | None

    def __init__(
        self,
        seeds: int,
        *,
        width: int,
        heads: int,
        rate: float,
        residual: str,
        experts: nn.Module | None = None,
    ):
        super().__init__()
        self.before_attention = ModalityLayerNorm(seeds, 1, width)
        self.attention = MultiHeadAttention(
            seeds, 1, width=width, heads=heads, bias=False, rate=rate
        )
        self.before_feed_forward = ModalityLayerNorm(seeds, 1, width)
        self.experts = experts
        if experts is None:
            self.widen = ModalityLinear(seeds, 1, width, 2 * width)
            self.narrow = ModalityLinear(seeds, 1, 2 * width, width)
        self.rate = rate
        self.residual = residual

    def forward(
        self,
        x: _Stream,
        bias: Float[Tensor, "seeds one batch time"],
        inputs: FusionInput,
        before: Routed | None = None,
    ) -> tuple[_Stream, Routed | None]:
        generators = inputs.generators
        branch = self.attention(self.before_attention(x), bias, generators=generators)
        branch = dropout(branch, self.rate, generators)
        start = branch if self.residual == "paper_code" else x
        x = start + dropout(branch, self.rate, generators)
        z, routed = self.before_feed_forward(x), before
        if self.experts is None:
            hidden = functional.gelu(self.widen(z))
            branch = self.narrow(dropout(hidden, self.rate, generators))
        else:
            split = partial(_per_modality, modalities=inputs.mask.shape[1])
            mixed, routed = self.experts(
                split(z), split(bias) > -torch.inf, inputs, before
            )
            branch = _in_one_stream(mixed)
        return x + dropout(branch, self.rate, generators), routed


def _dense(layer: int) -> None:
    """No experts in any layer."""


class ConcatTransformer(nn.Module):
    """Self-attention over all modalities with learned positions, and a linear head.

    Positions start at zero, one per modality and token. Each modality is pooled by the
    mean over its tokens. `experts` makes what replaces the MLP of each layer, by its
    number, or None; a token of weight 0 is routed no more than one that is masked out.

    Weights at `contribution`: w_m multiplies m's keys in numerator and denominator of
    every softmax, where it competes with the other modalities, and m's pooled slice.

    Source: the network that the released code of I2MoE calls MulT (it has no
    directional attention; see `MulT` for that one).
    Departure: masks; padding and absent modalities are neither keys nor pooled.
    Raises:
        ValueError: an unknown residual, or, when called, more tokens than there are
            positions.
    """

    class Sizes(Strict):
        """Heads and layers of the transformer, and dropout."""

        heads: Count
        layers: Count
        dropout: Rate

    tokens = ("series", "query")
    weight_sites = SITES
    needs_text = "never"
    reads_raw = False
    losses = ()
    auxiliary_loss = None

    def __init__(
        self,
        shape: FusionShape,
        sizes: Sizes,
        *,
        residual: str = "standard",
        experts: Callable[[int], nn.Module | None] = _dense,
    ):
        super().__init__()
        if residual not in RESIDUALS:
            raise ValueError(f"residual={residual!r}: choose one of {RESIDUALS}")
        seeds, modalities, width = shape.seeds, shape.modalities, shape.width
        self.positions = stacked_parameter(seeds, modalities, shape.time, width)
        self.initializers = {"positions": zeros}
        self.layers = nn.ModuleList(
            ConcatLayer(
                seeds,
                width=width,
                heads=sizes.heads,
                rate=sizes.dropout,
                residual=residual,
                experts=experts(number),
            )
            for number in range(sizes.layers)
        )
        self.head = StackedLinear(seeds, modalities * width, shape.outputs)

    def forward(self, inputs: FusionInput) -> FusionOutput:
        # What a token that does not count stores (NaN too) must not reach a gradient.
        tokens = inputs.tokens.masked_fill(~inputs.mask.unsqueeze(4), 0.0)
        x = _in_one_stream(self._positioned(tokens, inputs.mask))
        bias = _in_one_stream(key_bias(inputs.mask, inputs.weights, tokens.dtype))
        x, routed = self._through_layers(x, bias, inputs)
        pooled = token_mean(_per_modality(x, tokens.shape[1]), inputs.mask)
        fused = side_by_side(weighted(pooled, inputs.weights))
        balances = [own.balance for own in routed.values()]
        return FusionOutput(
            self.head(fused),
            fused,
            losses={"balance": torch.stack(balances).mean(0)} if balances else {},
            gates={name: own.gates for name, own in routed.items()},
        )

    def _through_layers(
        self,
        x: _Stream,
        bias: Float[Tensor, "seeds one batch time"],
        inputs: FusionInput,
    ) -> tuple[_Stream, dict[str, Routed]]:
        """The stream behind all layers, and what each layer of experts gave."""
        found, routed = {}, None
        for number, layer in enumerate(self.layers):
            x, routed = layer(x, bias, inputs, routed)
            if routed is not None and layer.experts is not None:
                found[f"layer_{number}"] = routed
        return x, found

    def _positioned(self, tokens: _PerModality, mask: Tensor) -> _PerModality:
        time, width = tokens.shape[3:]
        most = self.positions.shape[2]
        if time > most:
            raise ValueError(
                f"tokens: got {time} per modality but time={most} positions; build "
                "it with more"
            )
        index = positions(mask).flatten(2).unsqueeze(3).expand(-1, -1, -1, width)
        return tokens + self.positions.gather(2, index).view(tokens.shape)


def _in_one_stream(
    x: Float[Tensor, "seeds modalities batch time *width"],
) -> Float[Tensor, "seeds 1 batch tokens *width"]:
    """The modalities one after the other on the time axis."""
    return x.transpose(1, 2).flatten(2, 3).unsqueeze(1)


def _per_modality(
    x: Float[Tensor, "seeds one batch tokens *width"], modalities: int
) -> Float[Tensor, "seeds {modalities} batch time *width"]:
    """The stream cut into its modalities again."""
    return x.squeeze(1).unflatten(2, (modalities, -1)).transpose(1, 2)


FUSION = ConcatTransformer
