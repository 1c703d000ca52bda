"""A small ITHP, inputs as in training, and the model in plain loops."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.models.fusions.interface import FusionInput
from repro.models.fusions.ithp import ITHP
from repro.models.layers.stacked import normal_draws
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    RAW_WIDTHS,
    SEEDS,
    WIDTH,
    random_input,
)


def generators() -> list[torch.Generator]:
    """One per seed."""
    return [torch.Generator().manual_seed(s) for s in range(SEEDS)]


def training_input(modalities: int) -> FusionInput:
    """As in training, in float64, with absent parts and one padding row."""
    inputs = random_input(modalities, 3)
    mask = inputs.mask.clone()
    mask[:, 0, 1] = False
    mask[:, :, -1] = False
    draw = torch.Generator().manual_seed(8)
    raw = [
        torch.randn(SEEDS, BATCH, d, generator=draw).double()
        for d in RAW_WIDTHS[:modalities]
    ]
    raw = [r * mask.any(3)[:, m, :, None] for m, r in enumerate(raw)]
    return replace(
        inputs,
        tokens=inputs.tokens.double(),
        mask=mask,
        raw=raw,
        generators=generators(),
    )


def affine(x: Tensor, owner: nn.Module, s: int) -> Tensor:
    """The affine map of one seed."""
    return x @ owner.weight[s] + owner.bias[s]


def two_layers(x: Tensor, pair: nn.ModuleList, s: int) -> Tensor:
    """Affine, ReLU, affine."""
    return affine(torch.relu(affine(x, pair[0], s)), pair[1], s)


def plain_anchor(fusion: ITHP, inputs: FusionInput, s: int, b: int) -> Tensor:
    """Mean of the anchor's tokens in one sample; zeros where there is none."""
    tokens = inputs.tokens[s, fusion.anchor, b][inputs.mask[s, fusion.anchor, b]]
    return tokens.mean(0) if len(tokens) else inputs.tokens.new_zeros(WIDTH)


def plain_chain(
    fusion: ITHP, x: Tensor, s: int, noise: list[Tensor]
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Mean, log variance and sample of every stage of one sample."""
    states = []
    for stage, own in zip(fusion.stages, noise, strict=True):
        both = two_layers(x, stage.encoder, s)
        mean, log_variance = both[: len(both) // 2], both[len(both) // 2 :]
        x = mean + own * (log_variance / 2).exp()
        states.append((mean, log_variance, x))
    return states


def plain_logits(fusion: ITHP, x: Tensor, last: Tensor, s: int) -> Tensor:
    """Head of one sample, without dropout."""
    shifted = x + fusion.shift * affine(last, fusion.expansion, s)
    scale, shift = fusion.norm.scale[s, 0], fusion.norm.shift[s, 0]
    normal = functional.layer_norm(shifted, (len(x),), scale, shift)
    return affine(torch.tanh(affine(normal, fusion.pooler, s)), fusion.head, s)


def plain_noise(fusion: ITHP, batch: int) -> list[Tensor]:
    """What the stages of one call draw, `(seeds, batch, size)` each."""
    own = generators()
    sizes = [stage.decoder[0].weight.shape[1] for stage in fusion.stages]
    return [normal_draws(torch.zeros(SEEDS, batch, d).double(), own) for d in sizes]


def plain_loss(
    fusion: ITHP, inputs: FusionInput, s: int, noise: list[Tensor]
) -> Tensor:
    """Sum over stages of lambda^i (divergence + factor * squared error)."""
    present = inputs.mask[s].any(2)
    total = torch.zeros(()).double()
    factors = [8.0, 32.0, 32.0]
    for i, m in enumerate(fusion.targets):
        divergences, errors = [], []
        for b in torch.where(present[fusion.anchor])[0].tolist():
            x = plain_anchor(fusion, inputs, s, b)
            mean, log_variance, sample = plain_chain(
                fusion, x, s, [n[s, b] for n in noise]
            )[i]
            terms = [
                (mu**2 + lv.exp() - 1 - lv) / 2
                for mu, lv in zip(mean, log_variance, strict=True)
            ]
            divergences.append(sum(terms) / len(terms))
            if present[m, b]:
                found = two_layers(sample, fusion.stages[i].decoder, s)
                errors.append(((found - inputs.raw[m][s, b]) ** 2).mean())
        if divergences:
            total = total + 0.3**i * torch.stack(divergences).mean()
        if errors:
            total = total + 0.3**i * factors[i] * torch.stack(errors).mean()
    return total
