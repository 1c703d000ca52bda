"""Parameters of the paper's cost table, by formula and by module."""

from itertools import pairwise

import pytest
from torch import nn

from repro.models.fusions.concat_transformer import ConcatTransformer
from repro.models.fusions.interface import FusionShape
from repro.models.interactions.experts import InteractionExperts
from repro.params.interactions import Interaction, Reweighting

# Source: I2MoE, table 6. Sizes are those that give the printed numbers; of IMDB, MOSI
# and ENRICO appendix G prints others. Modalities, classes, width, layers, tokens;
# layers and hidden units of the weighting network; the printed number.
ALONE = {
    "ADNI": (4, 3, 256, 2, 16, 1_072_131),
    "MIMIC": (3, 2, 128, 2, 8, 268_034),
    "IMDB": (2, 23, 256, 2, 8, 1_068_567),
    "MOSI": (3, 2, 128, 1, 4, 134_402),
    "ENRICO": (2, 20, 256, 1, 4, 538_644),
}
EXPERTS = {
    "ADNI": (4, 3, 256, 2, 16, 2, 256, 6_696_728),
    "MIMIC": (3, 2, 128, 2, 8, 2, 128, 1_390_095),
    "IMDB": (2, 23, 256, 2, 16, 2, 256, 4_423_008),
    "MOSI": (3, 2, 128, 1, 4, 1, 1, 673_935),
    "ENRICO": (2, 20, 256, 1, 4, 3, 256, 2_352_724),
}


def fusion(shape: FusionShape, layers: int) -> nn.Module:
    """The network that the released code calls MulT."""
    return ConcatTransformer(
        shape, ConcatTransformer.Sizes(heads=4, layers=layers, dropout=0.5)
    )


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def of_fusion(
    modalities: int, classes: int, width: int, layers: int, tokens: int
) -> int:
    """Norms, attention without bias but of its output, MLP; head; positions."""
    layer = 4 * width + 3 * width**2 + (width**2 + width) + (4 * width**2 + 3 * width)
    head = modalities * width * classes + classes
    return layers * layer + head + modalities * tokens * width


def of_weighting(inputs: int, experts: int, layers: int, hidden: int) -> int:
    widths = [inputs, *[hidden] * (layers - 1), experts]
    return sum(a * b + b for a, b in pairwise(widths))


@pytest.mark.parametrize("name", ALONE)
def test_the_fusion_alone(name: str) -> None:
    *sizes, printed = ALONE[name]
    modalities, classes, width, layers, tokens = sizes
    assert of_fusion(*sizes) == printed
    shape = FusionShape(1, modalities, width, classes, time=tokens)
    assert count(fusion(shape, layers)) == printed


@pytest.mark.parametrize("name", EXPERTS)
def test_the_experts(name: str) -> None:
    *sizes, deep, hidden, printed = EXPERTS[name]
    modalities, classes, width, layers, tokens = sizes
    experts = modalities + 2
    weighting = of_weighting(modalities * width, experts, deep, hidden)
    assert experts * of_fusion(*sizes) + weighting == printed
    shape = FusionShape(1, modalities, width, classes, time=tokens)
    settings = Interaction(reweighting=Reweighting(layers=deep, hidden=hidden))
    made = InteractionExperts(
        shape,
        lambda wide: fusion(wide, layers),
        settings,
        [f"m{m}" for m in range(modalities)],
    )
    assert count(made) == printed
