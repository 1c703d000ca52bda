"""What every fusion must do."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from repro.models.fusions.interface import FusionInput, FusionOutput, at_site
from repro.models.interactions.experts import InteractionExperts
from repro.models.layers.stacked import by_seed
from repro.training.optimization import StackedAdam
from tests.repro.models.fusions.all_fusions import (
    AT_CONTRIBUTION,
    CASES,
    FUSIONS,
    WEIGHTED,
    WEIGHTED_NAMES,
)
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    SEEDS,
    WIDTH,
    Case,
    drawn,
    in_double,
    random_input,
)
from tests.repro.models.new_memory import nan_in_new_memory


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    """Every fusion on every number of modalities and tokens."""
    name, (modalities, time) = request.param
    fusion = drawn(FUSIONS[name](SEEDS, modalities))
    return Case(fusion, random_input(modalities, time))


@pytest.fixture(params=WEIGHTED, ids=str)
def weighted_case(request: pytest.FixtureRequest) -> Case:
    """The same for every fusion that takes weights."""
    name, (modalities, time) = request.param
    fusion = drawn(FUSIONS[name](SEEDS, modalities))
    return Case(fusion, random_input(modalities, time))


@pytest.fixture(params=AT_CONTRIBUTION, ids=str)
def contribution_case(request: pytest.FixtureRequest) -> Case:
    """The same where weights multiply what a modality contributes."""
    name, (modalities, time) = request.param
    fusion = drawn(FUSIONS[name](SEEDS, modalities))
    return Case(fusion, random_input(modalities, time))


def with_randomness(inputs: FusionInput) -> FusionInput:
    """The input as in training."""
    generators = [torch.Generator().manual_seed(s) for s in range(SEEDS)]
    return replace(inputs, generators=generators, router_generators=generators)


def total(output: FusionOutput) -> Tensor:
    """A scalar in which every output takes part."""
    losses = sum(loss.sum() for loss in output.losses.values())
    return output.logits.square().sum() + losses


def gradients(fusion: nn.Module, inputs: FusionInput) -> list[Tensor]:
    """Gradient of `total` in every parameter."""
    fusion.zero_grad()
    total(fusion(inputs)).backward()
    return [p.grad.clone() for p in fusion.parameters() if p.grad is not None]


def rows_of(inputs: FusionInput, rows: Tensor) -> FusionInput:
    """Some rows of a batch."""
    return replace(
        inputs,
        tokens=inputs.tokens[:, :, rows],
        mask=inputs.mask[:, :, rows],
        targets=None,
        raw=None,
    )


def filled(inputs: FusionInput, value: float) -> FusionInput:
    """The input with a value stored wherever a token does not count."""
    tokens = torch.where(inputs.mask[..., None], inputs.tokens, value)
    return replace(inputs, tokens=tokens)


def test_no_memory_is_read_before_it_is_written(case: Case) -> None:
    plain = gradients(case.fusion, with_randomness(case.inputs))
    with nan_in_new_memory():
        filled_first = gradients(case.fusion, with_randomness(case.inputs))
    pairs = zip(plain, filled_first, strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_every_parameter_is_registered_and_moved_by_one_step(case: Case) -> None:
    parameters = dict(case.fusion.named_parameters())
    loose = [
        (name, key)
        for name, module in case.fusion.named_modules()
        for key, value in vars(module).items()
        if isinstance(value, Tensor)
    ]
    assert loose == []
    before = {name: p.detach().clone() for name, p in parameters.items()}
    optimizer = StackedAdam(
        list(parameters.values()), seeds=SEEDS, lr=0.01, weight_decay=0.0, clip=1.0
    )
    total(case.fusion(with_randomness(case.inputs))).backward()
    optimizer.step()
    for name, parameter in parameters.items():
        moved = (parameter != before[name]).flatten(1).any(1)
        assert moved.all(), name
        assert torch.isfinite(parameter).all(), name


def test_a_row_does_not_depend_on_its_batch_mates_or_the_order(case: Case) -> None:
    case = in_double(case)
    together = case.fusion(case.inputs)
    for rows in (torch.tensor([4]), torch.tensor([3, 0]), torch.arange(BATCH).flip(0)):
        part = case.fusion(rows_of(case.inputs, rows))
        assert torch.allclose(part.logits, together.logits[:, rows], atol=1e-10)
        assert torch.allclose(part.fused, together.fused[:, rows], atol=1e-10)


def test_evaluation_is_deterministic_and_training_is_not(case: Case) -> None:
    first, second = case.fusion(case.inputs), case.fusion(case.inputs)
    assert torch.equal(first.logits, second.logits)
    noisy = case.fusion(with_randomness(case.inputs))
    is_random = any("dropout" in name for name in case.fusion.Sizes.model_fields)
    # The network that weighs experts has dropout of its own.
    is_random |= isinstance(case.fusion, InteractionExperts)
    assert torch.equal(first.logits, noisy.logits) != is_random


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1e30])
def test_tokens_that_do_not_count_have_no_influence(case: Case, value: float) -> None:
    clean, dirty = filled(case.inputs, 0.0), filled(case.inputs, value)
    for inputs in (clean, dirty):
        assert inputs.mask.sum() == case.inputs.mask.sum()
    one, other = case.fusion(clean), case.fusion(dirty)
    assert torch.equal(one.logits, other.logits)
    for name, loss in one.losses.items():
        assert torch.equal(loss, other.losses[name])
    for expected, found in zip(
        gradients(case.fusion, clean), gradients(case.fusion, dirty), strict=True
    ):
        assert torch.equal(expected, found)


def test_padding_has_no_influence(case: Case) -> None:
    case = in_double(case)
    more = torch.full((*case.inputs.mask.shape[:3], 2, WIDTH), 3.0).double()
    longer = replace(
        case.inputs,
        tokens=torch.cat([case.inputs.tokens, more], 3),
        mask=nn.functional.pad(case.inputs.mask, (0, 2)),
    )
    one, other = case.fusion(case.inputs), case.fusion(longer)
    assert torch.allclose(one.logits, other.logits, atol=1e-10)
    for name, loss in one.losses.items():
        assert torch.allclose(loss, other.losses[name], atol=1e-10)


def constant(inputs: FusionInput, modality: int, value: float) -> FusionInput:
    """Weights of one, but for one modality."""
    weights = torch.ones(SEEDS, BATCH, inputs.mask.shape[1])
    weights[..., modality] = value
    return replace(inputs, weights=weights.to(inputs.tokens.dtype))


def test_weights_of_one_change_no_bit(weighted_case: Case) -> None:
    case = weighted_case
    ones = constant(case.inputs, 0, 1.0)
    assert torch.equal(case.fusion(ones).logits, case.fusion(case.inputs).logits)
    for expected, found in zip(
        gradients(case.fusion, with_randomness(case.inputs)),
        gradients(case.fusion, with_randomness(ones)),
        strict=True,
    ):
        assert torch.equal(expected, found)


def test_weight_zero_is_the_absence_of_the_modality(contribution_case: Case) -> None:
    case = contribution_case
    for modality in range(case.inputs.mask.shape[1]):
        mask = case.inputs.mask.clone()
        mask[:, modality] = False
        silent = case.fusion(constant(case.inputs, modality, 0.0)).logits
        absent = case.fusion(replace(case.inputs, mask=mask)).logits
        assert torch.allclose(silent, absent, atol=1e-6, rtol=0)


@pytest.mark.parametrize("weight", [0.5, 2.0])
def test_weights_move_the_logits(contribution_case: Case, weight: float) -> None:
    case = contribution_case
    plain = case.fusion(case.inputs).logits
    for modality in range(case.inputs.mask.shape[1]):
        moved = case.fusion(constant(case.inputs, modality, weight)).logits
        size = (moved - plain).square().mean().sqrt()
        assert size > 0.01 * plain.std()


def test_weights_are_data_and_get_no_gradient(weighted_case: Case) -> None:
    case = weighted_case
    inputs = constant(case.inputs, 0, 0.7)
    assert inputs.weights is not None
    inputs.weights.requires_grad_()
    total(case.fusion(inputs)).backward()
    assert inputs.weights.grad is None


def test_parameters_survive_a_file(case: Case, tmp_path: Path) -> None:
    save_file(case.fusion.state_dict(), tmp_path / "fusion.safetensors")
    before = case.fusion(case.inputs).logits
    drawn(case.fusion, seed=50)
    assert not torch.equal(before, case.fusion(case.inputs).logits)
    case.fusion.load_state_dict(load_file(tmp_path / "fusion.safetensors"))
    assert torch.equal(before, case.fusion(case.inputs).logits)


def test_auxiliary_losses_carry_a_gradient(case: Case) -> None:
    losses = case.fusion(with_randomness(case.inputs)).losses
    assert set(losses) == set(case.fusion.losses)
    for loss in losses.values():
        assert loss.shape == (SEEDS,)
        assert loss.requires_grad
        assert torch.isfinite(loss).all()


def test_a_row_without_any_modality_is_finite(case: Case) -> None:
    mask = case.inputs.mask.clone()
    mask[:, :, 0] = False
    inputs = replace(case.inputs, mask=mask)
    assert torch.isfinite(case.fusion(inputs).logits).all()
    assert all(torch.isfinite(g).all() for g in gradients(case.fusion, inputs))
    nothing = replace(case.inputs, mask=torch.zeros_like(mask))
    assert all(torch.isfinite(g).all() for g in gradients(case.fusion, nothing))


@pytest.mark.parametrize("name", FUSIONS)
def test_a_seed_does_not_depend_on_the_others(name: str) -> None:
    both, alone = drawn(FUSIONS[name](SEEDS, 3)), FUSIONS[name](1, 3)
    with torch.no_grad():
        for own, stacked in zip(alone.parameters(), both.parameters(), strict=True):
            own.copy_(by_seed(stacked, SEEDS)[1].view_as(own))
    inputs = random_input(3, 2)
    one = FusionInput(inputs.tokens[1:], inputs.mask[1:])
    expected = both(inputs).logits[1:]
    assert torch.allclose(alone(one).logits, expected, atol=1e-6)


@pytest.mark.parametrize("name", WEIGHTED_NAMES)
def test_embedding_weights_scale_the_tokens(name: str) -> None:
    fusion, inputs = drawn(FUSIONS[name](SEEDS, 2)), random_input(2, 1)
    scale = torch.tensor([1.0, 0.5])[:, None, None, None]
    expected = fusion(replace(inputs, tokens=inputs.tokens * scale)).logits
    found = fusion(at_site(constant(inputs, 1, 0.5), "embedding")).logits
    assert torch.equal(found, expected)
    assert not torch.allclose(found, fusion(inputs).logits, atol=1e-4)
