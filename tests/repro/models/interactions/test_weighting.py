"""Weights of modalities inside experts and inside the network that weights experts."""

from dataclasses import replace

import pytest
import torch
from torch import Generator

from repro.models.fusions.interface import INTERACTION, FusionInput, FusionOutput
from repro.params.interactions import Reweighting
from tests.repro.models.fusions.all_fusions import WRAPPED_NAMES
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    SEEDS,
    drawn,
    experts_of,
    random_input,
    small_sizes,
)

WEIGHTED_NAMES = [n for n in WRAPPED_NAMES if experts_of(n, 1, 2).weight_sites]


def training(inputs: FusionInput) -> FusionInput:
    made = [Generator().manual_seed(seed) for seed in range(SEEDS)]
    return replace(inputs, generators=made, router_generators=made)


def differ(one: FusionOutput, other: FusionOutput) -> float:
    """The largest gap of logits, logits of experts and their weights."""
    pairs = [(one.logits, other.logits)]
    pairs += [(gate, other.gates[name]) for name, gate in one.gates.items()]
    return max((a - b).abs().max().item() for a, b in pairs)


@pytest.mark.parametrize("name", WEIGHTED_NAMES)
def test_weights_of_one_leave_experts_losses_and_their_weights(name: str) -> None:
    model, inputs = drawn(experts_of(name, SEEDS, 3)), random_input(3, 1)
    ones = replace(inputs, weights=torch.ones(SEEDS, BATCH, 3))
    assert differ(model(inputs), model(ones)) == 0.0
    one, other = model(training(inputs)), model(training(ones))
    assert differ(one, other) == 0.0
    for loss, value in one.losses.items():
        assert torch.equal(value, other.losses[loss])


@pytest.mark.parametrize("name", WEIGHTED_NAMES)
def test_weight_zero_is_absence_for_experts_losses_and_their_weights(name: str) -> None:
    rates = [n for n in small_sizes(name) if n.endswith("dropout")]
    model = drawn(
        experts_of(
            name,
            SEEDS,
            3,
            sizes=dict.fromkeys(rates, 0.0),
            mask="zero",
            reweighting=Reweighting(hidden=5, dropout=0.0),
        )
    )
    inputs = random_input(3, 1)
    for modality in range(3):
        weights, mask = torch.ones(SEEDS, BATCH, 3), inputs.mask.clone()
        weights[..., modality], mask[:, modality] = 0.0, False
        silent, absent = replace(inputs, weights=weights), replace(inputs, mask=mask)
        assert differ(model(silent), model(absent)) < 1e-6
        one, other = (
            model(training(given)).losses[INTERACTION] for given in (silent, absent)
        )
        assert torch.allclose(one, other, atol=1e-6)
