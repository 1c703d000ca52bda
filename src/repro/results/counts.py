"""How many parameters I2MoE's cost table counts, by formula from its sizes."""

from itertools import pairwise
from typing import NamedTuple


class Sizes(NamedTuple):
    """Sizes of a concat transformer: one token vector has `width` values."""

    modalities: int
    outputs: int
    width: int
    layers: int
    tokens: int


def of_fusion(sizes: Sizes) -> int:
    """Parameters of the concat transformer without encoders.

    A layer has two norms, attention without bias but of its output, and an MLP of
    twice the width; beside it a head and positions.

    Source: I2MoE, table 6 and released code.

    >>> of_fusion(Sizes(modalities=3, outputs=2, width=128, layers=1, tokens=4))
    134402
    """
    width = sizes.width
    layer = 4 * width + 3 * width**2 + (width**2 + width) + (4 * width**2 + 3 * width)
    head = sizes.modalities * width * sizes.outputs + sizes.outputs
    return sizes.layers * layer + head + sizes.modalities * sizes.tokens * width


def of_weighting(inputs: int, experts: int, layers: int, hidden: int) -> int:
    """Parameters of the network that weights experts.

    >>> of_weighting(3, 5, layers=1, hidden=7), of_weighting(3, 5, layers=2, hidden=7)
    (20, 68)
    """
    widths = [inputs, *[hidden] * (layers - 1), experts]
    return sum(a * b + b for a, b in pairwise(widths))


def of_experts(sizes: Sizes, weighting_layers: int, weighting_hidden: int) -> int:
    """Parameters of a fusion for each expert and of the network that weights them.

    >>> of_experts(Sizes(3, 2, 128, 1, 4), weighting_layers=1, weighting_hidden=1)
    673935
    """
    experts = sizes.modalities + 2
    inputs = sizes.modalities * sizes.width
    weighting = of_weighting(inputs, experts, weighting_layers, weighting_hidden)
    return experts * of_fusion(sizes) + weighting
