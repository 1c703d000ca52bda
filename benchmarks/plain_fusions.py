"""The fusions without attention for one seed, as plain loops over modalities."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.plain_model import Layer
from benchmarks.plain_parts import (
    PlainInput,
    PlainOutput,
    fill,
    linear_layers,
    mixture_sizes,
    token_mean,
)
from repro.models.fusions.early_fusion import EarlyFusion
from repro.models.fusions.ithp import ITHP, Bottleneck
from repro.models.fusions.late_fusion import LateFusion
from repro.models.fusions.low_rank import LowRankFusion
from repro.models.fusions.mmim import MMIM, VARIANCE_FLOOR, GaussianLikelihood
from repro.models.fusions.moe import MoEFusion
from repro.models.layers.heads import Head


def pooled_modalities(inputs: PlainInput) -> list[Tensor]:
    """The mean token of every modality."""
    return [token_mean(*own) for own in zip(inputs.tokens, inputs.mask, strict=True)]


def without_loss(logits: Tensor) -> PlainOutput:
    """The output of a fusion that has no auxiliary loss."""
    return PlainOutput(logits, logits.new_zeros(()))


def each_linear(weight: Tensor) -> nn.ModuleList:
    """One `nn.Linear` per modality of a stacked weight."""
    _, modalities, inputs, outputs = weight.shape
    return nn.ModuleList(nn.Linear(inputs, outputs) for _ in range(modalities))


class PlainHead(nn.Module):
    """Affine map, ReLU, affine map."""

    def __init__(self, source: Head):
        super().__init__()
        self.first = nn.Linear(*source.first.weight.shape[1:])
        self.last = nn.Linear(*source.last.weight.shape[1:])

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.relu(self.first(x)))


class PlainEarly(nn.Module):
    """An MLP on all modalities side by side."""

    def __init__(self, source: EarlyFusion, seed: int):
        super().__init__()
        self.head = PlainHead(source.head)
        fill(self, source, seed)

    def forward(self, inputs: PlainInput) -> PlainOutput:
        return without_loss(self.head(torch.cat(pooled_modalities(inputs), 1)))


class PlainLate(nn.Module):
    """The mean of the logits of the modalities that are present."""

    def __init__(self, source: LateFusion, seed: int):
        super().__init__()
        self.first = each_linear(source.first.weight)
        self.last = each_linear(source.last.weight)
        fill(self, source, seed)

    def forward(self, inputs: PlainInput) -> PlainOutput:
        total, count = torch.zeros(()), torch.zeros(())
        networks = zip(self.first, self.last, strict=True)
        for m, (x, (first, last)) in enumerate(
            zip(pooled_modalities(inputs), networks, strict=True)
        ):
            present = inputs.mask[m].any(1, keepdim=True)
            total = total + last(torch.relu(first(x))) * present
            count = count + present
        return without_loss(total / count.clamp(min=1))


class PlainLowRank(nn.Module):
    """Factor after factor, then the weighted sum over ranks."""

    def __init__(self, source: LowRankFusion, seed: int):
        super().__init__()
        self.factors = nn.ParameterList(torch.zeros_like(f) for f in source.factors[0])
        self.rank_weights = nn.Parameter(torch.zeros(source.rank_weights.shape[1:]))
        self.bias = nn.Parameter(torch.zeros(source.bias.shape[1:]))
        self.head = PlainHead(source.head)
        fill(self, source, seed)

    def forward(self, inputs: PlainInput) -> PlainOutput:
        product: Tensor | float = 1.0
        for m, x in enumerate(pooled_modalities(inputs)):
            factor = torch.cat([x.new_ones(len(x), 1), x], 1) @ self.factors[m]
            absent = ~inputs.mask[m].any(1)
            product = product * factor.masked_fill(absent[:, None], 1.0)
        fused = (product * self.rank_weights[:, :, None]).sum(0) + self.bias
        return without_loss(self.head(fused))


class PlainMoE(nn.Module):
    """Loops over modalities and experts; one token each, and every one counts."""

    def __init__(self, source: MoEFusion, seed: int):
        super().__init__()
        modalities, width = source.after_layers.scale.shape[1:]
        self.layers = nn.ModuleList(
            Layer(modalities, width, **mixture_sizes(own)) for own in source.layers
        )
        self.after_layers = nn.ModuleList(
            nn.LayerNorm(width) for _ in range(modalities)
        )
        self.head = linear_layers(source.head)
        self.scale = source.scale
        fill(self, source, seed)

    def forward(self, inputs: PlainInput) -> PlainOutput:
        x = [own[:, 0] * self.scale for own in inputs.tokens]
        balances = []
        for layer in self.layers:
            x, balance = layer(x, inputs.generator)
            balances.append(balance)
        normal = [norm(own) for norm, own in zip(self.after_layers, x, strict=True)]
        first, second, last = self.head
        hidden = torch.tanh(first(torch.cat(normal, 1)))
        logits = last(torch.tanh(second(hidden)))
        return PlainOutput(logits, torch.stack(balances).mean())


class PlainLikelihood(nn.Module):
    """Networks of the means of the other modalities, then of their log variances."""

    def __init__(self, source: GaussianLikelihood):
        super().__init__()
        self.first = each_linear(source.first.weight)
        self.second = each_linear(source.second.weight)

    def forward(self, anchor: Tensor, n: int, other: Tensor) -> Tensor:
        mean, log_variance = (
            self.second[i](torch.relu(self.first[i](anchor)))
            for i in (n, n + len(self.first) // 2)
        )
        variance = log_variance.exp() + VARIANCE_FLOOR
        return -((other - mean).square() / variance + variance.log()).sum(1) / 2


class PlainMMIM(nn.Module):
    """Loops over modalities, and over the two classes; every modality is present."""

    def __init__(self, source: MMIM, seed: int):
        super().__init__()
        self.first = nn.Linear(*source.first.weight.shape[1:])
        self.second = nn.Linear(*source.second.weight.shape[1:])
        self.head = nn.Linear(*source.head.weight.shape[1:])
        self.prediction = each_linear(source.prediction.weight)
        self.likelihood = PlainLikelihood(source.likelihood)
        self.projection = each_linear(source.projection.weight)
        self.anchor, self.others = source.anchor, source.others
        self.shrinkage = source.shrinkage
        fill(self, source, seed)

    def forward(self, inputs: PlainInput) -> PlainOutput:
        x = pooled_modalities(inputs)
        hidden = torch.tanh(self.first(torch.cat(x, 1)))
        fused = torch.tanh(self.second(hidden))
        loss = fused.new_zeros(())
        for own, network in zip(x, self.prediction, strict=True):
            loss = loss + contrast(own, network(fused))
        for n, m in enumerate(self.others):
            loss = loss - self.likelihood(x[self.anchor], n, x[m]).mean()
            projected = torch.tanh(self.projection[n](x[m]))
            for rows in (inputs.targets > 0, inputs.targets < 0):
                loss = loss - self.entropy(projected[rows]) / 2
        return PlainOutput(self.head(fused), loss)

    def entropy(self, rows: Tensor) -> Tensor:
        """Half the log determinant of the covariance of the rows of a class."""
        if len(rows) < 2:
            return rows.new_zeros(())
        covariance = torch.cov(rows.t(), correction=0)
        ridge = self.shrinkage * torch.eye(len(covariance), dtype=rows.dtype)
        return torch.logdet(covariance + ridge) / 2


def contrast(x: Tensor, predicted: Tensor) -> Tensor:
    """Cross-entropy of each row against the other rows of the batch."""
    x, predicted = (
        v / (v.square().sum(1, keepdim=True) + 1e-8).sqrt() for v in (x, predicted)
    )
    return functional.cross_entropy(x @ predicted.t(), torch.arange(len(x)))


class PlainBottleneck(nn.Module):
    """Two layers to a normal distribution, two from a draw to features."""

    def __init__(self, source: Bottleneck):
        super().__init__()
        self.encoder = linear_layers(source.encoder)
        self.decoder = linear_layers(source.decoder)

    def forward(self, x: Tensor, inputs: PlainInput) -> tuple[Tensor, Tensor, Tensor]:
        """A draw, the features it implies, and the divergence."""
        (enter, leave), (back, out) = self.encoder, self.decoder
        mean, log_variance = leave(torch.relu(enter(x))).chunk(2, 1)
        noise = torch.randn(mean.shape, generator=inputs.generator, dtype=mean.dtype)
        sample = mean + noise * torch.exp(log_variance / 2)
        terms = mean.square() + log_variance.exp() - 1 - log_variance
        return sample, out(torch.relu(back(sample))), terms.mean() / 2


class PlainITHP(nn.Module):
    """Stage after stage; every modality is present."""

    def __init__(self, source: ITHP, seed: int):
        super().__init__()
        width, outputs = source.head.weight.shape[1:]
        self.stages = nn.ModuleList(PlainBottleneck(own) for own in source.stages)
        self.expansion = nn.Linear(*source.expansion.weight.shape[1:])
        self.norm = nn.LayerNorm(width)
        self.pooler, self.head = nn.Linear(width, width), nn.Linear(width, outputs)
        self.anchor, self.targets = source.anchor, source.targets
        self.factors, self.decay = source.error_factors, source.decay
        self.shift = source.shift
        fill(self, source, seed)

    def forward(self, inputs: PlainInput) -> PlainOutput:
        m = self.anchor
        x = token_mean(inputs.tokens[m], inputs.mask[m])
        below, loss = x, x.new_zeros(())
        for i, (stage, m) in enumerate(zip(self.stages, self.targets, strict=True)):
            below, implied, divergence = stage(below, inputs)
            error = functional.mse_loss(implied, inputs.raw[m])
            loss = loss + self.decay**i * (divergence + self.factors[i] * error)
        fused = self.norm(x + self.shift * self.expansion(below))
        return PlainOutput(self.head(torch.tanh(self.pooler(fused))), loss)
