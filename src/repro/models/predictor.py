"""The whole model: encoders per modality, projection, missing modalities, fusion."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from repro.models.batch import Batch, Inputs
from repro.models.fusion import FusionInput, FusionOutput
from repro.models.lstm import StackedLSTM, last_states
from repro.models.moe import MoEFusion
from repro.models.stacked import (
    Generators,
    StackedLinear,
    initialize,
    stacked_parameter,
    xavier_normal,
)
from repro.models.text import FineTunedText, FineTuning
from repro.params import Model


@dataclass(frozen=True)
class Architecture:
    """Everything that decides the model's shape."""

    model: Model
    experts: int
    top_k: int
    missing: str = "mask"
    weight_site: str = "contribution"
    log_space_experts: bool = False
    text: FineTuning | None = None


@dataclass(frozen=True)
class Randomness:
    """Generators of one pass, one per seed; None switches that randomness off."""

    dropout: Sequence[Generator] | None = None
    router: Sequence[Generator] | None = None


EVALUATION = Randomness()


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


class AbsentTokens(nn.Module):
    """A learned token per seed and modality, put where that modality is absent."""

    def __init__(self, seeds: int, modalities: int, width: int):
        super().__init__()
        self.tokens = stacked_parameter(seeds, modalities, width)
        self.initializers = {"tokens": xavier_normal}


class Predictor(nn.Module):
    """Encoders, projections and MoE fusion for `seeds` models side by side.

    Missing modalities: `mask` takes them out of routing, pooling and balance loss,
    `zero` puts a zero token (as published), `embedding` a learned token that is never
    scaled. Whatever an absent modality stores cannot change an output.
    """

    def __init__(self, seeds: int, inputs: Inputs, architecture: Architecture):
        super().__init__()
        model = architecture.model
        modalities = len(inputs.names)
        self.seeds = seeds
        built = [
            _encoder(seeds, name, values, architecture)
            for name, values in zip(inputs.names, inputs.values, strict=True)
        ]
        self.encoders = nn.ModuleList(encoder for encoder, _ in built)
        widths = [width for _, width in built]
        self.projections = nn.ModuleList(
            Projection(seeds, width, model.width) for width in widths
        )
        self.missing = architecture.missing
        if self.missing == "embedding":
            self.absent = AbsentTokens(seeds, modalities, model.width)
        self.fusion = MoEFusion(
            seeds,
            modalities,
            width=model.width,
            layers=model.layers,
            head_dropout=model.head_dropout,
            weight_site=architecture.weight_site,
            experts=architecture.experts,
            top_k=architecture.top_k,
            expert_hidden=model.expert_hidden,
            feed_forward=model.feed_forward,
            router=model.router,
            gate=model.gate,
            expert_dropout=model.expert_dropout,
            log_space=architecture.log_space_experts,
        )

    def initialize(self, generators: Generators) -> None:
        """Draw every stacked parameter; a fine-tuned encoder keeps its start."""
        for part in (*self.encoders, *self.children()):
            if part is not self.encoders and not isinstance(part, FineTunedText):
                initialize(part, generators)

    def stacked_parameters(self) -> list[nn.Parameter]:
        """Parameters with a leading seed dimension."""
        own = {id(p) for group in self.own_parameters() for p in group}
        return [p for p in self.parameters() if id(p) not in own]

    def own_parameters(self) -> list[list[nn.Parameter]]:
        """Per seed, the parameters of its fine-tuned encoder, if there is one."""
        for encoder in self.encoders:
            if isinstance(encoder, FineTunedText):
                return [list(copy.parameters()) for copy in encoder.copies]
        return [[] for _ in range(self.seeds)]

    def views(self, seed: int) -> list[Tensor]:
        """Everything that belongs to one seed, as views that share its memory."""
        stacked = [parameter.detach()[seed] for parameter in self.stacked_parameters()]
        return stacked + [p.detach() for p in self.own_parameters()[seed]]

    def forward(
        self,
        batch: Batch,
        weights: Float[Tensor, "seeds batch modalities"] | None = None,
        randomness: Randomness = EVALUATION,
    ) -> FusionOutput:
        outputs = encoded(self.encoders, batch.values, batch.lengths.unbind(2))
        tokens = torch.stack(
            [
                projection(output)
                for projection, output in zip(self.projections, outputs, strict=True)
            ],
            dim=1,
        )
        tokens, mask = self._with_placeholders(tokens, batch)
        return self.fusion(
            FusionInput(
                tokens=tokens.unsqueeze(3),
                mask=mask.unsqueeze(3),
                weights=self._applied(weights, batch.present),
                generators=randomness.dropout,
                router_generators=randomness.router,
            )
        )

    def _with_placeholders(
        self, tokens: Float[Tensor, "seeds modalities batch width"], batch: Batch
    ) -> tuple[Tensor, Bool[Tensor, "seeds modalities batch"]]:
        present = batch.present.transpose(1, 2)
        if self.missing == "embedding":
            empty = self.absent.tokens.unsqueeze(2)
        else:
            empty = tokens.new_zeros(())
        tokens = torch.where(present.unsqueeze(-1), tokens, empty)
        if self.missing == "mask":
            return tokens, present
        return tokens, batch.real.unsqueeze(1).expand_as(present)

    def _applied(self, weights: Tensor | None, present: Tensor) -> Tensor | None:
        # A placeholder token of an absent modality is never scaled.
        if weights is None or self.missing == "mask":
            return weights
        return torch.where(present, weights, 1.0)


def _encoder(
    seeds: int, name: str, values: Tensor, architecture: Architecture
) -> tuple[nn.Module, int]:
    """The encoder of one modality and the width of what it gives."""
    model, tuning = architecture.model, architecture.text
    if tuning is not None and name == tuning.modality:
        return FineTunedText(seeds, tuning), tuning.hidden
    _, time, features = values.shape
    if time == 1:
        return VectorEncoder(), features
    sequence = SequenceEncoder(seeds, features, model.lstm_hidden, model.lstm_output)
    return sequence, model.lstm_output


def parameter_count(model: Predictor) -> int:
    """Parameters of one of the stacked models."""
    return sum(view.numel() for view in model.views(0))
