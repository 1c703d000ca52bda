"""MMIM: a fused vector that keeps information about every modality."""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from repro.models.fusions.interface import (
    SITES,
    FusionInput,
    FusionOutput,
    FusionShape,
    checked_anchor,
    weighted,
)
from repro.models.layers.modality import ModalityLinear
from repro.models.layers.pooling import row_mean, side_by_side, token_mean
from repro.models.layers.stacked import Generators, StackedLinear, dropout
from repro.params.strict import Count, NotNegative, Positive, Rate, Strict

VARIANCE_FLOOR = 1e-4

_PerModality = Float[Tensor, "seeds modalities batch width"]


class GaussianLikelihood(nn.Module):
    """A normal distribution of every other modality, given the anchor.

    Source: Han et al. 2021, the bound of Barber and Agakov; two layers with ReLU for
    the mean and two for the log variance.
    Departure: the released code leaves the term -1/2 log variance out, and then a
    larger variance always looks better; here it is the log-likelihood (up to a
    constant). A variance is at least 1e-4, since the likelihood of a constant modality
    has no upper bound.
    """

    def __init__(self, seeds: int, others: int, width: int):
        super().__init__()
        # The networks of all means come first, then those of all log variances.
        self.first = ModalityLinear(seeds, 2 * others, width, width)
        self.second = ModalityLinear(seeds, 2 * others, width, width)
        self.others = others

    def forward(
        self,
        anchor: Float[Tensor, "seeds batch width"],
        others: Float[Tensor, "seeds others batch width"],
    ) -> Float[Tensor, "seeds others batch"]:
        x = anchor[:, None, :, None].expand(-1, 2 * self.others, -1, -1, -1)
        out = self.second(torch.relu(self.first(x))).squeeze(3)
        mean, log_variance = out.chunk(2, 1)
        floor = log_variance.new_full((), math.log(VARIANCE_FLOOR))
        log_variance = torch.logaddexp(log_variance, floor)
        distance = (others - mean).square() * torch.exp(-log_variance)
        return -0.5 * (distance + log_variance).sum(-1)


def contrast_loss(
    predicted: _PerModality,
    values: _PerModality,
    rows: Bool[Tensor, "seeds modalities batch"],
) -> Float[Tensor, "seeds modalities"]:
    """Contrastive predictive coding over the rows that count; zero where none does.

    Source: Han et al. 2021: both sides of unit length, the other rows of the batch are
    the negatives, no temperature.

    >>> alike = torch.ones(1, 1, 4, 3)
    >>> loss = contrast_loss(alike, alike, torch.ones(1, 1, 4, dtype=torch.bool))
    >>> torch.allclose(loss, torch.tensor(4.0).log())
    True
    """
    scores = _unit(values) @ _unit(predicted).transpose(2, 3)
    positive = scores.diagonal(dim1=2, dim2=3)
    lowest = torch.finfo(scores.dtype).min
    negatives = scores.masked_fill(~rows.unsqueeze(2), lowest).logsumexp(3)
    return row_mean(negatives - positive, rows)


def _unit(x: _PerModality) -> _PerModality:
    # The constant keeps the gradient of a vector of zeros small and finite.
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + 1e-8)


def class_rows(
    targets: Float[Tensor, "seeds batch"], outputs: int
) -> Bool[Tensor, "seeds classes batch"]:
    """Rows of every class: above and below zero for one output, else the class number.

    >>> class_rows(torch.tensor([[-1.5, 0.0, 2.0]]), 1)[0].tolist()
    [[False, False, True], [True, False, False]]
    """
    if outputs == 1:
        return torch.stack([targets > 0, targets < 0], 1)
    classes = torch.arange(outputs, device=targets.device)
    return targets.unsqueeze(1) == classes.unsqueeze(1)


def class_entropy(
    values: Float[Tensor, "seeds others batch features"],
    rows: Bool[Tensor, "seeds others classes batch"],
    shrinkage: float,
) -> Float[Tensor, "seeds others"]:
    """Half the log determinant of the covariance within a class, mean over classes.

    Up to constants this is the entropy of normal distributions. A class with fewer
    than two rows adds zero to the mean.

    Source: Han et al. 2021; with two classes, 1/4 (logdet + logdet).
    Departure: `shrinkage` is added to the diagonal, without which a class with fewer
    rows than features has no finite value; no rows of earlier batches are kept.
    """
    count = rows.sum(-1)
    share = rows.to(values.dtype) / count.clamp(min=1).unsqueeze(-1)
    centered = values.unsqueeze(2) - (share @ values).unsqueeze(3)
    covariance = (centered * share.unsqueeze(-1)).transpose(3, 4) @ centered
    diagonal = torch.eye(values.shape[-1], dtype=values.dtype, device=values.device)
    logdet = torch.linalg.slogdet(covariance + shrinkage * diagonal).logabsdet
    return torch.where(count >= 2, logdet, 0.0).mean(2) / 2


class MMIM(nn.Module):
    """Two tanh layers over the pooled modalities, and bounds on mutual information.

    `losses`, in training alone, each to be minimized:
    `likelihood`: minus the log-likelihood of every other modality given the anchor,
    over rows where both are present, summed over the others.
    `contrast`: contrastive predictive coding from the fused vector to every modality,
    over rows where it is present, summed over modalities.
    `entropy`: minus the entropy of every other modality within its classes, summed;
    left out where the input has no targets.

    A trainer minimizes `auxiliary_loss` over `auxiliary_parameters()` in a phase of its
    own, and everything over the other parameters afterwards. No loss cuts the gradient:
    in the second phase it passes through the likelihood networks to the tokens.

    Weights multiply a modality's pooled vector ahead of the fusing layers. At
    `contribution` the losses see the modalities unweighted.

    Source: Han et al. 2021, and the released code for sizes and the entropy projection.
    Departure: the likelihood has its variance term (see `GaussianLikelihood`), the
    entropy has shrinkage and no memory; the anchor, the number of modalities and class
    labels are general.
    Raises:
        ValueError: fewer than two modalities, no such anchor, or a shrinkage that is
            not positive.
    """

    class Sizes(Strict):
        """Hidden units, dropout, weights of the losses, rate of the first phase."""

        hidden: Count
        dropout: Rate
        likelihood: NotNegative
        contrast: NotNegative
        entropy: NotNegative
        lr: Positive

        @property
        def loss_weights(self) -> dict[str, float]:
            """What the losses are multiplied with."""
            return {name: getattr(self, name) for name in MMIM.losses}

    tokens = ("last_state",)
    weight_sites = SITES
    needs_text = "somewhere"
    reads_raw = False
    losses = ("likelihood", "contrast", "entropy")
    no_experts: ClassVar = {
        "any": "relates all rows of a batch, and those before, in its losses: masked "
        "rows among them would change what it estimates"
    }
    auxiliary_loss = "likelihood"

    def __init__(self, shape: FusionShape, sizes: Sizes, *, shrinkage: float = 1e-3):
        super().__init__()
        if shrinkage <= 0:
            raise ValueError(
                f"shrinkage={shrinkage}: a class of equal rows needs more than 0; use "
                "0.001"
            )
        self.anchor = checked_anchor("MMIM", shape)
        seeds, modalities, width = shape.seeds, shape.modalities, shape.width
        hidden, others = sizes.hidden, modalities - 1
        self.first = StackedLinear(seeds, modalities * width, hidden)
        self.second = StackedLinear(seeds, hidden, hidden)
        self.head = StackedLinear(seeds, hidden, shape.outputs)
        self.prediction = ModalityLinear(seeds, modalities, hidden, width)
        self.likelihood = GaussianLikelihood(seeds, others, width)
        self.projection = ModalityLinear(seeds, others, width, max(width // 4, 1))
        self.others = [m for m in range(modalities) if m != self.anchor]
        self.outputs = shape.outputs
        self.rate = sizes.dropout
        self.shrinkage = shrinkage

    def auxiliary_parameters(self) -> list[nn.Parameter]:
        """Parameters of the likelihood networks and of the entropy projection.

        As released, `likelihood` gives the projection no gradient and the main phase
        does not train it: it keeps its random start.
        """
        return [*self.likelihood.parameters(), *self.projection.parameters()]

    def forward(self, inputs: FusionInput) -> FusionOutput:
        pooled = token_mean(inputs.tokens, inputs.mask)
        joined = side_by_side(weighted(pooled, inputs.weights))
        fused = self._fused(joined, inputs.generators)
        return FusionOutput(
            logits=self.head(fused),
            fused=fused,
            losses=self._losses(pooled, fused, inputs),
            gates={},
        )

    def _fused(
        self,
        joined: Float[Tensor, "seeds batch joined"],
        generators: Generators | None,
    ) -> Float[Tensor, "seeds batch hidden"]:
        x = torch.tanh(self.first(dropout(joined, self.rate, generators)))
        return torch.tanh(self.second(x))

    def _losses(
        self,
        pooled: _PerModality,
        fused: Float[Tensor, "seeds batch hidden"],
        inputs: FusionInput,
    ) -> Mapping[str, Float[Tensor, " seeds"]]:
        if inputs.generators is None:
            return {}
        present = inputs.mask.any(3)
        anchor, others = pooled[:, self.anchor], pooled[:, self.others]
        there = present[:, self.others]
        both = there & present[:, self.anchor].unsqueeze(1)
        given = row_mean(self.likelihood(anchor, others), both)
        source = fused[:, None, :, None].expand(-1, pooled.shape[1], -1, -1, -1)
        contrast = contrast_loss(self.prediction(source).squeeze(3), pooled, present)
        losses = {"likelihood": -given.sum(1), "contrast": contrast.sum(1)}
        if inputs.targets is not None:
            rows = class_rows(inputs.targets, self.outputs).unsqueeze(1)
            projected = torch.tanh(self.projection(others.unsqueeze(3)).squeeze(3))
            entropy = class_entropy(projected, rows & there[:, :, None], self.shrinkage)
            losses["entropy"] = -entropy.sum(1)
        return losses


FUSION = MMIM
