"""Layers that carry several seeds side by side along an explicit leading dimension.

Slice `s` of every parameter belongs to seed `s` and is drawn from generator `s` alone,
so a seed has the same values however many seeds are trained beside it. Where a seed
has several copies of a module (experts), its slices lie side by side: copy `e` of seed
`s` is slice `s * copies + e`.
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

Initializer = Callable[[Tensor, Generator], None]
Generators = Sequence[Generator]
LEVELS = 2**16  # of a draw that decides whether dropout keeps a value


def xavier_normal(values: Tensor, generator: Generator) -> None:
    """Fill the matrices in the last two dimensions with Xavier-normal draws.

    Source: Glorot and Bengio 2010, eq. (12); sd = sqrt(2 / (inputs + outputs)).
    Shape: `(..., inputs, outputs)`; leading dimensions hold independent matrices.
    """
    deviation = math.sqrt(2.0 / (values.shape[-2] + values.shape[-1]))
    draws = torch.randn(
        values.shape, generator=generator, dtype=values.dtype, device=generator.device
    )
    values.copy_(draws.mul_(deviation))


def zeros(values: Tensor, generator: Generator) -> None:
    """Fill with 0; draws nothing."""
    values.zero_()


def ones(values: Tensor, generator: Generator) -> None:
    """Fill with 1; draws nothing."""
    values.fill_(1.0)


def stacked_parameter(seeds: int, *shape: int) -> nn.Parameter:
    """Parameter of shape `(seeds, *shape)` holding NaN until `initialize` fills it.

    NaN makes a forgotten initialization loud: the first loss is NaN.
    """
    return nn.Parameter(torch.full((seeds, *shape), torch.nan))


def by_seed(values: Tensor, seeds: int) -> Tensor:
    """The values of every seed: all of its slices, where it has several.

    Raises:
        ValueError: the leading dimension is no multiple of the seeds.

    >>> by_seed(torch.zeros(6, 4), 2).shape, by_seed(torch.zeros(2, 4), 2).shape
    (torch.Size([2, 3, 4]), torch.Size([2, 4]))
    """
    slices = values.shape[0] if values.dim() else 0
    if slices == seeds:
        return values
    if not slices or slices % seeds:
        raise ValueError(
            f"leading dimension {slices} is no multiple of {seeds} seeds; stack as "
            "many slices for each seed"
        )
    return values.unflatten(0, (seeds, -1))


def parameter_initializers(module: nn.Module) -> dict[str, Initializer]:
    """Initializer of each parameter of `module`, in `named_parameters` order.

    The module that owns a parameter names its rule in a mapping `initializers`. What
    is below a module with `keeps_start` (a pretrained encoder) has no rule.

    Raises:
        ValueError: the owner of a parameter names no rule for it.
    """
    rules = {}
    kept = tuple(
        f"{name}." for name, m in module.named_modules() if hasattr(m, "keeps_start")
    )
    for name, _ in module.named_parameters():
        if name.startswith(kept):
            continue
        owner, _, own_name = name.rpartition(".")
        owner_rules = getattr(module.get_submodule(owner), "initializers", {})
        if own_name not in owner_rules:
            raise ValueError(
                f"parameter {name!r} has no initializer; add {own_name!r} to the "
                f"`initializers` of {type(module.get_submodule(owner)).__name__}"
            )
        rules[name] = owner_rules[own_name]
    return rules


@torch.no_grad()
def initialize(module: nn.Module, generators: Generators) -> None:
    """Draw every parameter of `module`, slice `s` from generator `s`.

    Several slices of a seed are drawn one after the other; below a part that its owner
    names in `alike`, the first is drawn and the others are its copies.

    Raises:
        ValueError: a parameter has no rule, or its leading dimension is no multiple of
            the number of generators.

    >>> layer = StackedLinear(2, 3, 4)
    >>> initialize(layer, [torch.Generator().manual_seed(seed) for seed in (7, 8)])
    >>> alone = StackedLinear(1, 3, 4)
    >>> initialize(alone, [torch.Generator().manual_seed(8)])
    >>> torch.equal(layer.weight[1], alone.weight[0])
    True
    """
    parameters = dict(module.named_parameters())
    alike = tuple(
        f"{owner}.{part}.".lstrip(".")
        for owner, m in module.named_modules()
        for part in getattr(m, "alike", ())
    )
    for name, rule in parameter_initializers(module).items():
        parameter = parameters[name]
        slices = parameter.shape[0] if parameter.dim() else 0
        if not slices or slices % len(generators):
            raise ValueError(
                f"parameter {name!r} stacks {slices} seeds but {len(generators)} "
                "generators were given; pass one generator per seed"
            )
        copies = slices // len(generators)
        for place, values in enumerate(parameter):
            if place % copies and name.startswith(alike):
                values.copy_(parameter[place - 1])
            else:
                rule(values, generators[place // copies])


def check_generators(generators: Generators, seeds: int) -> None:
    """Refuse a number of generators other than one per seed.

    Raises:
        ValueError: the counts differ.
    """
    if len(generators) != seeds:
        raise ValueError(
            f"generators: got {len(generators)} for {seeds} stacked seeds; "
            "pass one generator per seed"
        )


def normal_draws(like: Tensor, generators: Generators) -> Tensor:
    """Standard normal draws shaped as `like`, slice `s` from generator `s`.

    Raises:
        ValueError: the number of generators is not the leading dimension.
    """
    check_generators(generators, like.shape[0])
    draws = [
        torch.randn(like.shape[1:], generator=g, dtype=like.dtype, device=g.device)
        for g in generators
    ]
    return torch.stack(draws).to(like.device)


def fill_dropout_scale(scale: Tensor, rate: float, generator: Generator) -> None:
    """Fill with 0 where a value is dropped, else with 1 / share of values kept.

    The rate is taken to the nearest multiple of 2^-16, below 1, so that one word of the
    generator serves four values: two to three times as fast as `Tensor.bernoulli_`,
    whose draws are others on Intel processors (MKL's) than on all else.
    """
    dropped = min(round(rate * LEVELS), LEVELS - 1)
    words = torch.empty(
        -(-scale.numel() // 4), dtype=torch.int64, device=generator.device
    )
    words.random_(-(2**63), None, generator=generator)
    draws = words.view(torch.int16)[: scale.numel()].view(scale.shape)
    torch.ge(draws.to(scale.device), dropped - LEVELS // 2, out=scale)
    scale.mul_(LEVELS / (LEVELS - dropped))


def check_rate(rate: float) -> None:
    """Refuse a dropout rate outside [0, 1).

    Raises:
        ValueError: the rate is outside [0, 1).
    """
    if not 0.0 <= rate < 1.0:
        raise ValueError(f"rate: got {rate}; a dropout rate lies in [0, 1)")


def dropout(
    x: Float[Tensor, "seeds ..."], rate: float, generators: Generators | None
) -> Float[Tensor, "seeds ..."]:
    """Inverted dropout with one generator per seed.

    The identity when `rate` is 0 or `generators` is None (evaluation).

    Source: Srivastava et al. 2014.
    Raises:
        ValueError: the rate is outside [0, 1), or the generators are not one per seed.

    >>> x = torch.ones(1, 4)
    >>> torch.equal(dropout(x, 0.5, None), x)
    True
    >>> sorted(set(dropout(x, 0.5, [torch.Generator().manual_seed(0)])[0].tolist()))
    [0.0, 2.0]
    """
    check_rate(rate)
    if generators is None or rate == 0.0:
        return x
    check_generators(generators, x.shape[0])
    scale = torch.empty_like(x, memory_format=torch.contiguous_format)
    for values, generator in zip(scale, generators, strict=True):
        fill_dropout_scale(values, rate, generator)
    return x * scale


class StackedLinear(nn.Module):
    """One affine map per seed.

    Shape: `(seeds, ..., inputs)` to `(seeds, ..., outputs)`.

    >>> layer = StackedLinear(2, 3, 4)
    >>> initialize(layer, [torch.Generator().manual_seed(seed) for seed in (0, 1)])
    >>> layer(torch.zeros(2, 5, 6, 3)).shape
    torch.Size([2, 5, 6, 4])
    """

    bias: nn.Parameter | None

    def __init__(self, seeds: int, inputs: int, outputs: int, bias: bool = True):
        super().__init__()
        self.weight = stacked_parameter(seeds, inputs, outputs)
        self.bias = stacked_parameter(seeds, outputs) if bias else None
        self.initializers = {"weight": xavier_normal, "bias": zeros}

    def forward(
        self, x: Float[Tensor, "seeds *rows inputs"]
    ) -> Float[Tensor, "seeds *rows outputs"]:
        seeds, inputs, outputs = self.weight.shape
        if x.shape[0] != seeds or x.shape[-1] != inputs:
            raise ValueError(
                f"x: got shape {tuple(x.shape)}; this layer takes "
                f"({seeds}, ..., {inputs})"
            )
        rows = x.reshape(seeds, -1, inputs)
        if self.bias is None:
            out = torch.bmm(rows, self.weight)
        else:
            out = torch.baddbmm(self.bias.unsqueeze(1), rows, self.weight)
        return out.view(*x.shape[:-1], outputs)
