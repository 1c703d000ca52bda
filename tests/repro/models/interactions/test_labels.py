"""The laws of interaction experts where every output is a decision of its own."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from repro.models.fusions.interface import (
    EXPERT_LOGITS,
    EXPERT_WEIGHTS,
    INTERACTION,
    FusionOutput,
)
from repro.models.layers.stacked import initialize
from repro.params.interactions import MASKS, VARIANTS
from repro.training.task import Task
from tests.repro.models.fusions.all_fusions import WRAPPED_NAMES
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    SEEDS,
    drawn,
    experts_of,
    random_input,
)
from tests.repro.models.interactions.test_experts import (
    generators,
    of_experts,
    started,
    step,
    training,
)

LABELS = 5
TASK = Task("multilabel", LABELS)


def labels() -> Tensor:
    """Coded sets of labels for every row, some of none and some of all."""
    draw = torch.Generator().manual_seed(1)
    y = torch.randint(0, 2**LABELS, (BATCH,), generator=draw)
    y[:2] = torch.tensor([0, 2**LABELS - 1])
    return y.float().expand(SEEDS, -1)


def total(output: FusionOutput) -> Tensor:
    """What a step of training lowers."""
    loss = TASK.losses(output.logits, labels()).mean(1)
    return (loss + sum(output.losses.values())).sum()


def model_of(name: str, **settings: Any) -> Any:
    return experts_of(name, SEEDS, 3, LABELS, **settings)


@pytest.mark.parametrize("name", WRAPPED_NAMES)
def test_experts_separate_and_all_of_them_move_in_one_step(name: str) -> None:
    model = started(model_of(name))
    before = [p.detach().clone() for p in of_experts(model)]
    step(model, total(model(training(random_input(3, 1)))))
    for e in range(4):
        assert any((p[:, e] != p[:, e + 1]).any() for p in of_experts(model))
    for old, new in zip(before, of_experts(model), strict=True):
        assert (old != new).flatten(2).any(2).all()


@pytest.mark.parametrize("name", WRAPPED_NAMES)
def test_logits_are_the_mixture_and_predictions_its_sigmoid(name: str) -> None:
    output = drawn(model_of(name))(random_input(3, 1))
    logits, weights = output.gates[EXPERT_LOGITS], output.gates[EXPERT_WEIGHTS]
    assert logits.shape == (SEEDS, BATCH, 5, LABELS)
    assert torch.allclose(weights.sum(2), torch.ones(SEEDS, BATCH))
    mixed = (weights.unsqueeze(3) * logits).sum(2).double()
    found = torch.from_numpy(TASK.predictions(output.logits.detach()))
    assert torch.allclose(found, 1 / (1 + (-mixed).exp()), atol=1e-6)
    assert not torch.allclose(found.sum(2), torch.ones(SEEDS, BATCH).double())


@pytest.mark.parametrize("name", WRAPPED_NAMES)
def test_a_seed_alone_takes_the_step_of_the_seed_in_a_stack(name: str) -> None:
    both, inputs = experts_of(name, SEEDS, 3, LABELS), random_input(3, 2)
    initialize(both, generators(5, 6))
    alone = experts_of(name, 1, 3, LABELS)
    initialize(alone, generators(6))
    noise = generators(1, 2), generators(2)
    part = replace(
        inputs,
        tokens=inputs.tokens[1:],
        mask=inputs.mask[1:],
        targets=None,
        raw=None,
    )
    found = []
    for model, given, made in ((both, inputs, noise[0]), (alone, part, noise[1])):
        output = model(replace(given, generators=made, router_generators=made))
        loss = TASK.losses(output.logits, labels()[: model.seeds]).mean(1)
        found.append((loss + sum(output.losses.values()))[-1])
    assert torch.allclose(*found, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("mask", MASKS)
def test_every_variant_and_mask_gives_finite_losses(variant: str, mask: str) -> None:
    expert = "synergy" if variant == "trained_alone" else None
    settings = {"variant": variant, "mask": mask, "expert": expert}
    model = started(model_of("concat_transformer", **settings))
    output = model(training(random_input(3, 2)))
    assert set(output.losses) == set(model.losses)
    loss = total(output)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(
        p.grad is None or torch.isfinite(p.grad).all() for p in model.parameters()
    )


def test_a_label_that_no_row_has_is_learned_to_be_absent() -> None:
    """All its targets are 0: its probability falls and nothing becomes infinite."""
    model = started(model_of("early_fusion"))
    inputs, y = random_input(3, 1), (labels().long() & 0b01111).float()
    chances = []
    for _ in range(30):
        output = model(training(inputs))
        chances.append(output.logits.sigmoid()[..., 4].mean().item())
        loss = TASK.losses(output.logits, y).mean(1).sum()
        model.zero_grad()
        step(model, loss + output.losses[INTERACTION].sum())
    assert chances[-1] < chances[0]
    assert all(torch.isfinite(p).all() for p in model.parameters())
