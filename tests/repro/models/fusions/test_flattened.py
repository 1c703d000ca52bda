"""FuseMoE whose experts take whole sequences, and its published size."""

from dataclasses import replace

import pytest
import torch

from repro.models.layers.experts import Experts
from tests.repro.models.fusions.fusion_cases import (
    SEEDS,
    WIDTH,
    Case,
    drawn,
    flattened,
    in_double,
    random_input,
)


@pytest.mark.parametrize("modalities", [1, 4])
def test_flattened_experts_take_whole_sequences(modalities: int) -> None:
    time, hidden, experts = 6, 5, 8
    fusion = flattened(1, modalities)
    unit = time * WIDTH
    for layer in fusion.fusemoe.layers:
        pool = layer.mixture.experts
        assert pool.weight_in.shape == (1, experts, unit, hidden)
        assert pool.weight_out.shape == (1, experts, hidden, modalities * unit)
        assert layer.mixture.router.centers.shape[2] == unit


@pytest.mark.parametrize(("modalities", "millions"), [(4, 756), (1, 302)])
def test_flattened_experts_have_the_published_size(
    modalities: int, millions: int
) -> None:
    # Source: BTW's FuseMoE on MIMIC-IV; 48 tokens of 128, hidden 512, 16 experts.
    with torch.device("meta"):
        pool = Experts(1, 16, 48 * 128, 512, modalities * 48 * 128)
    layers = 3 * sum(parameter.numel() for parameter in pool.parameters())
    assert round(layers / 1e6) == millions
    if modalities == 4:
        assert round(layers / 3 / 16 / 1e6, 2) == 15.75


def test_flattened_tokens_reach_every_time() -> None:
    case = in_double(Case(drawn(flattened(SEEDS, 3)), random_input(3, 4)))
    mask = torch.ones_like(case.inputs.mask)
    inputs = replace(case.inputs, mask=mask)
    changed = inputs.tokens.clone()
    changed[:, 1, :, 2] += torch.arange(WIDTH)
    mixture_layer = case.fusion.fusemoe.layers[0].mixture
    before, after = (mixture_layer(x, inputs)[0] for x in (inputs.tokens, changed))
    assert (before != after).any(4).all()
