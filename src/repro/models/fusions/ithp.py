"""ITHP: a chain of information bottlenecks from one modality through the others."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from repro.models.fusions.interface import (
    FusionInput,
    FusionOutput,
    FusionShape,
    checked_anchor,
)
from repro.models.layers.heads import affine_maps
from repro.models.layers.modality import ModalityLayerNorm
from repro.models.layers.pooling import row_mean, token_mean
from repro.models.layers.stacked import Generators, StackedLinear, dropout, normal_draws
from repro.params.strict import Count, NotNegative, Positive, Rate, Strict


class State(NamedTuple):
    """A normal distribution, what goes on from it, and the features it implies."""

    mean: Float[Tensor, "seeds batch size"]
    log_variance: Float[Tensor, "seeds batch size"]
    sample: Float[Tensor, "seeds batch size"]
    reconstruction: Float[Tensor, "seeds batch features"]


class Bottleneck(nn.Module):
    """Compress what came before, and reconstruct the features of one modality from it.

    Dropout acts on the hidden units.

    Source: Xiao et al. 2024, and the released code for two layers with ReLU.
    Departure: the reconstruction is linear and its targets are standardized on train;
    released are a sigmoid and min-max values of the batch at hand, at test as well.
    Evaluation passes the mean on; the released code draws there too.
    """

    def __init__(
        self,
        seeds: int,
        inputs: int,
        *,
        hidden: int,
        size: int,
        features: int,
        rate: float,
    ):
        super().__init__()
        self.encoder = affine_maps(seeds, inputs, hidden, 2 * size)
        self.decoder = affine_maps(seeds, size, hidden, features)
        self.rate = rate

    def forward(
        self, x: Float[Tensor, "seeds batch inputs"], generators: Generators | None
    ) -> State:
        mean, log_variance = self._layers(self.encoder, x, generators).chunk(2, 2)
        sample = mean
        if generators is not None:
            noise = normal_draws(mean, generators)
            sample = mean + noise * torch.exp(log_variance / 2)
        implied = self._layers(self.decoder, sample, generators)
        return State(mean, log_variance, sample, implied)

    def _layers(
        self, pair: nn.ModuleList, x: Tensor, generators: Generators | None
    ) -> Tensor:
        first, second = pair
        return second(dropout(torch.relu(first(x)), self.rate, generators))


def standard_divergence(
    mean: Float[Tensor, "seeds batch size"],
    log_variance: Float[Tensor, "seeds batch size"],
) -> Float[Tensor, "seeds batch"]:
    """Divergence of normal distributions from the standard one, mean over dimensions.

    >>> standard_divergence(torch.full((1, 1, 4), 2.0), torch.zeros(1, 1, 4)).item()
    2.0
    """
    terms = 1 + log_variance - mean.square() - log_variance.exp()
    return -terms.mean(-1) / 2


class ITHP(nn.Module):
    """Prediction from the anchor, through bottlenecks that foretell the others.

    Stage i compresses stage i - 1 (the anchor's pooled vector at first) to a bottleneck
    and reconstructs the features of the i-th other modality, in their order. The first
    bottleneck has `bottleneck` dimensions and each next half as many. The last one is
    added to the anchor, `shift` times, ahead of normalization and a tanh head.

    `losses`, in training and with `raw` given: `bottleneck`, the sum over stages of
    decay^i (divergence + c_i squared error), i from 0, where c_0 = beta and every
    later c_i = gamma. The divergence is a mean over dimensions and over rows with the
    anchor, the squared error over features and rows with anchor and target. The paper
    weights it with 2 / (beta + gamma).

    The other modalities change what is learned, never a prediction of a trained model,
    so there is no site for weights.

    Source: Xiao et al. 2024, and the released code for sizes and the mean in the
    divergence; its stages are two.
    Departure: a stage acts on the anchor's mean over tokens, not on every word; the
    features to reconstruct are means over time.
    Raises:
        ValueError: fewer than two modalities, no such anchor, a width of features too
            few or too many; when called, weights or features that do not fit.
    """

    class Sizes(Strict):
        """Units of the bottlenecks, strengths of their losses, dropout."""

        hidden: Count
        bottleneck: Count
        beta: NotNegative
        gamma: Positive
        decay: NotNegative
        shift: NotNegative
        bottleneck_dropout: Rate
        dropout: Rate

        @property
        def loss_weights(self) -> dict[str, float]:
            """What the loss is multiplied with."""
            return {"bottleneck": 2 / (self.beta + self.gamma)}

    tokens = ("last_state",)
    weight_sites = ()
    needs_text = "everywhere"
    reads_raw = True
    losses = ("bottleneck",)
    no_experts: ClassVar = {
        "any": "predicts from text alone, so that masking another modality changes no "
        "expert's output"
    }
    auxiliary_loss = None

    def __init__(self, shape: FusionShape, sizes: Sizes):
        super().__init__()
        self.anchor = checked_anchor("ITHP", shape)
        seeds, modalities, width = shape.seeds, shape.modalities, shape.width
        self.raw_widths = _checked_widths(modalities, shape.raw_widths)
        self.targets = [m for m in range(modalities) if m != self.anchor]
        units = [max(sizes.bottleneck >> i, 1) for i in range(modalities - 1)]
        self.stages = nn.ModuleList(
            Bottleneck(
                seeds,
                before,
                hidden=sizes.hidden,
                size=size,
                features=self.raw_widths[m],
                rate=sizes.bottleneck_dropout,
            )
            for before, size, m in zip(
                [width, *units[:-1]], units, self.targets, strict=True
            )
        )
        self.expansion = StackedLinear(seeds, units[-1], width)
        self.norm = ModalityLayerNorm(seeds, 1, width)
        self.pooler = StackedLinear(seeds, width, width)
        self.head = StackedLinear(seeds, width, shape.outputs)
        self.error_factors = [sizes.beta] + [sizes.gamma] * (modalities - 2)
        self.decay = sizes.decay
        self.shift = sizes.shift
        self.rate = sizes.dropout

    def forward(self, inputs: FusionInput) -> FusionOutput:
        if inputs.weights is not None:
            raise ValueError(
                "weights: ithp takes none: it predicts from its anchor alone, and the "
                "others enter as reconstruction targets only; pass none"
            )
        own = slice(self.anchor, self.anchor + 1)
        x = token_mean(inputs.tokens[:, own], inputs.mask[:, own]).squeeze(1)
        states = []
        below = x
        for stage in self.stages:
            states.append(stage(below, inputs.generators))
            below = states[-1].sample
        shifted = x + self.shift * self.expansion(below)
        fused = self.norm(shifted.unsqueeze(1)).squeeze(1)
        hidden = torch.tanh(self.pooler(dropout(fused, self.rate, inputs.generators)))
        losses = {}
        if inputs.generators is not None and inputs.raw is not None:
            losses["bottleneck"] = self._bottleneck(states, inputs.mask, inputs.raw)
        return FusionOutput(self.head(hidden), fused, losses, gates={})

    def _bottleneck(
        self,
        states: Sequence[State],
        mask: Bool[Tensor, "seeds modalities batch time"],
        raw: Sequence[Float[Tensor, "seeds batch _features"]],
    ) -> Float[Tensor, " seeds"]:
        _check_raw(raw, self.raw_widths)
        present = mask.any(3)
        given = present[:, self.anchor]
        terms = []
        for i, (m, state) in enumerate(zip(self.targets, states, strict=True)):
            both = given & present[:, m]
            # What an absent row stores (NaN too) must not reach a gradient.
            wanted = raw[m].masked_fill(~both.unsqueeze(2), 0.0)
            error = row_mean((state.reconstruction - wanted).square().mean(-1), both)
            divergence = standard_divergence(state.mean, state.log_variance)
            term = row_mean(divergence, given) + self.error_factors[i] * error
            terms.append(self.decay**i * term)
        return torch.stack(terms).sum(0)


def _checked_widths(modalities: int, raw_widths: Sequence[int]) -> tuple[int, ...]:
    if len(raw_widths) != modalities:
        raise ValueError(
            f"raw_widths={tuple(raw_widths)}: got {len(raw_widths)} for {modalities} "
            "modalities; give one per modality, the anchor's included"
        )
    return tuple(raw_widths)


def _check_raw(raw: Sequence[Tensor], widths: tuple[int, ...]) -> None:
    found = tuple(values.shape[-1] for values in raw)
    if found != widths:
        raise ValueError(
            f"raw: got features of widths {found} but raw_widths={widths}; "
            "build ithp with the widths of its data"
        )


FUSION = ITHP
