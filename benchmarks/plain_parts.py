"""What the plain fusions share: input, output, means, and parameters of a seed."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from benchmarks.plain_model import Layer
from repro.models.layers.attention import MultiHeadAttention
from repro.models.layers.mixture import MoELayer
from repro.models.layers.modality import ModalityLayerNorm


class Pair(NamedTuple):
    """A plain parameter, the stacked one, its place there, and whether transposed."""

    plain: nn.Parameter
    stacked: nn.Parameter
    index: tuple[int, ...]
    transposed: bool

    def part(self, values: Tensor) -> Tensor:
        """What belongs to the plain parameter, in values shaped as the stacked one."""
        own = values[self.index]
        own = own[(0,) * (own.dim() - self.plain.dim())]
        return own.t() if self.transposed else own


class PlainInput(NamedTuple):
    """What a fusion takes, for one seed."""

    tokens: Tensor  # (modalities, batch, time, width)
    mask: Tensor
    targets: Tensor  # (batch)
    raw: list[Tensor]  # (batch, features) of each modality
    generator: Generator


class PlainOutput(NamedTuple):
    """Logits `(batch, outputs)`, and the sum of the auxiliary losses."""

    logits: Tensor
    loss: Tensor


def linear_layers(stacked: nn.ModuleList) -> nn.ModuleList:
    """One `nn.Linear` per stacked layer."""
    return nn.ModuleList(nn.Linear(*layer.weight.shape[1:]) for layer in stacked)


def mixture_sizes(source: nn.Module) -> dict[str, int]:
    """Sizes of a plain mixture layer like that of `MoELayer`."""
    _, experts, _, hidden = source.experts.weight_in.shape
    return {
        "experts": experts,
        "top_k": source.router.top_k,
        "expert_hidden": hidden,
        "feed_forward": source.widen.weight.shape[3],
    }


def token_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over the tokens that count; zeros where none does."""
    return (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


def fill(plain: nn.Module, ours: nn.Module, seed: int) -> None:
    """Give a plain module the type and the parameter values of one seed of ours."""
    plain.to(next(ours.parameters()).dtype)
    with torch.no_grad():
        for pair in paired(plain, ours, seed):
            pair.plain.copy_(pair.part(pair.stacked))


def paired(plain: nn.Module, ours: nn.Module, *index: int) -> Iterator[Pair]:
    """Every plain parameter with its place in ours.

    Modules have equal names. Where ours stacks what the plain one lists, the place in
    the list is the next index.
    """
    if isinstance(plain, nn.ModuleList) and not isinstance(ours, nn.ModuleList):
        for n, part in enumerate(plain):
            yield from paired(part, ours, *index, n)
    elif isinstance(plain, nn.Linear):
        yield from affine(plain, ours.weight, ours.bias, index)
    elif isinstance(ours, ModalityLayerNorm):
        yield Pair(plain.weight, ours.scale, index, False)
        yield Pair(plain.bias, ours.shift, index, False)
    elif isinstance(ours, MultiHeadAttention):
        index = index if len(index) == 2 else (*index, 0)
        for n, linear in enumerate(plain.maps):
            yield from affine(linear, ours.weight, ours.bias, (*index, n))
        yield from paired(plain.output, ours.output, *index)
    elif isinstance(plain, Layer) and isinstance(ours, MoELayer):
        yield from mixtures(plain, ours, index)
    else:
        for name, own in plain.named_parameters(recurse=False):
            yield Pair(own, getattr(ours, name), index, False)
        for name, part in plain.named_children():
            if isinstance(part, nn.ParameterList):
                for n, own in enumerate(part):
                    yield Pair(own, getattr(ours, name), (*index, n), False)
            elif len(list(part.parameters())):
                yield from paired(part, getattr(ours, name), *index)


def mixtures(plain: Layer, ours: MoELayer, index: tuple[int, ...]) -> Iterator[Pair]:
    """The parameters of a mixture layer, whose modules have other names."""
    for norm in ("before_experts", "before_feed_forward"):
        yield from paired(getattr(plain, norm), getattr(ours, norm), *index)
    for m, router in enumerate(plain.routers):
        yield Pair(router.centers, ours.router.centers, (*index, m), False)
        yield Pair(router.noise, ours.router.noise, (*index, m), False)
    pool = ours.experts
    for e, (first, _, last) in enumerate(plain.experts):
        yield from affine(first, pool.weight_in, pool.bias_in, (*index, e))
        yield from affine(last, pool.weight_out, pool.bias_out, (*index, e))
    for m, (first, _, last) in enumerate(plain.feed_forward):
        yield from paired(first, ours.widen, *index, m)
        yield from paired(last, ours.narrow, *index, m)


def affine(
    linear: nn.Linear, weight: nn.Parameter, bias: nn.Parameter, index: tuple[int, ...]
) -> Iterator[Pair]:
    """Weight and bias of one affine map."""
    yield Pair(linear.weight, weight, index, True)
    if linear.bias is not None:
        yield Pair(linear.bias, bias, index, False)
