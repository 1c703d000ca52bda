"""Early, late and low-rank fusion against plain loops, by hand, and trained."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from repro.models.fusions.interface import FusionInput
from repro.models.fusions.low_rank import LowRankFusion
from repro.models.fusions.simple import EarlyFusion, LateFusion
from repro.models.stacked import initialize
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    SEEDS,
    WIDTH,
    drawn,
    early,
    late,
    low_rank,
    random_input,
)

FUSIONS: list[Callable[..., nn.Module]] = [early, late, low_rank]
NAMES = ["early", "late", "low_rank"]


def plain_vectors(inputs: FusionInput, s: int, b: int) -> list[Tensor | None]:
    """The mean token of each modality of one sample; None where it is absent."""
    vectors: list[Tensor | None] = []
    for tokens, mask in zip(inputs.tokens[s, :, b], inputs.mask[s, :, b], strict=True):
        kept = [token for token, counts in zip(tokens, mask, strict=True) if counts]
        vectors.append(sum(kept) / len(kept) if kept else None)
    return vectors


def plain_head(x: Tensor, first: nn.Module, last: nn.Module, *at: int) -> Tensor:
    """Affine, ReLU, affine, with the parameters at one seed (and modality)."""
    hidden = torch.relu(x @ first.weight[at] + first.bias[at])
    return hidden @ last.weight[at] + last.bias[at]


def plain_early(fusion: EarlyFusion, inputs: FusionInput, s: int, b: int) -> Tensor:
    """Weighted vectors, zeros where absent, through the head."""
    weights = inputs.weights[s, b]
    vectors = [
        torch.zeros(WIDTH).double() if vector is None else w * vector
        for vector, w in zip(plain_vectors(inputs, s, b), weights, strict=True)
    ]
    return plain_head(torch.cat(vectors), fusion.head.first, fusion.head.last, s)


def plain_late(fusion: LateFusion, inputs: FusionInput, s: int, b: int) -> Tensor:
    """The weighted mean of the logits of the modalities that are present."""
    numerator, total = torch.zeros(1).double(), 0.0
    for m, vector in enumerate(plain_vectors(inputs, s, b)):
        if vector is not None:
            weight = inputs.weights[s, b, m].item()
            own = plain_head(vector, fusion.first, fusion.last, s, m)
            numerator, total = numerator + weight * own, total + weight
    return numerator / total


def plain_low_rank(
    fusion: LowRankFusion, inputs: FusionInput, s: int, b: int
) -> Tensor:
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


PLAIN = [(early, plain_early), (late, plain_late), (low_rank, plain_low_rank)]


@pytest.mark.parametrize(("build", "plain"), PLAIN, ids=NAMES)
@pytest.mark.parametrize(("modalities", "time"), [(1, 3), (3, 1), (4, 2)])
def test_agrees_with_a_plain_loop(
    build: Callable[..., nn.Module],
    plain: Callable[..., Tensor],
    modalities: int,
    time: int,
) -> None:
    fusion, inputs = drawn(build(SEEDS, modalities)).double(), double(modalities, time)
    draw = torch.Generator().manual_seed(5)
    weights = torch.rand(SEEDS, BATCH, modalities, generator=draw).double() * 3
    inputs = replace(inputs, weights=weights)
    found = fusion(inputs).logits
    for s in range(SEEDS):
        for b in range(BATCH):
            expected = plain(fusion, inputs, s, b)
            assert torch.allclose(found[s, b], expected, atol=1e-10)


def double(modalities: int, time: int) -> FusionInput:
    """The random input of the conformance tests, in float64."""
    inputs = random_input(modalities, time)
    return replace(inputs, tokens=inputs.tokens.double())


def weights_of(*values: float) -> Tensor:
    """The same weights for every seed and sample."""
    return torch.tensor(values).double().expand(SEEDS, BATCH, len(values))


@pytest.mark.parametrize("build", FUSIONS, ids=NAMES)
def test_embedding_weights_scale_the_tokens(build: Callable[..., nn.Module]) -> None:
    fusion = drawn(build(SEEDS, 2, weight_site="embedding")).double()
    inputs = double(2, 3)
    halved = torch.tensor([1.0, 0.5]).double()[:, None, None, None] * inputs.tokens
    expected = fusion(replace(inputs, tokens=halved)).logits
    found = fusion(replace(inputs, weights=weights_of(1.0, 0.5))).logits
    assert torch.allclose(found, expected, atol=1e-10)
    assert not torch.allclose(found, fusion(inputs).logits, atol=1e-3)


def test_both_sites_of_early_fusion_are_the_same_function() -> None:
    inputs = replace(double(3, 2), weights=weights_of(0.3, 1.7, 0.0))
    one, other = (
        drawn(early(SEEDS, 3, weight_site=site)).double()(inputs)
        for site in EarlyFusion.weight_sites
    )
    assert torch.allclose(one.logits, other.logits, atol=1e-12)


def test_unimodal_logits_belong_to_their_modality_alone() -> None:
    fusion, inputs = drawn(late(SEEDS, 3, outputs=4)).double(), double(3, 2)
    own = fusion(inputs).gates["unimodal_logits"]
    assert own.shape == (SEEDS, 3, BATCH, 4)
    assert (own[:, 1, ::3] == 0).all()
    for m in range(3):
        alone = inputs.mask.clone()
        alone[:, [n for n in range(3) if n != m]] = False
        single = fusion(replace(inputs, mask=alone)).logits
        assert torch.allclose(single, own[:, m], atol=1e-12)
    weighted = fusion(replace(inputs, weights=weights_of(0.2, 3.0, 0.0)))
    assert torch.equal(weighted.gates["unimodal_logits"], own)


def test_late_fusion_by_hand() -> None:
    fusion = LateFusion(1, 2, width=1, hidden=1)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.fill_(1.0)  # logits relu(x + 1) + 1
    tokens = torch.tensor([3.0, 8.0]).view(1, 2, 1, 1, 1)
    inputs = FusionInput(tokens, torch.ones(1, 2, 1, 1, dtype=torch.bool))
    assert fusion(inputs).logits.item() == 7.5  # the mean of 5 and 10
    uneven = replace(inputs, weights=torch.tensor([[[3.0, 1.0]]]))
    assert fusion(uneven).logits.item() == 6.25  # (3 * 5 + 10) / 4


@pytest.mark.parametrize("value", [1e-30, 0.5, 1.0, 2.0])
def test_one_modality_keeps_its_logits_under_any_positive_weight(value: float) -> None:
    fusion, inputs = drawn(late(SEEDS, 1)), random_input(1, 2)
    weights = torch.full((SEEDS, BATCH, 1), value)
    found = fusion(replace(inputs, weights=weights)).logits
    assert torch.equal(found, fusion(inputs).logits)


def test_late_fusion_without_weight_or_modality_is_zero_with_finite_gradients() -> None:
    fusion, inputs = drawn(late(SEEDS, 3)), random_input(3, 2)
    silent = replace(inputs, weights=torch.zeros(SEEDS, BATCH, 3))
    absent = replace(inputs, mask=torch.zeros_like(inputs.mask))
    for empty in (silent, absent):
        logits = fusion(empty).logits
        assert (logits == 0).all()
        fusion.zero_grad()
        (logits + 1).square().sum().backward()
        gradients = [p.grad for p in fusion.parameters() if p.grad is not None]
        assert len(gradients) == 4
        assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_low_rank_factors_by_hand() -> None:
    fusion = LowRankFusion(1, 2, width=1, rank=1, fused_width=1, hidden=1)
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


def test_low_rank_parameter_count_is_the_published_one() -> None:
    fusion = LowRankFusion(
        1, 4, width=64, rank=32, fused_width=64, hidden=128, outputs=3
    )
    sizes = {name: p.numel() for name, p in fusion.named_parameters()}
    assert sizes["factors"] == 4 * 32 * 65 * 64
    assert (sizes["rank_weights"], sizes["bias"]) == (32, 64)
    assert sum(sizes.values()) == 541_283
    assert early_count(4, 64, 128, 3) == (4 * 64 + 1) * 128 + 129 * 3
    assert late_count(4, 64, 128, 3) == 4 * (65 * 128 + 129 * 3)


def early_count(modalities: int, width: int, hidden: int, outputs: int) -> int:
    """Number of parameters of an early fusion."""
    fusion = EarlyFusion(1, modalities, width=width, hidden=hidden, outputs=outputs)
    return sum(parameter.numel() for parameter in fusion.parameters())


def late_count(modalities: int, width: int, hidden: int, outputs: int) -> int:
    """Number of parameters of a late fusion."""
    fusion = LateFusion(1, modalities, width=width, hidden=hidden, outputs=outputs)
    return sum(parameter.numel() for parameter in fusion.parameters())


def started(modalities: int, width: int) -> LowRankFusion:
    """A low-rank fusion as training finds it."""
    fusion = LowRankFusion(
        SEEDS, modalities, width=width, rank=8, fused_width=16, hidden=16
    )
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


@pytest.mark.parametrize("build", FUSIONS, ids=NAMES)
def test_what_cannot_be_is_refused(build: Callable[..., nn.Module]) -> None:
    with pytest.raises(ValueError, match=r"weight_site='keys'.*contribution"):
        build(1, 2, weight_site="keys")
    with pytest.raises(ValueError, match=r"rate: got 1\.5"):
        build(1, 2, rate=1.5)
