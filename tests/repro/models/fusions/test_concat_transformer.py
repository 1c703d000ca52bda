"""The concat transformer against a plain loop, published counts and key weights."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from repro.models.fusions.interface import FusionInput
from repro.models.layers.stacked import initialize
from tests.repro.models.fusions.concat_cases import check_concat
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    SEEDS,
    concat,
    drawn,
    random_input,
)


@pytest.mark.parametrize("residual", ["standard", "paper_code"])
@pytest.mark.parametrize(("modalities", "time"), [(1, 3), (3, 1), (2, 4)])
def test_agrees_with_a_plain_loop(modalities: int, time: int, residual: str) -> None:
    fusion = drawn(concat(SEEDS, modalities, residual=residual, outputs=2))
    check_concat(fusion, fusion, modalities, time)


@pytest.mark.parametrize("weight", [0.5, 2.0])
def test_key_weights_reach_the_slices_of_other_modalities(weight: float) -> None:
    fusion, inputs = drawn(concat(SEEDS, 3)), random_input(3, 4)
    weights = torch.ones(SEEDS, BATCH, 3)
    weights[..., 2] = weight
    plain = fusion(inputs).fused.unflatten(2, (3, -1))[:, :, 0]
    found = fusion(replace(inputs, weights=weights)).fused.unflatten(2, (3, -1))
    size = (found[:, :, 0] - plain).square().mean().sqrt()
    assert size > 0.01 * plain.std()


@pytest.mark.parametrize(
    ("width", "layers", "modalities", "tokens", "outputs", "printed"),
    [
        (256, 2, 4, 16, 3, 1_072_131),  # ADNI
        (128, 2, 3, 8, 2, 268_034),  # MIMIC
        (256, 2, 2, 8, 23, 1_068_567),  # IMDB
        (128, 1, 3, 4, 2, 134_402),  # MOSI
        (256, 1, 2, 4, 20, 538_644),  # ENRICO
    ],
)
def test_parameter_count_is_the_printed_one(
    width: int, layers: int, modalities: int, tokens: int, outputs: int, printed: int
) -> None:
    sizes = {"width": width, "heads": 4, "layers": layers}
    fusion = concat(1, modalities, time=tokens, outputs=outputs, **sizes)
    assert sum(parameter.numel() for parameter in fusion.parameters()) == printed


def test_positions_start_at_zero_and_follow_the_tokens_that_count() -> None:
    fusion = drawn(concat(SEEDS, 2)).double()
    inputs = random_input(2, 4)
    tokens, mask = inputs.tokens.double(), inputs.mask
    shifted = FusionInput(
        functional.pad(tokens, (0, 0, 3, 0), value=torch.nan),
        functional.pad(mask, (3, 0)),
    )
    expected = fusion(FusionInput(tokens, mask)).logits
    assert torch.allclose(fusion(shifted).logits, expected, atol=1e-10)
    initialize(fusion, [torch.Generator().manual_seed(s) for s in range(SEEDS)])
    assert (fusion.positions == 0).all()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got 9 per modality but time=8"):
        drawn(concat(SEEDS, 2))(random_input(2, 9))
    with pytest.raises(ValueError, match=r"residual='none': choose one of"):
        concat(1, 2, residual="none")
