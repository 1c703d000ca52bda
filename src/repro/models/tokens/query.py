"""Clinical tokens: every modality at the same query times of the observation window."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from repro.models.batch import Batch, Inputs
from repro.models.layers.stacked import Generators
from repro.models.tokens.mtand import TimeAttention, TimeEmbedding, TimeSeriesEncoder
from repro.params.presets import Query


class QueryTokens(nn.Module):
    """Attention over the irregular rows of each modality, from common query times.

    A modality that also comes as an hourly grid is a time series: its columns are
    values, then their masks. All modalities share one embedding of time.

    Source: FuseMoE section 3.1 ("unified temporal discretization"); restated in words.
    """

    def __init__(self, seeds: int, inputs: Inputs, sizes: Query):
        super().__init__()
        self.embedding = TimeEmbedding(seeds, sizes.time_embedding)
        self.encoders = nn.ModuleList(
            _encoder(seeds, values.features, grid is not None, self.embedding, sizes)
            for values, grid in zip(inputs.values, inputs.hourly, strict=True)
        )

    def forward(
        self, batch: Batch, generators: Generators | None = None
    ) -> Float[Tensor, "seeds modalities batch time width"]:
        made = []
        for m, encoder in enumerate(self.encoders):
            values, times, grid = batch.values[m], batch.times[m], batch.hourly[m]
            if times is None:
                raise ValueError(
                    f"modality {m} has no times; query tokens need features with times"
                )
            there = _rows(batch, m, values.shape[2])
            if grid is None:
                made.append(encoder(values, times, there, generators))
                continue
            variables = values.shape[3] // 2
            observed = (values[..., variables:] > 0) & there.unsqueeze(3)
            values = values[..., :variables]
            made.append(encoder(values, times, observed, grid, generators))
        return torch.stack(made, 1)


def _rows(batch: Batch, m: int, time: int) -> Bool[Tensor, "seeds batch time"]:
    """Rows that a present modality really has."""
    column = torch.arange(time, device=batch.lengths.device)
    kept = batch.lengths[..., m] * batch.present[..., m]
    return column < kept.unsqueeze(2)


def _encoder(
    seeds: int,
    columns: int,
    is_series: bool,
    embedding: TimeEmbedding,
    sizes: Query,
) -> nn.Module:
    if is_series:
        return TimeSeriesEncoder(
            seeds,
            columns // 2,
            sizes.width,
            queries=sizes.query_times,
            heads=sizes.heads,
            embedding=embedding,
            gate_dropout=sizes.dropout,
            attention_dropout=sizes.attention_dropout,
        )
    return TimeAttention(
        seeds,
        columns,
        sizes.width,
        queries=sizes.query_times,
        heads=sizes.heads,
        embedding=embedding,
        attention_dropout=sizes.attention_dropout,
    )
