"""Experts and masked variants in one batch of a fusion.

Experts lie in the leading dimension, expert e of seed s at `s * experts + e`; variants
in the batch: variant 0 is intact, variant 1 + k has one modality replaced. A fusion
works on each slice and row by itself, so one call is all passes.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor
from torch.autograd.function import once_differentiable

from repro.models.fusions.interface import FusionInput
from repro.models.interactions.masks import Replacement
from repro.models.layers.stacked import Generators
from repro.params.interactions import Interaction

FEWER = 2  # modalities that Less-Forward masks

_Present = Bool[Tensor, "seeds modalities batch"]


class Passes(NamedTuple):
    """Which modality each masked pass of a row replaces, and what exists.

    `slots[s, k, b]` is the modality; `exists[s, m, b]` whether modality m has a pass.
    """

    slots: Int[Tensor, "seeds passes batch"]
    exists: _Present


def passes(settings: Interaction, present: _Present, generators: Generators) -> Passes:
    """A pass for every modality, or with Less-Forward for two that are drawn.

    Departure: the released Less-Forward draws once for a batch; by default each sample
    has its own two, of those it has. Undone by `drawn: batch`.

    >>> there = torch.ones(1, 3, 4, dtype=torch.bool)
    >>> passes(Interaction(), there, []).slots[0, :, 0].tolist()
    [0, 1, 2]
    >>> few = Interaction(variant="less_forward")
    >>> drawn = passes(few, there, [torch.Generator().manual_seed(0)])
    >>> drawn.exists.sum(1).tolist()
    [[2, 2, 2, 2]]
    """
    _, modalities, batch = present.shape
    if settings.variant != "less_forward" or modalities <= FEWER:
        slots = torch.arange(modalities, device=present.device)[None, :, None]
        return Passes(slots.expand_as(present), present)
    is_common = settings.drawn == "batch"
    rows = 1 if is_common else batch
    keys = [
        torch.rand(modalities, rows, generator=g, device=g.device) for g in generators
    ]
    ranks = torch.stack(keys).to(present.device).expand(-1, -1, batch)
    if not is_common:
        ranks = ranks.masked_fill(~present, -1.0)
    slots = ranks.topk(FEWER, dim=1).indices.sort(dim=1).values
    drawn = torch.zeros_like(present).scatter(1, slots, True)
    return Passes(slots, present & drawn)


def intact(inputs: FusionInput, experts: int) -> FusionInput:
    """The same rows for every expert."""
    return _widened(inputs, experts, _repeated(inputs.tokens, experts), 1)


def masked(
    inputs: FusionInput,
    counted: Bool[Tensor, "seeds modalities batch time"],
    put: Replacement,
    slots: Int[Tensor, "seeds passes batch"],
    *,
    after_intact: bool,
) -> FusionInput:
    """Every masked variant of the rows for every expert, behind the intact ones or not.

    Tokens that do not count, or stand in for an absent modality, stay.
    """
    experts, modalities = put.tokens.shape[1:3]
    number = torch.arange(modalities, device=slots.device)[None, :, None, None]
    replaced = slots.unsqueeze(1) == number
    if after_intact:
        replaced = torch.cat([torch.zeros_like(replaced[:, :, :1]), replaced], 2)
    chosen = replaced.unsqueeze(4) & counted.unsqueeze(2)
    tokens = _Put.apply(inputs.tokens, put.tokens, chosen)
    return _widened(inputs, experts, tokens.flatten(0, 1), chosen.shape[2])


class _Put(torch.autograd.Function):
    """Tokens of every expert and variant: replaced where chosen, else the row's own.

    As `torch.where`, but the gradient is summed over experts first and masked then.
    """

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, put: Tensor, chosen: Tensor) -> Tensor:
        ctx.save_for_backward(chosen)
        return torch.where(
            chosen[:, None, ..., None], put.unsqueeze(3), tokens[:, None, :, None]
        ).flatten(3, 4)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        (chosen,) = ctx.saved_tensors
        total = slope.sum(1).unflatten(2, chosen.shape[2:4])
        return total.masked_fill_(chosen.unsqueeze(5), 0.0).sum(2), None, None


def apart(
    values: Float[Tensor, "slices rows features"], experts: int, batch: int
) -> Float[Tensor, "seeds experts variants batch features"]:
    """Outputs of a call by expert and variant."""
    return values.unflatten(0, (-1, experts)).unflatten(2, (-1, batch))


def by_modality(
    values: Float[Tensor, "seeds experts passes batch features"],
    slots: Int[Tensor, "seeds passes batch"],
    modalities: int,
) -> Float[Tensor, "seeds experts modalities batch features"]:
    """Outputs of masked passes by what they replace; zeros where there is no pass."""
    if values.shape[2] == modalities:
        return values
    seeds, experts, _, batch, features = values.shape
    index = slots[:, None, :, :, None].expand_as(values)
    empty = values.new_zeros(seeds, experts, modalities, batch, features)
    return empty.scatter(2, index, values)


def _widened(
    inputs: FusionInput, experts: int, tokens: Tensor, variants: int
) -> FusionInput:
    """The input with these tokens, and everything else once per expert and variant."""
    mask = _repeated(inputs.mask, experts).repeat(1, 1, variants, 1)
    weights = inputs.weights
    if weights is not None:
        weights = _repeated(weights, experts).repeat(1, variants, 1)
    return replace(
        inputs,
        tokens=tokens,
        mask=mask,
        weights=weights,
        generators=_each(inputs.generators, experts),
        router_generators=_each(inputs.router_generators, experts),
        targets=None,
        raw=None,
        present=None,
    )


def _repeated(values: Tensor, experts: int) -> Tensor:
    return values.repeat_interleave(experts, 0)


def _each(
    generators: Sequence[Generator] | None, experts: int
) -> list[Generator] | None:
    # One generator object for all experts of a seed: their draws follow one another.
    return (
        None if generators is None else [g for g in generators for _ in range(experts)]
    )
