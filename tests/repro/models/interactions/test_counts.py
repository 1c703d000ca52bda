"""Parameters of the paper's cost table, by formula and by module."""

import pytest
from torch import nn

from repro.models.fusions.concat_transformer import ConcatTransformer
from repro.models.fusions.interface import FusionShape
from repro.models.interactions.experts import InteractionExperts
from repro.params.interactions import Interaction, Reweighting
from repro.results.counts import Sizes, of_experts, of_fusion

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


@pytest.mark.parametrize("name", ALONE)
def test_the_fusion_alone(name: str) -> None:
    *sizes, printed = ALONE[name]
    modalities, classes, width, layers, tokens = sizes
    assert of_fusion(Sizes(*sizes)) == printed
    shape = FusionShape(1, modalities, width, classes, time=tokens)
    assert count(fusion(shape, layers)) == printed


@pytest.mark.parametrize("name", EXPERTS)
def test_the_experts(name: str) -> None:
    *sizes, deep, hidden, printed = EXPERTS[name]
    modalities, classes, width, layers, tokens = sizes
    assert of_experts(Sizes(*sizes), deep, hidden) == printed
    shape = FusionShape(1, modalities, width, classes, time=tokens)
    settings = Interaction(reweighting=Reweighting(layers=deep, hidden=hidden))
    made = InteractionExperts(
        shape,
        lambda wide: fusion(wide, layers),
        settings,
        [f"m{m}" for m in range(modalities)],
    )
    assert count(made) == printed
