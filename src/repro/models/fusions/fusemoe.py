"""FuseMoE: attention in time within a modality, experts across modalities."""

from collections.abc import Callable

from jaxtyping import Bool, Float
from torch import Tensor, nn

from repro.models.fusions.interface import (
    SITES,
    FusionInput,
    FusionOutput,
    FusionShape,
    weighted,
)
from repro.models.layers.heads import affine_maps, residual_logits
from repro.models.layers.mixture import MixtureSizes, MoELayer, through_layers
from repro.models.layers.modality import ModalityLayerNorm, ModalityLinear
from repro.models.layers.pooling import side_by_side, token_mean
from repro.models.layers.stacked import dropout, stacked_parameter, xavier_normal
from repro.params.strict import Count, Rate

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
        shape: FusionShape,
        mixture: nn.Module,
        *,
        heads: int,
        dropout: float,
    ):
        super().__init__()
        seeds, modalities, width = shape.seeds, shape.modalities, shape.width
        self.before_attention = ModalityLayerNorm(seeds, modalities, width)
        self.attention = TemporalAttention(seeds, modalities, width, heads)
        self.dropout = dropout
        self.mixture = mixture

    def forward(
        self, x: _PerModality, inputs: FusionInput
    ) -> tuple[_PerModality, Float[Tensor, " seeds"], Tensor]:
        attended = self.attention(self.before_attention(x), inputs.mask)
        x = x + dropout(attended, self.dropout, inputs.generators)
        return self.mixture(x, inputs)


def _aligned(shape: FusionShape, sizes: MixtureSizes) -> MoELayer:
    return MoELayer(shape, sizes, aligned=True)


class FuseMoE(nn.Module):
    """Layers of attention and experts over tokens at common times, and a head.

    Tokens of different modalities at one place in time belong together: experts pass
    messages between them. The pooled modalities h, side by side, give
    z = h + W2 relu(W1 h), and an affine map of z the logits. `mixture` builds the
    layer of experts.

    Source: FuseMoE (Han et al. 2024), the backbone of BTW on MIMIC-IV.
    Departure: each token is routed by itself (the released code routes flattened
    sequences, as `fusion: flattened` does, and mixes the patients of a batch in them);
    a modality is the mean of its tokens (there: its last token); dropout acts on the
    input, on the output of attention, on the hidden units of the experts and of the
    head.
    Raises:
        ValueError: heads that do not divide the width, or more tokens than
            `shape.time`.
    """

    class Sizes(MixtureSizes):
        """Those of the layers, heads of the attention, and dropout."""

        heads: Count
        dropout: Rate

    tokens = ("query",)
    weight_sites = SITES
    needs_text = "never"
    reads_raw = False
    losses = ("balance",)
    auxiliary_loss = None

    def __init__(
        self,
        shape: FusionShape,
        sizes: Sizes,
        *,
        mixture: Callable[[FusionShape, MixtureSizes], nn.Module] = _aligned,
    ):
        super().__init__()
        seeds, modalities, width = shape.seeds, shape.modalities, shape.width
        heads, rate = sizes.heads, sizes.dropout
        self.positions = Positions(seeds, modalities, shape.time, width)
        self.layers = nn.ModuleList(
            FuseMoELayer(shape, mixture(shape, sizes), heads=heads, dropout=rate)
            for _ in range(sizes.layers)
        )
        self.after_layers = ModalityLayerNorm(seeds, modalities, width)
        features = modalities * width
        self.head = affine_maps(seeds, features, features, features, shape.outputs)
        self.dropout, self.time = rate, shape.time

    def forward(self, inputs: FusionInput) -> FusionOutput:
        """Logits, pooled modalities, balance loss and the gates of every layer."""
        x = self._start(inputs)
        x, losses, gates = through_layers(self.layers, x, inputs)
        pooled = token_mean(self.after_layers(x), inputs.mask)
        fused = side_by_side(weighted(pooled, inputs.weights))
        logits = residual_logits(self.head, fused, self.dropout, inputs.generators)
        return FusionOutput(logits, fused, losses, gates)

    def _start(self, inputs: FusionInput) -> _PerModality:
        """The stream ahead of the layers."""
        if inputs.tokens.shape[3] > self.time:
            raise ValueError(
                f"tokens: got {inputs.tokens.shape[3]} of a modality; this fusion has "
                f"places for time={self.time}, so build it with more"
            )
        # What a token that does not count stores (NaN too) must not reach a gradient.
        ignored = ~inputs.mask.unsqueeze(4)
        x = self.positions(inputs.tokens.masked_fill(ignored, 0.0))
        return dropout(x, self.dropout, inputs.generators)


FUSION = FuseMoE
