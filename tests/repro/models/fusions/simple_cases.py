"""Plain loops and inputs for the tests of early, late and low-rank fusion."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from repro.models.fusions.interface import FusionInput
from tests.repro.models.fusions.fusion_cases import BATCH, SEEDS, drawn, random_input


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


def double(modalities: int, time: int) -> FusionInput:
    """The random input of the conformance tests, in float64."""
    inputs = random_input(modalities, time)
    return replace(inputs, tokens=inputs.tokens.double())


def check_against(
    build: Callable[..., nn.Module],
    plain: Callable[[nn.Module, FusionInput, int, int], Tensor],
    modalities: int,
    time: int,
) -> None:
    """Compare the logits of a small fusion with weights to those of a plain loop."""
    fusion, inputs = drawn(build(SEEDS, modalities)).double(), double(modalities, time)
    draw = torch.Generator().manual_seed(5)
    weights = torch.rand(SEEDS, BATCH, modalities, generator=draw).double() * 3
    inputs = replace(inputs, weights=weights)
    found = fusion(inputs).logits
    for s in range(SEEDS):
        for b in range(BATCH):
            expected = plain(fusion, inputs, s, b)
            assert torch.allclose(found[s, b], expected, atol=1e-10)


def weights_of(*values: float) -> Tensor:
    """The same weights for every seed and sample."""
    return torch.tensor(values).double().expand(SEEDS, BATCH, len(values))
