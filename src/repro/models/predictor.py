"""The whole model: encoders per modality, projection, missing modalities, fusion."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn

from repro.models.batch import Batch, Inputs
from repro.models.fusion import FusionInput, FusionOutput
from repro.models.lstm import StackedLSTM
from repro.models.moe import MoEFusion
from repro.models.stacked import StackedLinear, stacked_parameter, xavier_normal
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
        return self.output(self.lstm(values, lengths))


class VectorEncoder(nn.Module):
    """The one vector of a sample, as it is (text features)."""

    def forward(
        self, values: Float[Tensor, "seeds batch time features"], lengths: Tensor
    ) -> Float[Tensor, "seeds batch features"]:
        return values[:, :, 0]


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
        encoders: list[nn.Module] = []
        widths: list[int] = []
        for values in inputs.values:
            _, time, features = values.shape
            if time == 1:
                encoders.append(VectorEncoder())
                widths.append(features)
            else:
                encoders.append(
                    SequenceEncoder(
                        seeds, features, model.lstm_hidden, model.lstm_output
                    )
                )
                widths.append(model.lstm_output)
        self.encoders = nn.ModuleList(encoders)
        self.projections = nn.ModuleList(
            Projection(seeds, width, model.width) for width in widths
        )
        self.missing = architecture.missing
        if self.missing == "embedding":
            self.absent = stacked_parameter(seeds, modalities, model.width)
            self.initializers = {"absent": xavier_normal}
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

    def forward(
        self,
        batch: Batch,
        weights: Float[Tensor, "seeds batch modalities"] | None = None,
        randomness: Randomness = EVALUATION,
    ) -> FusionOutput:
        tokens = torch.stack(
            [
                projection(encoder(values, batch.lengths[..., m]))
                for m, (encoder, projection, values) in enumerate(
                    zip(self.encoders, self.projections, batch.values, strict=True)
                )
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
            empty = self.absent.unsqueeze(2)
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


def parameter_count(model: nn.Module) -> int:
    """Parameters of one of the stacked models."""
    return sum(p[0].numel() for p in model.parameters())
