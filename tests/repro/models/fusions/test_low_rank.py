"""Low-rank fusion against plain loops, by hand, its start, and trained."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from repro.models.fusions.interface import FusionInput
from repro.models.layers.stacked import initialize
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    SEEDS,
    WIDTH,
    low_rank,
    random_input,
)
from tests.repro.models.fusions.simple_cases import (
    check_against,
    plain_head,
    plain_vectors,
)


def plain_low_rank(fusion: nn.Module, inputs: FusionInput, s: int, b: int) -> Tensor:
    """Rank by rank and modality by modality."""
    fused = fusion.bias[s]
    for k in range(fusion.factors.shape[2]):
        product = torch.ones_like(fused)
        for m, vector in enumerate(plain_vectors(inputs, s, b)):
            if vector is None:
                continue
            matrix = fusion.factors[s, m, k]
            factor = matrix[0] + vector @ matrix[1:]
            product = product * (1 + inputs.weights[s, b, m] * (factor - 1))
        fused = fused + fusion.rank_weights[s, k] * product
    return plain_head(fused, fusion.head.first, fusion.head.last, s)


@pytest.mark.parametrize(("modalities", "time"), [(1, 3), (3, 1), (4, 2)])
def test_agrees_with_a_plain_loop(modalities: int, time: int) -> None:
    check_against(low_rank, plain_low_rank, modalities, time)


def test_low_rank_factors_by_hand() -> None:
    fusion = low_rank(1, 2, width=1, rank=1, fused_width=1, hidden=1)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.fill_(1.0)
    tokens = torch.tensor([2.0, 4.0]).view(1, 2, 1, 1, 1)
    mask = torch.ones(1, 2, 1, 1, dtype=torch.bool)
    inputs = FusionInput(tokens, mask)
    assert fusion(inputs).fused.item() == 16.0  # (1 + 2) * (1 + 4) + 1
    weights = torch.tensor([[[0.5, 2.0]]])
    found = fusion(replace(inputs, weights=weights)).fused.item()
    assert found == 19.0  # (1 + 0.5 * 2) * (1 + 2 * 4) + 1
    mask = torch.tensor([True, False]).view(1, 2, 1, 1)
    assert fusion(replace(inputs, mask=mask)).fused.item() == 4.0  # 3 * 1 + 1


def test_parameter_count_is_the_published_one() -> None:
    sizes = {"width": 64, "rank": 32, "fused_width": 64, "hidden": 128}
    fusion = low_rank(1, 4, outputs=3, **sizes)
    numbers = {name: p.numel() for name, p in fusion.named_parameters()}
    assert numbers["factors"] == 4 * 32 * 65 * 64
    assert (numbers["rank_weights"], numbers["bias"]) == (32, 64)
    assert sum(numbers.values()) == 541_283


def started(modalities: int, width: int) -> nn.Module:
    """A low-rank fusion as training finds it."""
    sizes = {"rank": 8, "fused_width": 16, "hidden": 16, "dropout": 0.0}
    fusion = low_rank(SEEDS, modalities, width=width, **sizes)
    initialize(fusion, [torch.Generator().manual_seed(s) for s in range(SEEDS)])
    return fusion


@pytest.mark.parametrize("modalities", [1, 2, 4, 6])
def test_low_rank_start_is_neutral_and_bounded(modalities: int) -> None:
    fusion = started(modalities, 31)
    factors = fusion.factors
    assert (factors[:, :, :, 0] == 1).all()
    expected = (2 / (32 + 16) / modalities) ** 0.5
    assert factors[:, :, :, 1:].std().item() == pytest.approx(expected, rel=0.03)
    with torch.no_grad():
        fusion.rank_weights.fill_(1 / 8)
    draw = torch.Generator().manual_seed(3)
    tokens = torch.randn(SEEDS, modalities, 300, 1, 31, generator=draw)
    mask = torch.ones(tokens.shape[:4], dtype=torch.bool)
    assert (fusion(FusionInput(0.0 * tokens, mask)).fused == 1).all()
    spread = fusion(FusionInput(tokens, mask)).fused.std() * 8**0.5
    assert 0.5 < spread < 2.0


@pytest.mark.parametrize("weight", [0.5, 2.0])
@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_low_rank_start_obeys_the_weight_law(scale: float, weight: float) -> None:
    fusion, inputs = started(4, WIDTH), random_input(4, 2)
    inputs = replace(inputs, tokens=scale * inputs.tokens)
    plain = fusion(inputs).logits
    for m in range(4):
        weights = torch.ones(SEEDS, BATCH, 4)
        weights[..., m] = weight
        moved = fusion(replace(inputs, weights=weights)).logits
        size = (moved - plain).square().mean().sqrt()
        assert 0.01 < size / plain.std(1).mean() < 1.5


@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_low_rank_fusion_learns_a_product_of_modalities(scale: float) -> None:
    fusion, draw = started(4, 4), torch.Generator().manual_seed(4)
    vectors = torch.randn(4, 256, 4, generator=draw)
    target = vectors[0, :, 0] * vectors[1, :, 1]
    tokens = (scale * vectors).expand(SEEDS, -1, -1, -1).unsqueeze(3)
    inputs = FusionInput(tokens, torch.ones(tokens.shape[:4], dtype=torch.bool))
    optimizer = torch.optim.Adam(fusion.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        error = (fusion(inputs).logits.squeeze(2) - target).square().mean()
        error.backward()
        optimizer.step()
    assert error < 0.1 * target.var()


def test_a_rate_outside_its_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="dropout"):
        low_rank(1, 2, dropout=1.5)
