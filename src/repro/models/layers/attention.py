"""Multi-head attention for stacked seeds and groups of streams, with weighted keys.

A group is one stream, or one ordered pair of streams; all of them run in the same
tensor operations. Padding is a key bias of minus infinity, a key weight its logarithm.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from repro.models.fusions.interface import weighted
from repro.models.layers.modality import ModalityLinear
from repro.models.layers.stacked import (
    Generators,
    check_rate,
    dropout,
    stacked_parameter,
    xavier_normal,
    zeros,
)

# Up to so many keys a materialized softmax is faster than the fused kernel of the CPU.
FEW_KEYS = 32

_Grouped = Float[Tensor, "seeds groups batch time width"]
_Heads = Float[Tensor, "problems heads time size"]


def key_bias(
    mask: Bool[Tensor, "seeds modalities batch time"],
    weights: Float[Tensor, "seeds batch modalities"] | None,
    dtype: torch.dtype,
) -> Float[Tensor, "seeds modalities batch time"]:
    """What is added to the scores of a key so that its weight multiplies it.

    exp(score + log w) = w exp(score), in numerator and denominator. Minus infinity
    stands for weight 0 and for a key that does not count; weight 1 adds exactly 0.

    >>> mask = torch.tensor([[[[True, False]], [[True, True]]]])
    >>> key_bias(mask, torch.tensor([[[1.0, 0.0]]]), torch.float32).flatten().tolist()
    [0.0, -inf, -inf, -inf]
    """
    return weighted(mask.to(dtype), weights).log()


def positions(
    mask: Bool[Tensor, "*streams time"],
) -> Int[Tensor, "*streams time"]:
    """Number of tokens that count before each token; padding may stand anywhere.

    >>> positions(torch.tensor([False, True, False, True])).tolist()
    [0, 0, 0, 1]
    """
    return (mask.cumsum(-1) - 1).clamp(min=0)


def sinusoids(count: int, width: int, like: Tensor) -> Float[Tensor, "{count} {width}"]:
    """Sines, then cosines, of every position at geometric frequencies.

    Source: Vaswani et al. 2017, section 3.5, with sines and cosines in two halves.

    >>> sinusoids(2, 2, torch.zeros(1)).round(decimals=2).tolist()
    [[0.0, 1.0], [0.8399999737739563, 0.5400000214576721]]
    """
    half = (width + 1) // 2
    steps = torch.arange(half, device=like.device, dtype=torch.float64)
    angles = torch.outer(
        torch.arange(count, device=like.device, dtype=torch.float64),
        torch.exp(-math.log(10_000.0) * 2.0 * steps / width),
    )
    return torch.cat([angles.sin(), angles.cos()[:, : width - half]], 1).to(like.dtype)


class MultiHeadAttention(nn.Module):
    """Multi-head attention with own maps per seed and group.

    A row without any key gives the output bias alone: what it attends to is zero.

    Source: Vaswani et al. 2017, section 3.2; scores divided by the root of the head
    size.
    Raises:
        ValueError: the width is no multiple of the number of heads.
    """

    bias: nn.Parameter | None

    def __init__(
        self,
        seeds: int,
        groups: int,
        *,
        width: int,
        heads: int,
        bias: bool = True,
        rate: float = 0.0,
    ):
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(
                f"heads={heads} does not divide width={width}; choose a divisor"
            )
        check_rate(rate)
        # Queries, keys, values: three square matrices, each drawn on its own.
        self.weight = stacked_parameter(seeds, groups, 3, width, width)
        self.bias = stacked_parameter(seeds, groups, 3, width) if bias else None
        self.initializers = {"weight": xavier_normal, "bias": zeros}
        self.output = ModalityLinear(seeds, groups, width, width)
        self.heads = heads
        self.rate = rate

    def forward(
        self,
        x: _Grouped,
        bias: Float[Tensor, "seeds groups batch keys"],
        source: Float[Tensor, "seeds groups batch keys width"] | None = None,
        *,
        zero_key: bool = False,
        generators: Generators | None = None,
    ) -> _Grouped:
        """Attend from `x` to `source` (None: to `x`), with a bias per key.

        `zero_key` adds a key of score 0 and value 0 to every row.
        """
        source = x if source is None else source
        queries, keys, values = (
            self._map(n, own) for n, own in enumerate((x, source, source))
        )
        rate = 0.0 if generators is None else self.rate
        bias = bias.flatten(0, 2)
        if zero_key:
            keys, values = (functional.pad(k, (0, 0, 0, 1)) for k in (keys, values))
            bias = functional.pad(bias, (0, 1))
        if rate == 0.0 or generators is None:
            out = attended(queries, keys, values, bias)
        else:
            out = _dropped(queries, keys, values, bias, rate, generators)
        out = out.transpose(1, 2).reshape(x.shape)
        return self.output(out)

    def _map(self, n: int, x: Float[Tensor, "seeds groups batch time width"]) -> _Heads:
        """Map `n` of every token, split into heads."""
        seeds, groups, _, time, width = x.shape
        rows = x.reshape(seeds * groups, -1, width)
        weight = self.weight[:, :, n].flatten(0, 1)
        if self.bias is None:
            out = torch.bmm(rows, weight)
        else:
            bias = self.bias[:, :, n].flatten(0, 1).unsqueeze(1)
            out = torch.baddbmm(bias, rows, weight)
        return out.view(-1, time, self.heads, width // self.heads).transpose(1, 2)


def attended(
    queries: Float[Tensor, "problems heads time size"],
    keys: Float[Tensor, "problems heads keys size"],
    values: Float[Tensor, "problems heads keys size"],
    bias: Float[Tensor, "problems keys"],
) -> _Heads:
    """Softmax average of the values; zeros, with zero gradients, where no key counts.

    >>> one, no = torch.ones(1, 1, 1, 2), torch.tensor([[-torch.inf]])
    >>> attended(one, one, one, no).tolist()
    [[[[0.0, 0.0]]]]
    """
    bias, values = _without_empty_rows(bias, values)
    if queries.device.type == "cpu" and keys.shape[2] <= FEW_KEYS:
        return _shares(queries, keys, bias) @ values
    return functional.scaled_dot_product_attention(
        queries, keys, values, attn_mask=bias
    )


def _shares(queries: Tensor, keys: Tensor, bias: Tensor) -> Tensor:
    """Softmax over the keys, `(problems, heads, time, keys)`."""
    scores = (queries / math.sqrt(queries.shape[-1])) @ keys.transpose(2, 3)
    return (scores + bias).softmax(-1)


def _without_empty_rows(
    bias: Float[Tensor, "problems keys"],
    values: Float[Tensor, "problems heads keys size"],
) -> tuple[Tensor, Tensor]:
    """Bias ready to be added, and values that are zero where no key counts."""
    # A softmax over nothing is NaN: such a row averages zero values instead.
    empty = (bias == -torch.inf).all(1)[:, None, None, None]
    return (
        bias[:, None, None].masked_fill(empty, 0.0),
        values.masked_fill(empty, 0.0),
    )


def _dropped(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    bias: Tensor,
    rate: float,
    generators: Generators,
) -> Tensor:
    """`attended` with dropout of the attention, drawn per seed."""
    bias, values = _without_empty_rows(bias, values)
    attention = _shares(queries, keys, bias).unflatten(0, (len(generators), -1))
    return dropout(attention, rate, generators).flatten(0, 1) @ values
