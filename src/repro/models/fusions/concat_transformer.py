"""One transformer over the tokens of all modalities, put in one sequence."""

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
    Generators,
    StackedLinear,
    dropout,
    stacked_parameter,
    zeros,
)
from repro.params.strict import Count, Rate, Strict

RESIDUALS = ("standard", "paper_code")

_Stream = Float[Tensor, "seeds one batch time width"]


class ConcatLayer(nn.Module):
    """Attention over all tokens, then an MLP shared by the modalities.

    Source: I2MoE, released code: queries, keys and values without bias, hidden size
    twice the width, GELU.
    Departure: the released layer drops its input, `A + dropout(A)`; that form is
    `residual="paper_code"`, the default adds the attention to the input.
    """

    def __init__(
        self, seeds: int, *, width: int, heads: int, rate: float, residual: str
    ):
        super().__init__()
        self.before_attention = ModalityLayerNorm(seeds, 1, width)
        self.attention = MultiHeadAttention(
            seeds, 1, width=width, heads=heads, bias=False, rate=rate
        )
        self.before_feed_forward = ModalityLayerNorm(seeds, 1, width)
        self.widen = ModalityLinear(seeds, 1, width, 2 * width)
        self.narrow = ModalityLinear(seeds, 1, 2 * width, width)
        self.rate = rate
        self.residual = residual

    def forward(
        self,
        x: _Stream,
        bias: Float[Tensor, "seeds one batch time"],
        generators: Generators | None,
    ) -> _Stream:
        branch = self.attention(self.before_attention(x), bias, generators=generators)
        branch = dropout(branch, self.rate, generators)
        start = branch if self.residual == "paper_code" else x
        x = start + dropout(branch, self.rate, generators)
        hidden = functional.gelu(self.widen(self.before_feed_forward(x)))
        branch = self.narrow(dropout(hidden, self.rate, generators))
        return x + dropout(branch, self.rate, generators)


class ConcatTransformer(nn.Module):
    """Self-attention over all modalities with learned positions, and a linear head.

    Positions start at zero, one per modality and token. Each modality is pooled by the
    mean over its tokens.

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

    def __init__(self, shape: FusionShape, sizes: Sizes, *, residual: str = "standard"):
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
            )
            for _ in range(sizes.layers)
        )
        self.head = StackedLinear(seeds, modalities * width, shape.outputs)

    def forward(self, inputs: FusionInput) -> FusionOutput:
        # What a token that does not count stores (NaN too) must not reach a gradient.
        tokens = inputs.tokens.masked_fill(~inputs.mask.unsqueeze(4), 0.0)
        x = _in_one_stream(self._positioned(tokens, inputs.mask))
        bias = _in_one_stream(key_bias(inputs.mask, inputs.weights, tokens.dtype))
        for layer in self.layers:
            x = layer(x, bias, inputs.generators)
        x = x.squeeze(1).unflatten(2, (tokens.shape[1], -1)).transpose(1, 2)
        pooled = token_mean(x, inputs.mask)
        fused = side_by_side(weighted(pooled, inputs.weights))
        return FusionOutput(self.head(fused), fused, losses={}, gates={})

    def _positioned(
        self, tokens: Float[Tensor, "seeds modalities batch time width"], mask: Tensor
    ) -> Float[Tensor, "seeds modalities batch time width"]:
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


FUSION = ConcatTransformer
