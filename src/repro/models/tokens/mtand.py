"""Attention over time for irregular series: a fixed set of times asks what was seen.

Every modality becomes tokens at the same query times, however many rows it has and
whenever they were taken.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn

from repro.models.layers.stacked import StackedLinear, dropout, stacked_parameter

# Below this sum of exponentials a feature is averaged anew from its own maximum.
FAINT = 1e-20
RELEASED_QUERIES = 48  # one an hour


def _frequencies(values: Tensor, generator: Generator) -> None:
    draws = torch.randn(values.shape, generator=generator, device=generator.device)
    values.copy_(draws.mul_(2 * math.pi))
    values[0] = 1.0


def _phases(values: Tensor, generator: Generator) -> None:
    draws = torch.rand(values.shape, generator=generator, device=generator.device)
    values.copy_(draws.mul_(2 * math.pi))


class TimeEmbedding(nn.Module):
    """A time as one affine number and sines of learned frequency and phase.

    Modalities may share one embedding: pass the same module to their encoders.

    Source: mTAND (Shukla and Marlin 2021), eq. (1).
    Departure: the released code starts with frequencies below 1 radian per window,
    which can hardly tell two hours apart; here their standard deviation is one turn.
    Shape: `(seeds, ...)` to `(seeds, ..., size)`.
    Units: times are shares of the observation window, 0 to 1.

    >>> from repro.models.layers.stacked import initialize
    >>> embedding = TimeEmbedding(1, 8)
    >>> initialize(embedding, [torch.Generator().manual_seed(0)])
    >>> embedding(torch.zeros(1, 5)).shape
    torch.Size([1, 5, 8])
    """

    def __init__(self, seeds: int, size: int):
        super().__init__()
        self.frequency = stacked_parameter(seeds, size)
        self.phase = stacked_parameter(seeds, size)
        self.initializers = {"frequency": _frequencies, "phase": _phases}

    def forward(
        self, times: Float[Tensor, " seeds *rows"]
    ) -> Float[Tensor, "seeds *rows size"]:
        seeds, size = self.frequency.shape
        shape = (seeds, *(1,) * (times.dim() - 1), size)
        angle = torch.addcmul(
            self.phase.view(shape), times.unsqueeze(-1), self.frequency.view(shape)
        )
        return torch.cat([angle[..., :1], angle[..., 1:].sin()], -1)


def masked_averages(
    scores: Float[Tensor, "groups time targets"],
    values: Float[Tensor, "groups time features"],
    mask: Bool[Tensor, "groups time masks"],
    scale: Float[Tensor, "groups time targets"] | None = None,
) -> Float[Tensor, "groups targets columns"]:
    """Softmax averages over time of every feature under its own mask.

    The columns are the averages of the features, then of the masks themselves (1
    where anything was observed, 0 else, apart from dropout). One mask serves all
    features, or each feature has its own. `scale` multiplies the weights (dropout).
    What is stored where the mask is False has no influence, NaN included.

    The weights of a feature are a softmax over its own observations. They share the
    exponentials E = exp(score - max), so the averages are (E (m v)) / (E m), 0 where
    E m is 0, and no tensor holds time, targets and features at once. The maximum is
    that of the rows where anything was observed; a group with a feature whose own
    scores lie so far below it that E m is under `FAINT` is averaged feature by feature.

    >>> scores, values = torch.zeros(1, 2, 1), torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    >>> mask = torch.tensor([[[True, True], [True, False]]])
    >>> masked_averages(scores, values, mask).tolist()
    [[[2.0, 2.0, 1.0, 1.0]]]
    """
    kept = mask.to(values.dtype)
    values = values.masked_fill(~mask, 0.0)
    given, scores = scores, scores.masked_fill(~mask.any(2, keepdim=True), -torch.inf)
    highest = scores.detach().amax(1, keepdim=True).clamp(min=-1e30)
    shares = scores.sub_(highest).exp_().transpose(1, 2)
    totals = torch.bmm(shares, kept)
    is_faint = totals.detach() < FAINT
    divisors = totals.masked_fill(is_faint, 1.0)
    is_observed = mask.any(1)
    if scale is None:
        seen = is_observed.to(values.dtype).unsqueeze(1).expand_as(totals)
    else:
        shares = shares * scale.transpose(1, 2)
        seen = torch.bmm(shares, kept) / divisors
    if kept.shape[2] == 1:
        averages = torch.bmm(shares / divisors, values)
    else:
        averages = torch.bmm(shares, values) / divisors
    averages = torch.cat([averages, seen], 2)
    again = (is_faint.any(1) & is_observed).any(1).nonzero().squeeze(1)
    if len(again) == 0:
        return averages
    part = None if scale is None else scale[again]
    columns = torch.cat([values, kept], 2)[again]
    anew = _averages_by_feature(given[again], columns, mask[again], part)
    return averages.index_copy(0, again, anew)


def _averages_by_feature(
    scores: Tensor, columns: Tensor, mask: Tensor, scale: Tensor | None
) -> Tensor:
    own = scores.unsqueeze(3).masked_fill(~mask.unsqueeze(2), -1e30).softmax(1)
    own = own * mask.unsqueeze(2)
    if scale is not None:
        own = own * scale.unsqueeze(3)
    parts = columns.unflatten(2, (-1, mask.shape[2]))
    return torch.einsum("gtqm,gtrm->gqrm", own, parts).flatten(2)


def query_times(queries: int) -> Float[Tensor, " queries"]:
    """When tokens are asked for: evenly from start to end, or in the middle of bins.

    Departure: the released code spreads 48 times from start to end, and so does this;
    fewer stand in the middle of as many equal bins, where the averages of an hourly
    grid belong that a gate mixes with them. Undone by `query_times: 48`.
    Units: shares of the observation window, 0 to 1.

    >>> query_times(4).tolist()
    [0.125, 0.375, 0.625, 0.875]
    """
    if queries >= RELEASED_QUERIES:
        return torch.linspace(0.0, 1.0, queries)
    return (torch.arange(queries) + 0.5) / queries


class TimeAttention(nn.Module):
    """Tokens at `queries` times of the window (`query_times`).

    Each head scores every query time against every observation time through learned
    maps of their embeddings; the averages of all heads go through one affine map. With
    `mask_in_values` the values are joined by their masks (time series).

    Source: FuseMoE section 3.1, mTAND (Shukla and Marlin 2021); restated in words.
    Departure: the map of the keys has no bias, which a softmax over keys cancels;
    attention dropout drops a weight for all features together.
    Shape: values `(seeds, batch, time, features)`, times `(seeds, batch, time)`, mask
    `(seeds, batch, time)` or, one per feature, the shape of the values; result
    `(seeds, batch, queries, width)`.
    Units: times are shares of the observation window, 0 to 1.
    Raises:
        ValueError: the heads do not divide the size of the embedding.
    """

    times: Tensor

    def __init__(
        self,
        seeds: int,
        features: int,
        width: int,
        *,
        queries: int,
        heads: int,
        embedding: TimeEmbedding,
        mask_in_values: bool = False,
        attention_dropout: float = 0.0,
    ):
        super().__init__()
        size = embedding.frequency.shape[1]
        if size % heads:
            raise ValueError(
                f"heads: got {heads} for a time embedding of size {size}; take a "
                "number that divides it"
            )
        self.embedding = embedding
        self.to_query = StackedLinear(seeds, size, size)
        self.to_key = StackedLinear(seeds, size, size, bias=False)
        columns = 2 * features if mask_in_values else features
        self.output = StackedLinear(seeds, heads * columns, width)
        times = query_times(queries).expand(seeds, -1)
        self.register_buffer("times", times, persistent=False)
        self.heads, self.columns = heads, columns
        self.attention_dropout = attention_dropout

    def forward(
        self,
        values: Float[Tensor, "seeds batch time features"],
        times: Float[Tensor, "seeds batch time"],
        mask: Bool[Tensor, "seeds batch time"] | Bool[Tensor, "seeds batch time f"],
        generators: Sequence[Generator] | None = None,
    ) -> Float[Tensor, "seeds batch queries width"]:
        mask = mask.unsqueeze(3) if mask.dim() == 3 else mask
        scores = self._scores(times.masked_fill(~mask.any(3), 0.0))
        scale = None
        if generators is not None and self.attention_dropout > 0.0:
            ones = torch.ones_like(scores, requires_grad=False)
            scale = dropout(ones, self.attention_dropout, generators).flatten(0, 1)
        averages = masked_averages(
            scores.flatten(0, 1), values.flatten(0, 1), mask.flatten(0, 1), scale
        )
        own = averages[..., : self.columns]  # (seeds batch, queries heads, columns)
        shape = (*times.shape[:2], self.times.shape[1], self.heads * self.columns)
        return self.output(own.reshape(shape))

    def _scores(
        self, times: Float[Tensor, "seeds batch time"]
    ) -> Float[Tensor, "seeds batch time targets"]:
        """Score of every observation for every query and head, queries outermost."""
        keys = self.embedding(times)
        size = keys.shape[-1]
        each = size // self.heads
        queries = self.to_query(self.embedding(self.times)).unflatten(2, (-1, each))
        maps = self.to_key.weight.unflatten(2, (-1, each))
        # The map of the keys is joined to the few queries, not to the many keys.
        joint = torch.einsum("sqhd,sehd->seqh", queries, maps) / math.sqrt(each)
        targets = joint.flatten(2)
        scores = torch.bmm(keys.flatten(1, 2), targets)
        return scores.view(*times.shape, -1)


class TimeSeriesEncoder(nn.Module):
    """Tokens of a time series from its irregular rows and its hourly grid.

    One gate per instance, from the maxima over time of both, mixes attention over the
    irregular rows with an affine map of the grid: g irregular + (1 - g) regular. The
    grid holds values and masks of every hour; its hours are averaged into as many
    equal bins as there are queries. An instance without any observation reads nothing
    of the grid.

    Source: FuseMoE section 3.1 ("mix-up"); restated in words.
    Raises:
        ValueError: the queries do not divide the hours.
    """

    def __init__(
        self,
        seeds: int,
        features: int,
        width: int,
        *,
        queries: int,
        heads: int,
        embedding: TimeEmbedding,
        hours: int = 48,
        gate_dropout: float = 0.0,
        attention_dropout: float = 0.0,
    ):
        super().__init__()
        if hours % queries:
            raise ValueError(
                f"queries: got {queries} for a grid of {hours} hours; take a number "
                "that divides the hours"
            )
        self.irregular = TimeAttention(
            seeds,
            features,
            width,
            queries=queries,
            heads=heads,
            embedding=embedding,
            mask_in_values=True,
            attention_dropout=attention_dropout,
        )
        self.regular = StackedLinear(seeds, 2 * features, width, bias=False)
        self.gate_hidden = StackedLinear(seeds, 2 * width, width)
        self.gate = StackedLinear(seeds, width, 1)
        self.queries, self.gate_dropout = queries, gate_dropout

    def forward(
        self,
        values: Float[Tensor, "seeds batch time features"],
        times: Float[Tensor, "seeds batch time"],
        mask: Bool[Tensor, "seeds batch time features"],
        grid: Float[Tensor, "seeds batch hours columns"],
        generators: Sequence[Generator] | None = None,
    ) -> Float[Tensor, "seeds batch queries width"]:
        irregular = self.irregular(values, times, mask, generators)
        is_empty = ~mask.flatten(2).any(2)
        grid = grid.masked_fill(is_empty[..., None, None], 0.0)
        bins = grid.unflatten(2, (self.queries, -1)).mean(3)
        regular = self.regular(bins)
        highest = torch.cat([irregular.amax(2), regular.amax(2)], 2)
        hidden = self.gate_hidden(dropout(highest, self.gate_dropout, generators))
        share = torch.sigmoid(self.gate(torch.relu(hidden))).unsqueeze(3)
        return regular + share * (irregular - regular)
