"""What stands where a modality is masked, and what is remembered for it.

Draws come from the generator of each seed. Replacements are data, without a gradient;
only tokens that count are replaced.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from repro.models.layers.attention import positions
from repro.models.layers.stacked import Generators, check_generators
from repro.params.interactions import Mask

MOMENTUM = 0.99

_Tokens = Float[Tensor, "seeds modalities batch time width"]
_Places = Bool[Tensor, "seeds modalities batch time"]
_Present = Bool[Tensor, "seeds modalities batch"]


class Replacement(NamedTuple):
    """Tokens to put in the place of every modality, anew for every expert.

    `possible` is False where there is nothing to put: no other row has the modality.
    """

    tokens: Float[Tensor, "seeds experts modalities batch time width"]
    possible: _Present


class TokenMoments(nn.Module):
    """Running mean and variance of the tokens of each modality, per channel.

    Exponential moving averages over train batches, of the tokens that count in rows
    that have the modality; the first batch with one starts them.

    Departure: the released code sums outputs over all epochs and keeps their graph.
    """

    mean: Tensor
    variance: Tensor
    batches: Tensor

    def __init__(self, seeds: int, modalities: int, width: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(seeds, modalities, width))
        self.register_buffer("variance", torch.zeros(seeds, modalities, width))
        self.register_buffer("batches", torch.zeros(seeds, modalities))

    @torch.no_grad()
    def update(self, tokens: _Tokens, counted: _Places) -> None:
        """Take the tokens of a train batch in."""
        kept = counted.unsqueeze(4)
        number = counted.sum((2, 3)).unsqueeze(2)
        share = number.clamp(min=1).to(tokens.dtype)
        mean = torch.where(kept, tokens, 0.0).sum((2, 3)) / share
        away = torch.where(kept, tokens - mean[:, :, None, None], 0.0)
        variance = away.square().sum((2, 3)) / share
        step = torch.where(self.batches.unsqueeze(2) == 0, 1.0, 1.0 - MOMENTUM)
        step = torch.where(number > 0, step, 0.0).to(tokens.dtype)
        self.mean.lerp_(mean, step)
        self.variance.lerp_(variance, step)
        self.batches += number.squeeze(2) > 0

    def check(self, mask: Mask, present: _Present) -> None:
        """Refuse a mask of moments that no train batch has given yet.

        Raises:
            ValueError: a modality that is to be masked has none.
        """
        lacking = (self.batches == 0) & present.any(2)
        if lacking.any():
            raise ValueError(
                f"mask={mask!r} before any train batch has had modality number "
                f"{int(lacking.any(0).nonzero()[0])}: its mean is not known; train "
                "first, or use mask random, zero or shuffled"
            )


def replacement(
    mask: Mask,
    tokens: _Tokens,
    counted: _Places,
    present: _Present,
    experts: int,
    moments: TokenMoments,
    generators: Generators,
) -> Replacement:
    """Tokens that mask every modality, for every expert.

    `random` is standard normal noise whatever the scale of the tokens, as published;
    `matched` has their mean and deviation, `mean` their mean, `zero` nothing, and
    `shuffled` the tokens of another row that has the modality.

    Source: I2MoE, section 3.2 and appendix B (`random`, `mean`, `zero`).
    Departure: `matched` and `shuffled` are ours.
    """
    seeds, modalities, batch, time, width = tokens.shape
    tokens, shape = tokens.detach(), (modalities, batch, time, width)
    if mask == "shuffled":
        return _shuffled(tokens, counted, present, experts, generators)
    if mask in ("mean", "matched"):
        moments.check(mask, present)
    still = tokens.new_zeros(seeds, 1, *shape)
    if mask in ("mean", "matched"):
        still = still + moments.mean[:, None, :, None, None].to(tokens.dtype)
    if mask in ("random", "matched"):
        noise = _draws(torch.randn, tokens, (experts, *shape), generators)
        if mask == "random":
            return Replacement(noise, present)
        scale = moments.variance.sqrt()[:, None, :, None, None].to(tokens.dtype)
        return Replacement(still + scale * noise, present)
    return Replacement(still.expand(-1, experts, *shape), present)


def _draws(
    draw: object, like: Tensor, shape: tuple[int, ...], generators: Generators
) -> Tensor:
    check_generators(generators, like.shape[0])
    made = [
        draw(shape, generator=g, dtype=like.dtype, device=g.device)  # type: ignore[operator]
        for g in generators
    ]
    return torch.stack(made).to(like.device)


def _shuffled(
    tokens: _Tokens,
    counted: _Places,
    present: _Present,
    experts: int,
    generators: Generators,
) -> Replacement:
    source = other_rows(present, experts, generators)
    held = counted.sum(3)
    # Tokens that count first; a row with fewer of them than its receiver repeats them.
    order = (~counted).to(torch.uint8).argsort(dim=3, stable=True)
    packed = torch.where(counted.unsqueeze(4), tokens, 0.0).gather(
        3, order.unsqueeze(4).expand_as(tokens)
    )
    given = held.unsqueeze(1).expand_as(source).gather(3, source).clamp(min=1)
    place = positions(counted).unsqueeze(1) % given.unsqueeze(4)
    wide = tokens.shape[4]
    packed = packed.unsqueeze(1).expand(-1, experts, -1, -1, -1, -1)
    index = source[..., None, None].expand(*source.shape, *tokens.shape[3:])
    rows = packed.gather(3, index)
    rows = rows.gather(4, place.unsqueeze(5).expand(*place.shape, wide))
    several = (present.sum(2) > 1).unsqueeze(2)
    return Replacement(rows, present & several)


def other_rows(present: _Present, experts: int, generators: Generators) -> Tensor:
    """For every row another one that has the modality, each given once.

    Shape: `(seeds, experts, modalities, batch)`. Rows without it, and a row that is
    alone, point to themselves.

    >>> rows = other_rows(torch.tensor([[[True, False, True]]]), 1, [
    ...     torch.Generator().manual_seed(0)])
    >>> rows.flatten().tolist()
    [2, 1, 0]
    """
    seeds, modalities, batch = present.shape
    keys = _draws(
        torch.rand, torch.zeros(seeds), (experts, modalities, batch), generators
    )
    keys = keys.to(present.device)
    # One random cycle through the rows that have the modality leaves none in its place.
    order = keys.masked_fill(~present.unsqueeze(1), 2.0).argsort(3)
    number = present.sum(2)[:, None, :, None]
    place = torch.arange(batch, device=present.device)
    following = torch.where(place + 1 < number, place + 1, 0)
    following = torch.where(place < number, following, place)
    taken = order.gather(3, following.expand_as(order))
    return torch.empty_like(order).scatter_(3, order, taken)
