"""The whole model: tokens per modality, missing modalities, fusion."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn

from repro.models.architecture import Architecture, fusion_of, tokens_of
from repro.models.batch import Batch, Inputs, time_means
from repro.models.fusions.interface import FusionInput, FusionOutput, at_site
from repro.models.interactions.masks import TokenMoments
from repro.models.layers.stacked import (
    Generators,
    by_seed,
    initialize,
    stacked_parameter,
    xavier_normal,
)
from repro.models.tokens.series import SeriesTokens
from repro.models.tokens.text import FineTunedText


@dataclass(frozen=True)
class Randomness:
    """Generators of one pass, one per seed; None switches that randomness off."""

    dropout: Sequence[Generator] | None = None
    router: Sequence[Generator] | None = None


EVALUATION = Randomness()


class AbsentTokens(nn.Module):
    """A learned token per seed and modality, put where that modality is absent."""

    def __init__(self, seeds: int, modalities: int, width: int):
        super().__init__()
        self.tokens = stacked_parameter(seeds, modalities, width)
        self.initializers = {"tokens": xavier_normal}


class Predictor(nn.Module):
    """Tokens of every modality and their fusion, for `seeds` models side by side.

    Missing modalities: `mask` takes them out of keys, routing, pooling and balance
    loss, `zero` puts zero tokens (as published), `embedding` a learned token that is
    never scaled. Whatever an absent modality stores cannot change an output.
    """

    def __init__(self, seeds: int, inputs: Inputs, architecture: Architecture):
        super().__init__()
        self.seeds = seeds
        self.tokens = tokens_of(seeds, inputs, architecture)
        self.missing = architecture.missing
        self.scale_absent = architecture.scale_absent
        if self.missing == "embedding":
            width = architecture.tokens.width
            self.absent = AbsentTokens(seeds, len(inputs.names), width)
        self.fusion: Any = fusion_of(seeds, inputs, architecture)
        self.weight_site = architecture.weight_site

    def initialize(self, generators: Generators) -> None:
        """Draw every stacked parameter; a fine-tuned encoder keeps its start."""
        initialize(self, generators)

    def stacked_parameters(self) -> list[nn.Parameter]:
        """Parameters with a leading seed dimension."""
        own = {id(p) for group in self.own_parameters() for p in group}
        return [p for p in self.parameters() if id(p) not in own]

    def own_parameters(self) -> list[list[nn.Parameter]]:
        """Per seed, the parameters of its fine-tuned encoder, if there is one."""
        for part in self.modules():
            if isinstance(part, FineTunedText):
                return [list(copy.parameters()) for copy in part.copies]
        return [[] for _ in range(self.seeds)]

    def widths(self, inputs: Inputs) -> list[int]:
        """Values of one row of each modality; of a fine-tuned text its hidden units."""
        parts = [part for part in self.modules() if isinstance(part, FineTunedText)]
        own = {part.modality: part.hidden for part in parts}
        return [
            own.get(name, values.features)
            for name, values in zip(inputs.names, inputs.values, strict=True)
        ]

    def views(self, seed: int) -> list[Tensor]:
        """Everything that belongs to one seed, as views that share its memory."""
        stacked = [
            by_seed(parameter.detach(), self.seeds)[seed]
            for parameter in self.stacked_parameters()
        ]
        return stacked + [p.detach() for p in self.own_parameters()[seed]]

    def buffers_by_seed(self) -> dict[str, Tensor]:
        """What the model remembers beside parameters, with a leading seed dimension."""
        return {
            f"{name}.{own}": values
            for name, part in self.named_modules()
            if isinstance(part, TokenMoments)
            for own, values in part.named_buffers()
        }

    def kept(self, seed: int) -> list[Tensor]:
        """What an epoch of one seed is kept by: its views and what it remembers."""
        remembered = [values[seed] for values in self.buffers_by_seed().values()]
        return self.views(seed) + remembered

    def forward(
        self,
        batch: Batch,
        weights: Float[Tensor, "seeds batch modalities"] | None = None,
        randomness: Randomness = EVALUATION,
    ) -> FusionOutput:
        inputs = self.fusion_input(batch, weights, randomness)
        output: FusionOutput = self.fusion(inputs)
        return output

    def fusion_input(
        self,
        batch: Batch,
        weights: Float[Tensor, "seeds batch modalities"] | None = None,
        randomness: Randomness = EVALUATION,
    ) -> FusionInput:
        """What the fusion gets of a batch."""
        if weights is not None and not self.fusion.weight_sites:
            raise ValueError(
                f"weights: {type(self.fusion).__name__} takes none; pass none"
            )
        tokens = self.tokens(batch, randomness.dropout)
        tokens, mask = self._with_placeholders(tokens, batch)
        is_training = randomness.dropout is not None
        reads_raw = is_training and self.fusion.reads_raw
        inputs = FusionInput(
            tokens=tokens,
            mask=mask,
            weights=self._applied(weights, batch.present),
            generators=randomness.dropout,
            router_generators=randomness.router,
            targets=batch.y if is_training else None,
            raw=time_means(batch) if reads_raw else None,
            present=batch.present,
        )
        return at_site(inputs, self.weight_site)

    def _with_placeholders(
        self, tokens: Float[Tensor, "seeds modalities batch time width"], batch: Batch
    ) -> tuple[Tensor, Bool[Tensor, "seeds modalities batch time"]]:
        present = batch.present.transpose(1, 2)
        mask = present.unsqueeze(3).expand(tokens.shape[:4])
        if isinstance(self.tokens, SeriesTokens):
            mask = mask & self.tokens.filled(batch, tokens.shape[3])
        if self.missing == "embedding":
            empty = self.absent.tokens[:, :, None, None]
        else:
            empty = tokens.new_zeros(())
        tokens = torch.where(present[..., None, None], tokens, empty)
        if self.missing == "mask":
            return tokens, mask
        stands = (batch.real.unsqueeze(1) & ~present).unsqueeze(3)
        if isinstance(self.tokens, SeriesTokens):
            # One token, however long the other sequences of the batch are.
            stands = stands & (torch.arange(tokens.shape[3], device=mask.device) == 0)
        return tokens, mask | stands

    def _applied(self, weights: Tensor | None, present: Tensor) -> Tensor | None:
        # A placeholder of an absent modality is not scaled, unless it counts.
        if weights is None or self.missing == "mask" or self.scale_absent:
            return weights
        return torch.where(present, weights, 1.0)


def parameter_count(model: Predictor) -> int:
    """Parameters of one of the stacked models."""
    return sum(view.numel() for view in model.views(0))
