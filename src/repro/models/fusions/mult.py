"""MulT: every modality attends to every other one, for any number of modalities."""

from dataclasses import dataclass
from functools import partial

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
from repro.models.layers.attention import (
    MultiHeadAttention,
    key_bias,
    positions,
    sinusoids,
)
from repro.models.layers.heads import affine_maps, residual_logits
from repro.models.layers.modality import ModalityLayerNorm, ModalityLinear
from repro.models.layers.pooling import side_by_side, token_mean
from repro.models.layers.stacked import Generators, dropout
from repro.params.strict import Count, Rate, Strict

_Streams = Float[Tensor, "seeds groups batch time width"]
_Bias = Float[Tensor, "seeds groups batch keys"]


@dataclass(frozen=True)
class DropoutRates:
    """Dropout of embeddings, attention, hidden units, branches and the head."""

    embedding: float = 0.0
    attention: float = 0.0
    hidden: float = 0.0
    residual: float = 0.0
    head: float = 0.0


class Block(nn.Module):
    """Pre-norm attention and feed-forward block, one per seed and group.

    Source: Tsai et al. 2019, section 3, and the released code: one layer
    normalization for queries, keys and values, hidden size four times the width, ReLU.
    """

    def __init__(
        self, seeds: int, groups: int, *, width: int, heads: int, rates: DropoutRates
    ):
        super().__init__()
        self.before_attention = ModalityLayerNorm(seeds, groups, width)
        self.attention = MultiHeadAttention(
            seeds, groups, width=width, heads=heads, rate=rates.attention
        )
        self.before_feed_forward = ModalityLayerNorm(seeds, groups, width)
        self.widen = ModalityLinear(seeds, groups, width, 4 * width)
        self.narrow = ModalityLinear(seeds, groups, 4 * width, width)
        self.rates = rates

    def forward(
        self,
        x: _Streams,
        bias: _Bias,
        source: _Streams | None,
        *,
        zero_key: bool,
        generators: Generators | None,
    ) -> _Streams:
        normal = self.before_attention(x)
        other = None if source is None else self.before_attention(source)
        branch = self.attention(
            normal, bias, other, zero_key=zero_key, generators=generators
        )
        x = x + dropout(branch, self.rates.residual, generators)
        hidden = torch.relu(self.widen(self.before_feed_forward(x)))
        branch = self.narrow(dropout(hidden, self.rates.hidden, generators))
        return x + dropout(branch, self.rates.residual, generators)


class Stack(nn.Module):
    """Blocks over position-coded streams, and one final layer normalization.

    With a source, all blocks take keys and values from its embedding, which no block
    changes; without one each attends to its own stream.
    """

    def __init__(
        self,
        seeds: int,
        groups: int,
        *,
        layers: int,
        width: int,
        heads: int,
        rates: DropoutRates,
        zero_key: bool = False,
    ):
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(seeds, groups, width=width, heads=heads, rates=rates)
            for _ in range(layers)
        )
        self.after_blocks = ModalityLayerNorm(seeds, groups, width)
        self.rates = rates
        self.zero_key = zero_key

    def forward(
        self,
        x: _Streams,
        bias: _Bias,
        source: _Streams | None = None,
        generators: Generators | None = None,
    ) -> _Streams:
        x = dropout(x, self.rates.embedding, generators)
        if source is not None:
            source = dropout(source, self.rates.embedding, generators)
        for block in self.blocks:
            x = block(x, bias, source, zero_key=self.zero_key, generators=generators)
        return self.after_blocks(x)


def embedded(
    tokens: Float[Tensor, "seeds modalities batch time width"],
    mask: Bool[Tensor, "seeds modalities batch time"],
) -> Float[Tensor, "seeds modalities batch time width"]:
    """Tokens times the root of their width, plus sinusoidal positions.

    Departure: the released code takes a token whose first channel is exactly 0 for
    padding; here the mask decides, and padding may stand anywhere.
    """
    time, width = tokens.shape[-2:]
    code = sinusoids(time, width, tokens)[positions(mask)]
    return torch.add(code, tokens, alpha=width**0.5)


def last_token(
    tokens: Float[Tensor, "seeds modalities batch time width"],
    mask: Bool[Tensor, "seeds modalities batch time"],
) -> Float[Tensor, "seeds modalities batch width"]:
    """The last token that counts; zeros where none does.

    >>> tokens = torch.tensor([[[[[5.0], [6.0], [7.0]]]]])
    >>> last_token(tokens, torch.tensor([[[[True, True, False]]]])).item()
    6.0
    """
    order = torch.arange(mask.shape[-1], device=mask.device)
    index = torch.where(mask, order, 0).amax(-1)[..., None, None]
    chosen = tokens.gather(3, index.expand(*index.shape[:-1], tokens.shape[-1]))
    return chosen.squeeze(3).masked_fill(~mask.any(-1, keepdim=True), 0.0)


READOUTS = {"mean": token_mean, "last": last_token}


def ordered_pairs(modalities: int) -> tuple[list[int], list[int]]:
    """Receiver and sender of every ordered pair, grouped by receiver.

    >>> ordered_pairs(3)
    ([0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1])
    """
    pairs = [(r, s) for r in range(modalities) for s in range(modalities) if r != s]
    return [r for r, _ in pairs], [s for _, s in pairs]


class MulT(nn.Module):
    """Cross-modal stacks of all ordered pairs, a self-attention stack per receiver.

    The blocks of all pairs run side by side, then those of all receivers. One modality
    alone has its self-attention stack only.

    Weights at `contribution`: w_m multiplies m's keys, in numerator and denominator,
    and m's pooled slice. All keys of a pair come from one sender, so a positive w_m
    cancels inside the softmax of that pair and only 0 (the sender is masked) shows
    there; the pooled slice carries the rest. With `zero_key` every cross-modal softmax
    holds one more key of score 0 and value 0 with weight 1; then what m sends grows
    with w_m and vanishes with it.

    Source: Tsai et al. 2019, section 3, and the released code for the head.
    Departure: no convolution ahead of the stacks and no causal mask; the pooled vector
    is the mean over tokens unless `readout` is `last`, as released; masks take the
    place of front padding; absent modalities are possible.
    Raises:
        ValueError: an unknown readout.
    """

    class Sizes(Strict):
        """Heads, layers of both kinds of stacks, and dropout."""

        heads: Count
        cross_layers: Count
        self_layers: Count
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
        readout: str = "mean",
        zero_key: bool = False,
        rates: DropoutRates | None = None,
    ):
        super().__init__()
        if readout not in READOUTS:
            raise ValueError(f"readout={readout!r}: choose one of {tuple(READOUTS)}")
        seeds, modalities, width = shape.seeds, shape.modalities, shape.width
        rate = sizes.dropout
        rates = rates or DropoutRates(hidden=rate, residual=rate, head=rate)
        pairs = modalities * (modalities - 1)
        wide = width * max(modalities - 1, 1)
        stack = partial(Stack, seeds, heads=sizes.heads, rates=rates)
        self.cross = None
        if pairs:
            self.cross = stack(
                pairs, layers=sizes.cross_layers, width=width, zero_key=zero_key
            )
        self.own = stack(modalities, layers=sizes.self_layers, width=wide)
        pooled = modalities * wide
        self.head = affine_maps(seeds, pooled, pooled, pooled, shape.outputs)
        self.receivers, self.senders = ordered_pairs(modalities)
        self.readout = readout
        self.rate = rates.head

    def forward(self, inputs: FusionInput) -> FusionOutput:
        # What a token that does not count stores (NaN too) must not reach a gradient.
        tokens = inputs.tokens.masked_fill(~inputs.mask.unsqueeze(4), 0.0)
        if self.cross is not None:
            bias = key_bias(inputs.mask, inputs.weights, tokens.dtype)
            level = embedded(tokens, inputs.mask)
            tokens = self._crossed(self.cross, level, bias, inputs.generators)
        x = self.own(
            embedded(tokens, inputs.mask),
            key_bias(inputs.mask, None, tokens.dtype),
            generators=inputs.generators,
        )
        pooled = READOUTS[self.readout](x, inputs.mask)
        fused = side_by_side(weighted(pooled, inputs.weights))
        logits = residual_logits(self.head, fused, self.rate, inputs.generators)
        return FusionOutput(logits=logits, fused=fused, losses={}, gates={})

    def _crossed(
        self,
        stack: Stack,
        level: _Streams,
        bias: Float[Tensor, "seeds groups batch time"],
        generators: Generators | None,
    ) -> Float[Tensor, "seeds groups batch time _wide"]:
        """Per receiver, the streams of all its pairs side by side."""
        x = stack(
            level[:, self.receivers],
            bias[:, self.senders],
            level[:, self.senders],
            generators,
        )
        modalities = level.shape[1]
        x = x.unflatten(1, (modalities, modalities - 1))
        return x.permute(0, 1, 3, 4, 2, 5).flatten(4)


FUSION = MulT
