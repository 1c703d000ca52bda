"""Interaction experts in a whole model: data in, sizes, what is kept of a seed."""

from typing import Any

import pytest
import torch
from torch import Generator

from repro.models.batch import Inputs, gather
from repro.models.fusions.interface import EXPERT_WEIGHTS, INTERACTION
from repro.models.interactions.experts import InteractionExperts
from repro.models.predictor import Predictor, Randomness, parameter_count
from repro.params.interactions import Interaction
from repro.training.checkpoint import checkpoint_arrays, load_parameters
from tests.repro.models.architectures import small_architecture
from tests.repro.small_study import small_inputs

ROWS = torch.arange(24).expand(2, -1)


def generators(seeds: int = 2) -> list[Generator]:
    return [Generator().manual_seed(seed) for seed in range(seeds)]


def model_of(
    inputs: Inputs, fusion: str = "concat_transformer", **changes: Any
) -> Predictor:
    shape = small_architecture(fusion, **{"interaction": Interaction()} | changes)
    model = Predictor(2, inputs, shape)
    model.initialize(generators())
    return model


def trained_once(model: Predictor, inputs: Inputs) -> Any:
    noise = generators()
    return model(gather(inputs, ROWS), randomness=Randomness(noise, noise))


@pytest.mark.parametrize("missing", ["mask", "zero", "embedding"])
def test_the_model_gives_experts_and_their_loss(missing: str) -> None:
    inputs = small_inputs()
    model = model_of(inputs, missing=missing)
    output = trained_once(model, inputs)
    assert output.logits.shape == (2, 24, 1)
    assert output.gates[EXPERT_WEIGHTS].shape == (2, 24, 5)
    assert output.losses[INTERACTION].requires_grad
    total = sum(p.numel() for p in model.parameters())
    assert parameter_count(model) == total / 2


def test_a_placeholder_of_an_absent_modality_has_no_masked_pass() -> None:
    inputs = small_inputs()
    model = model_of(inputs, missing="zero")
    batch = gather(inputs, ROWS)
    given = model.fusion_input(batch)
    assert given.mask.any(3).all()  # stand-ins count
    _, exists = model.fusion.masked_logits(given, "zero", generators())
    assert torch.equal(exists, batch.present.transpose(1, 2))


def test_one_modality_has_no_interactions() -> None:
    model = model_of(small_inputs().only("text"))
    assert not isinstance(model.fusion, InteractionExperts)


@pytest.mark.parametrize("fusion", ["mmim", "ithp"])
def test_fusions_without_experts_are_refused_with_the_reason(fusion: str) -> None:
    with pytest.raises(
        ValueError, match=f"interaction: fusion '{fusion}' (relates|predicts)"
    ):
        model_of(small_inputs(), fusion)


def test_what_a_seed_remembers_is_kept_with_it_and_stored() -> None:
    inputs = small_inputs()
    model = model_of(inputs)
    trained_once(model, inputs)
    moments = model.fusion.moments
    assert moments.mean.abs().sum() > 0
    assert any(torch.equal(v, moments.mean[1]) for v in model.kept(1))
    arrays = checkpoint_arrays(model, [], range(2))
    other = model_of(inputs)
    load_parameters(other, arrays)
    assert torch.equal(other.fusion.moments.mean, moments.mean)
    del arrays["buffers.fusion.moments.mean"]
    with pytest.raises(
        ValueError, match=r"checkpoint: buffers\.fusion\.moments\.mean is"
    ):
        load_parameters(other, arrays)


def test_a_probe_with_the_mean_needs_training_first() -> None:
    inputs = small_inputs()
    model = model_of(inputs)
    given = model.fusion_input(gather(inputs, ROWS))
    with pytest.raises(ValueError, match="mask='mean' before any train batch"):
        model.fusion.masked_logits(given, "mean", generators())
    trained_once(model, inputs)
    model.fusion.masked_logits(given, "mean", generators())
