"""Early fusion against plain loops, at both sites, and its size."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from repro.models.fusions.interface import FusionInput, at_site
from tests.repro.models.fusions.fusion_cases import (
    SEEDS,
    WIDTH,
    drawn,
    early,
)
from tests.repro.models.fusions.simple_cases import (
    check_against,
    double,
    plain_head,
    plain_vectors,
    weights_of,
)


def plain_early(fusion: nn.Module, inputs: FusionInput, s: int, b: int) -> Tensor:
    """Weighted vectors, zeros where absent, through the head."""
    weights = inputs.weights[s, b]
    vectors = [
        torch.zeros(WIDTH).double() if vector is None else w * vector
        for vector, w in zip(plain_vectors(inputs, s, b), weights, strict=True)
    ]
    return plain_head(torch.cat(vectors), fusion.head.first, fusion.head.last, s)


@pytest.mark.parametrize(("modalities", "time"), [(1, 3), (3, 1), (4, 2)])
def test_agrees_with_a_plain_loop(modalities: int, time: int) -> None:
    check_against(early, plain_early, modalities, time)


def test_both_sites_are_the_same_function() -> None:
    inputs = replace(double(3, 2), weights=weights_of(0.3, 1.7, 0.0))
    fusion = drawn(early(SEEDS, 3)).double()
    one, other = fusion(inputs), fusion(at_site(inputs, "embedding"))
    assert torch.allclose(one.logits, other.logits, atol=1e-12)


def test_parameter_count_is_that_of_the_formula() -> None:
    fusion = early(1, 4, width=64, hidden=128, outputs=3)
    expected = (4 * 64 + 1) * 128 + 129 * 3
    assert sum(parameter.numel() for parameter in fusion.parameters()) == expected


def test_a_rate_outside_its_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="dropout"):
        early(1, 2, dropout=1.5)
