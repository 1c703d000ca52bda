"""A small MMIM, inputs as in training, and the model in plain loops."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from repro.models.fusions.interface import FusionInput
from repro.models.fusions.mmim import MMIM, VARIANCE_FLOOR
from tests.repro.models.fusions.fusion_cases import BATCH, SEEDS, WIDTH, random_input

WIDE = 8  # so that the entropy projection has more than one feature


def generators() -> list[torch.Generator]:
    """One per seed."""
    return [torch.Generator().manual_seed(s) for s in range(SEEDS)]


def training_input(modalities: int, outputs: int, width: int = WIDTH) -> FusionInput:
    """As in training, in float64; padding rows, absent parts, and some labels of 0."""
    inputs = random_input(modalities, 3)
    draw = torch.Generator().manual_seed(modalities)
    tokens = torch.randn(*inputs.tokens.shape[:-1], width, generator=draw).double()
    mask = inputs.mask.clone()
    mask[:, :, -1] = False
    targets = torch.randint(-1, 2, (SEEDS, BATCH), generator=draw)
    if outputs > 1:
        targets = torch.randint(0, outputs, (SEEDS, BATCH), generator=draw)
    return replace(
        inputs,
        tokens=tokens,
        mask=mask,
        targets=targets.double(),
        generators=generators(),
    )


def plain_pooled(inputs: FusionInput, s: int, b: int) -> list[Tensor | None]:
    """Per modality the mean of its tokens in one sample; None where it is absent."""
    pooled: list[Tensor | None] = []
    for tokens, mask in zip(inputs.tokens[s, :, b], inputs.mask[s, :, b], strict=True):
        pooled.append(tokens[mask].mean(0) if mask.any() else None)
    return pooled


def affine(x: Tensor, owner: nn.Module, *index: int) -> Tensor:
    """The affine map at one place of the stack."""
    return x @ owner.weight[index] + owner.bias[index]


def plain_fused(fusion: MMIM, inputs: FusionInput, s: int, b: int) -> Tensor:
    """The fused vector of one sample of one seed, without dropout."""
    parts = []
    for m, x in enumerate(plain_pooled(inputs, s, b)):
        weight = 1.0 if inputs.weights is None else inputs.weights[s, b, m]
        parts.append(inputs.tokens.new_zeros(WIDE) if x is None else weight * x)
    hidden = torch.tanh(affine(torch.cat(parts), fusion.first, s))
    return torch.tanh(affine(hidden, fusion.second, s))


def plain_likelihood(fusion: MMIM, inputs: FusionInput, s: int) -> Tensor:
    """Minus the mean log-likelihood, summed over the other modalities."""
    nets, count = fusion.likelihood, len(fusion.others)
    total = torch.zeros(()).double()
    for n, m in enumerate(fusion.others):
        values = []
        for b in range(inputs.tokens.shape[2]):
            pooled = plain_pooled(inputs, s, b)
            anchor, other = pooled[fusion.anchor], pooled[m]
            if anchor is None or other is None:
                continue
            mean, log_variance = (
                affine(torch.relu(affine(anchor, nets.first, s, i)), nets.second, s, i)
                for i in (n, count + n)
            )
            variance = log_variance.exp() + VARIANCE_FLOOR
            log_density = -((other - mean) ** 2) / (2 * variance) - variance.log() / 2
            values.append(log_density.sum())
        if values:
            total = total - torch.stack(values).mean()
    return total


def plain_contrast(fusion: MMIM, inputs: FusionInput, s: int) -> Tensor:
    """In-batch contrast of every modality, one pair of rows after the other."""
    total = torch.zeros(()).double()
    for m in range(inputs.tokens.shape[1]):
        pairs = []
        for b in range(inputs.tokens.shape[2]):
            x = plain_pooled(inputs, s, b)[m]
            if x is not None:
                found = affine(
                    plain_fused(fusion, inputs, s, b), fusion.prediction, s, m
                )
                pairs.append([v / (v @ v + 1e-8).sqrt() for v in (x, found)])
        for x, found in pairs:
            negatives = torch.stack([(x @ other).exp() for _, other in pairs]).sum()
            total = total - (x @ found - negatives.log()) / len(pairs)
    return total


def plain_entropy(fusion: MMIM, inputs: FusionInput, s: int) -> Tensor:
    """Minus half the log determinants, mean over classes and summed over modalities."""
    assert inputs.targets is not None
    labels = inputs.targets[s].tolist()
    classes = range(fusion.outputs)
    if fusion.outputs == 1:
        labels, classes = [(y > 0) - (y < 0) for y in labels], (1, -1)
    total = torch.zeros(()).double()
    for n, m in enumerate(fusion.others):
        for c in classes:
            own = [
                plain_pooled(inputs, s, b)[m] for b, y in enumerate(labels) if y == c
            ]
            rows = [
                torch.tanh(affine(x, fusion.projection, s, n))
                for x in own
                if x is not None
            ]
            if len(rows) < 2:
                continue
            covariance = torch.cov(torch.stack(rows).T, correction=0)
            covariance = covariance + fusion.shrinkage * torch.eye(WIDE // 4)
            total = total - torch.logdet(covariance) / (2 * len(classes))
    return total


PLAIN_LOSSES = {
    "likelihood": plain_likelihood,
    "contrast": plain_contrast,
    "entropy": plain_entropy,
}
