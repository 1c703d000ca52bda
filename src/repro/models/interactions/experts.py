"""Interaction experts: a fusion of its own for every kind of interaction."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn

from repro.models.fusions.interface import (
    EXPERT_LOGITS,
    EXPERT_WEIGHTS,
    INTERACTION,
    FusionInput,
    FusionOutput,
    FusionShape,
    weighted,
)
from repro.models.interactions.losses import Measure, redundancy, synergy, uniqueness
from repro.models.interactions.masks import TokenMoments, replacement
from repro.models.interactions.passes import apart, by_modality, intact, masked, passes
from repro.models.interactions.weighting import ExpertWeights, OneWeightEach
from repro.models.layers.pooling import side_by_side, token_mean
from repro.models.layers.stacked import Generators
from repro.params.interactions import REDUNDANCY, SYNERGY, UNIQUE, Interaction, Mask
from repro.params.naming import unknown

_log = logging.getLogger(__name__)

_PerExpert = Float[Tensor, "seeds experts batch features"]
_PerPass = Float[Tensor, "seeds experts modalities batch features"]
_Present = Bool[Tensor, "seeds modalities batch"]


class _Said(NamedTuple):
    """What the experts say of intact rows, and of masked ones where they exist."""

    logits: _PerExpert
    fused: _PerExpert
    losses: dict[str, Tensor]
    masked_logits: _PerPass | None = None
    masked_fused: _PerPass | None = None
    exists: _Present | None = None


def expert_names(modalities: Sequence[str], settings: Interaction) -> list[str]:
    """Names of the experts in their order: uniqueness, synergy, redundancy.

    Raises:
        ValueError: the one that is to be trained alone is none of them.

    >>> expert_names(["text", "audio"], Interaction())
    ['unique_text', 'unique_audio', 'synergy', 'redundancy']
    """
    every = [*(f"{UNIQUE}{name}" for name in modalities), SYNERGY, REDUNDANCY]
    if settings.variant == "synergy_redundancy":
        return every[-2:]
    if settings.expert is None:
        return every
    if settings.expert not in every:
        raise ValueError(f"expert: {unknown('expert', settings.expert, every)}")
    return [settings.expert]


class InteractionExperts(nn.Module):
    """Copies of a fusion, one per kind of interaction, and weights that mix them.

    An expert is a fusion with its own head. Uniqueness expert m is to lean on modality
    m, the synergy expert to need all, the redundancy expert to need no particular one:
    in training, every expert also sees its rows with one modality replaced, and
    `losses` compare what it says (`INTERACTION`, the mean over experts). The logits are
    the experts' logits, mixed by weights from the vectors of all modalities.

    A modality that a row lacks, or has at weight 0, has no masked pass there. Auxiliary
    losses of the fusion are those of the intact rows, their mean over experts. In
    evaluation nothing is masked. `gates` hold `EXPERT_LOGITS`, of shape `(seeds, batch,
    experts, outputs)`, and `EXPERT_WEIGHTS`, `(seeds, batch, experts)`.

    Weights of modalities act in every expert, and on the vectors the experts are
    weighted by.

    Source: I2MoE, section 3, and its released code.
    Departure: those of `losses`, `masks` and `passes`. The weighting network sees
    weighted vectors, so that weight 0 is absence. Balance losses have a gradient and
    leave masked rows out (released: neither).
    Raises:
        ValueError: fewer than two modalities, an expert that is none, or labels that
            do not vary.
    """

    reads_raw = False
    auxiliary_loss = None
    records = (EXPERT_LOGITS, EXPERT_WEIGHTS)  # gates that a run keeps per instance

    def __init__(
        self,
        shape: FusionShape,
        build: Callable[[FusionShape], Any],
        settings: Interaction,
        names: Sequence[str],
        *,
        variance: float = 1.0,
    ):
        super().__init__()
        if variance <= 0:
            raise ValueError(
                f"variance={variance}: labels of train are all the same, and distances "
                "of scores are in units of it; use data whose labels differ"
            )
        if shape.modalities < 2:
            raise ValueError(
                f"modalities={shape.modalities}: interactions are between two or more; "
                "use the fusion itself"
            )
        self.settings, self.names = settings, expert_names(names, settings)
        self.seeds, self.modalities = shape.seeds, shape.modalities
        count = len(self.names)
        self.experts = build(replace(shape, seeds=shape.seeds * count))
        if settings.initial == "identical":
            self.alike = ("experts",)
        self.weighting = self._weighting(shape, settings, count)
        self.moments = TokenMoments(shape.seeds, shape.modalities, shape.width)
        self.own = [f"{UNIQUE}{name}" for name in names]
        self.weight_sites = self.experts.weight_sites
        own_losses = (INTERACTION,) if settings.has_losses else ()
        self.losses = (*own_losses, *self.experts.losses)
        is_latent = settings.variant == "latent_contrastive"
        self.measure = Measure(
            settings.losses, shape.outputs == 1 and not is_latent, variance
        )

    @staticmethod
    def _weighting(
        shape: FusionShape, settings: Interaction, count: int
    ) -> nn.Module | None:
        if count == 1:
            return None
        if settings.variant == "simple_weight":
            return OneWeightEach(shape.seeds, count)
        inputs = shape.modalities * shape.width
        return ExpertWeights(shape.seeds, inputs, count, settings.reweighting)

    def forward(self, inputs: FusionInput) -> FusionOutput:
        present = self._present(inputs)
        if inputs.generators is not None:
            self.moments.update(inputs.tokens, inputs.mask & present.unsqueeze(3))
        is_masked = inputs.generators is not None and self.settings.has_losses
        if is_masked:
            said = self._masked(inputs, present, self.settings.mask, inputs.generators)
        else:
            said = self._intact(inputs)
        losses = {n: v.view(self.seeds, -1).mean(1) for n, v in said.losses.items()}
        if is_masked:
            losses[INTERACTION] = self._interaction(said)
        weights = self._weights(inputs)
        share = weights.transpose(1, 2).unsqueeze(3)
        return FusionOutput(
            logits=(share * said.logits).sum(1),
            fused=(share * said.fused).sum(1),
            losses=losses,
            gates={
                EXPERT_LOGITS: said.logits.transpose(1, 2),
                EXPERT_WEIGHTS: weights,
            },
        )

    @torch.no_grad()
    def masked_logits(
        self, inputs: FusionInput, mask: Mask, generators: Sequence[Generator]
    ) -> tuple[_PerPass, _Present]:
        """What trained experts say with each modality replaced, and in which rows.

        Dropout is off; the generators, one per seed, draw what replaces.

        Raises:
            ValueError: a mask of moments before any train batch.
        """
        said = self._masked(
            replace(inputs, generators=None, router_generators=None),
            self._present(inputs),
            mask,
            generators,
            Interaction(),  # a pass for every modality
        )
        assert said.masked_logits is not None
        assert said.exists is not None
        return said.masked_logits, said.exists

    @torch.no_grad()
    def noisy_logits(
        self, inputs: FusionInput, generators: Sequence[Generator]
    ) -> _PerExpert:
        """What experts say of intact rows under dropout, drawn by the generators."""
        noisy = replace(inputs, generators=generators, router_generators=generators)
        return self._intact(noisy).logits

    def _present(self, inputs: FusionInput) -> _Present:
        """Where a modality is there and counts."""
        here = inputs.mask.any(3)
        if inputs.present is not None:
            here = here & inputs.present.transpose(1, 2)
        if inputs.weights is not None:
            here = here & (inputs.weights != 0).transpose(1, 2)
        return here

    def _intact(self, inputs: FusionInput) -> _Said:
        count, batch = len(self.names), inputs.tokens.shape[2]
        output = self.experts(intact(inputs, count))
        logits, fused = (
            apart(x, count, batch)[:, :, 0] for x in (output.logits, output.fused)
        )
        return _Said(logits, fused, dict(output.losses))

    def _masked(
        self,
        inputs: FusionInput,
        present: _Present,
        mask: Mask,
        generators: Any,
        settings: Interaction | None = None,
    ) -> _Said:
        count, batch = len(self.names), inputs.tokens.shape[2]
        counted = inputs.mask & present.unsqueeze(3)
        chosen = passes(settings or self.settings, present, generators)
        put = replacement(
            mask, inputs.tokens, counted, present, count, self.moments, generators
        )
        # A loss over all rows of a call is to be over intact ones: these go first.
        first = self._intact(inputs) if self.experts.losses else None
        wide = masked(inputs, counted, put, chosen.slots, after_intact=first is None)
        output = self.experts(wide)
        said = [apart(x, count, batch) for x in (output.logits, output.fused)]
        if first is None:
            first = _Said(said[0][:, :, 0], said[1][:, :, 0], {})
            said = [x[:, :, 1:] for x in said]
        logits, fused = (by_modality(x, chosen.slots, self.modalities) for x in said)
        return first._replace(
            masked_logits=logits,
            masked_fused=fused,
            exists=chosen.exists & put.possible,
        )

    def _interaction(self, said: _Said) -> Float[Tensor, " seeds"]:
        """The mean over experts of what each is to do.

        Departure: the released code divides by modalities + 2 where there are fewer
        experts, too: without those of uniqueness its losses weigh less.
        """
        is_latent = self.settings.variant == "latent_contrastive"
        anchors = said.fused if is_latent else said.logits
        masked_ones = said.masked_fused if is_latent else said.masked_logits
        assert masked_ones is not None
        assert said.exists is not None
        found = []
        for loss, chosen in self._tasks():
            compared = anchors[:, chosen], masked_ones[:, chosen], said.exists
            found.append(loss(*compared, measure=self.measure))
        return torch.cat(found, 1).mean(1)

    def _tasks(self) -> Iterator[tuple[Callable[..., Tensor], slice]]:
        """The loss of each kind of experts, and where these lie."""
        own = [m for m, name in enumerate(self.own) if name in self.names]
        if own:
            yield partial(uniqueness, own=own), slice(0, len(own))
        for name, loss in ((SYNERGY, synergy), (REDUNDANCY, redundancy)):
            if name in self.names:
                place = self.names.index(name)
                yield loss, slice(place, place + 1)

    def _weights(self, inputs: FusionInput) -> Float[Tensor, "seeds batch experts"]:
        pooled = token_mean(inputs.tokens, inputs.mask)
        pooled = side_by_side(weighted(pooled, inputs.weights))
        if self.weighting is None:
            return pooled.new_ones(*pooled.shape[:2], 1)
        generators: Generators | None = inputs.generators
        shares: Tensor = self.weighting(pooled, generators)
        return shares
