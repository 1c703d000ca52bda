"""Late fusion against plain loops, by hand, and without anything to weigh."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from repro.models.fusions.interface import FusionInput
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    SEEDS,
    drawn,
    late,
    random_input,
)
from tests.repro.models.fusions.simple_cases import (
    check_against,
    double,
    plain_head,
    plain_vectors,
    weights_of,
)


def plain_late(fusion: nn.Module, inputs: FusionInput, s: int, b: int) -> Tensor:
    """The weighted mean of the logits of the modalities that are present."""
    numerator, total = torch.zeros(1).double(), 0.0
    for m, vector in enumerate(plain_vectors(inputs, s, b)):
        if vector is not None:
            weight = inputs.weights[s, b, m].item()
            own = plain_head(vector, fusion.first, fusion.last, s, m)
            numerator, total = numerator + weight * own, total + weight
    return numerator / total


@pytest.mark.parametrize(("modalities", "time"), [(1, 3), (3, 1), (4, 2)])
def test_agrees_with_a_plain_loop(modalities: int, time: int) -> None:
    check_against(late, plain_late, modalities, time)


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
    fusion = late(1, 2, width=1, hidden=1)
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


def test_parameter_count_is_that_of_the_formula() -> None:
    fusion = late(1, 4, width=64, hidden=128, outputs=3)
    expected = 4 * (65 * 128 + 129 * 3)
    assert sum(parameter.numel() for parameter in fusion.parameters()) == expected


def test_a_rate_outside_its_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="dropout"):
        late(1, 2, dropout=1.5)
