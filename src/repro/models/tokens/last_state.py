"""Sentiment tokens: one per modality, from its last LSTM state or its text vector."""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from repro.models.batch import Batch, Inputs, Sequences
from repro.models.layers.stacked import StackedLinear
from repro.models.tokens.lstm import StackedLSTM, last_states
from repro.models.tokens.text import FineTunedText, FineTuning
from repro.params.presets import LastState


class SequenceEncoder(nn.Module):
    """Last LSTM state of a sequence, then an affine map.

    Source: MMIM (Han et al. 2021), the encoder that BTW inherits.
    """

    def __init__(self, seeds: int, inputs: int, hidden: int, outputs: int):
        super().__init__()
        self.lstm = StackedLSTM(seeds, inputs, hidden)
        self.output = StackedLinear(seeds, hidden, outputs)

    def forward(
        self, values: Float[Tensor, "seeds batch time features"], lengths: Tensor
    ) -> Float[Tensor, "seeds batch outputs"]:
        return encoded([self], [values], [lengths])[0]


def encoded(
    encoders: Iterable[nn.Module],
    values: Sequence[Float[Tensor, "seeds batch _time _features"]],
    lengths: Sequence[Int[Tensor, "seeds batch"]],
) -> list[Float[Tensor, "seeds batch _outputs"]]:
    """Output of every encoder; the sequence encoders share one loop over time."""
    triples = list(zip(encoders, values, lengths, strict=True))
    in_time = [
        (encoder.lstm, x, own)
        for encoder, x, own in triples
        if isinstance(encoder, SequenceEncoder)
    ]
    states = iter(
        last_states(
            [lstm for lstm, _, _ in in_time],
            [x for _, x, _ in in_time],
            [own for _, _, own in in_time],
        )
    )
    return [
        encoder.output(next(states))
        if isinstance(encoder, SequenceEncoder)
        else encoder(x, own)
        for encoder, x, own in triples
    ]


class VectorEncoder(nn.Module):
    """The one vector of a sample, as it is (text features)."""

    def forward(
        self, values: Float[Tensor, "seeds batch time features"], lengths: Tensor
    ) -> Float[Tensor, "seeds batch features"]:
        # Zero where there is none: a stored NaN would reach the gradient otherwise.
        return values[:, :, 0].masked_fill(lengths.unsqueeze(2) == 0, 0.0)


class Projection(nn.Module):
    """Two affine maps with a ReLU between, to the width of the fusion."""

    def __init__(self, seeds: int, inputs: int, width: int):
        super().__init__()
        self.first = StackedLinear(seeds, inputs, width)
        self.second = StackedLinear(seeds, width, width)

    def forward(
        self, x: Float[Tensor, "seeds batch inputs"]
    ) -> Float[Tensor, "seeds batch width"]:
        return self.second(torch.relu(self.first(x)))


class LastStateTokens(nn.Module):
    """An encoder and a projection per modality; one token each."""

    def __init__(
        self, seeds: int, inputs: Inputs, sizes: LastState, text: FineTuning | None
    ):
        super().__init__()
        built = [
            _encoder(seeds, name, values, sizes, text)
            for name, values in zip(inputs.names, inputs.values, strict=True)
        ]
        self.encoders = nn.ModuleList(encoder for encoder, _ in built)
        self.projections = nn.ModuleList(
            Projection(seeds, width, sizes.width) for _, width in built
        )

    def forward(
        self, batch: Batch, generators: object = None
    ) -> Float[Tensor, "seeds modalities batch 1 width"]:
        outputs = encoded(self.encoders, batch.values, batch.lengths.unbind(2))
        tokens = [
            projection(output)
            for projection, output in zip(self.projections, outputs, strict=True)
        ]
        return torch.stack(tokens, dim=1).unsqueeze(3)


def _encoder(
    seeds: int, name: str, values: Sequences, sizes: LastState, text: FineTuning | None
) -> tuple[nn.Module, int]:
    """The encoder of one modality and the width of what it gives."""
    if text is not None and name == text.modality:
        return FineTunedText(seeds, text), text.hidden
    if values.longest == 1:
        return VectorEncoder(), values.features
    sequence = SequenceEncoder(
        seeds, values.features, sizes.lstm_hidden, sizes.lstm_output
    )
    return sequence, sizes.lstm_output
