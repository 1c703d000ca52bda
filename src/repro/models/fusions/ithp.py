"""ITHP: a chain of information bottlenecks from one modality through the others."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from repro.models.fusions.interface import FusionInput, FusionOutput, token_mean
from repro.models.fusions.mmim import row_mean
from repro.models.fusions.moe import ModalityLayerNorm
from repro.models.stacked import (
    Generators,
    StackedLinear,
    check_rate,
    dropout,
    normal_draws,
)

WITHOUT_WEIGHTS = (
    "ithp takes no modality weights: it predicts from its anchor alone, and audio and "
    "video enter as reconstruction targets only"
)


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
        self.encoder = nn.ModuleList(
            [
                StackedLinear(seeds, inputs, hidden),
                StackedLinear(seeds, hidden, 2 * size),
            ]
        )
        self.decoder = nn.ModuleList(
            [StackedLinear(seeds, size, hidden), StackedLinear(seeds, hidden, features)]
        )
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
    lambda_^i (divergence + c_i squared error), i from 0, where c_0 = beta and every
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
        ValueError: a weight site is asked for, fewer than two modalities, no such
            anchor, a width of features too few or too many; when called, weights or
            features that do not fit.
    """

    weight_sites = ()

    def __init__(
        self,
        seeds: int,
        modalities: int,
        *,
        width: int,
        raw_widths: Sequence[int],
        hidden: int,
        bottleneck: int,
        outputs: int = 1,
        anchor: int = 0,
        beta: float = 8.0,
        gamma: float = 32.0,
        lambda_: float = 0.3,
        shift: float = 1.0,
        bottleneck_rate: float = 0.0,
        rate: float = 0.0,
        weight_site: str | None = None,
    ):
        super().__init__()
        if weight_site is not None:
            raise ValueError(f"weight_site={weight_site!r}: {WITHOUT_WEIGHTS}; drop it")
        _check_sizes(modalities, anchor, raw_widths)
        check_rate(bottleneck_rate)
        check_rate(rate)
        self.targets = [m for m in range(modalities) if m != anchor]
        sizes = [max(bottleneck >> i, 1) for i in range(modalities - 1)]
        self.stages = nn.ModuleList(
            Bottleneck(
                seeds,
                before,
                hidden=hidden,
                size=size,
                features=raw_widths[m],
                rate=bottleneck_rate,
            )
            for before, size, m in zip(
                [width, *sizes[:-1]], sizes, self.targets, strict=True
            )
        )
        self.expansion = StackedLinear(seeds, sizes[-1], width)
        self.norm = ModalityLayerNorm(seeds, 1, width)
        self.pooler = StackedLinear(seeds, width, width)
        self.head = StackedLinear(seeds, width, outputs)
        self.raw_widths = tuple(raw_widths)
        self.anchor = anchor
        self.error_factors = [beta] + [gamma] * (modalities - 2)
        self.lambda_ = lambda_
        self.shift = shift
        self.rate = rate

    def forward(self, inputs: FusionInput) -> FusionOutput:
        if inputs.weights is not None:
            raise ValueError(f"weights: {WITHOUT_WEIGHTS}; pass none")
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
            terms.append(self.lambda_**i * term)
        return torch.stack(terms).sum(0)


def _check_sizes(modalities: int, anchor: int, raw_widths: Sequence[int]) -> None:
    if modalities < 2:
        raise ValueError(
            f"modalities={modalities}: ithp reconstructs other modalities from its "
            "anchor; use two or more"
        )
    if not 0 <= anchor < modalities:
        raise ValueError(
            f"anchor={anchor}: no such modality; choose 0 to {modalities - 1}"
        )
    if len(raw_widths) != modalities:
        raise ValueError(
            f"raw_widths={tuple(raw_widths)}: got {len(raw_widths)} for {modalities} "
            "modalities; give one per modality, the anchor's included"
        )


def _check_raw(raw: Sequence[Tensor], widths: tuple[int, ...]) -> None:
    found = tuple(values.shape[-1] for values in raw)
    if found != widths:
        raise ValueError(
            f"raw: got features of widths {found} but raw_widths={widths}; "
            "build ithp with the widths of its data"
        )
