"""What interaction experts promise, for every fusion they can be made of."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from repro.models.fusions.interface import (
    EXPERT_LOGITS,
    EXPERT_WEIGHTS,
    INTERACTION,
    FusionInput,
    FusionShape,
    no_experts,
)
from repro.models.interactions.experts import InteractionExperts, expert_names
from repro.models.layers.stacked import by_seed, initialize
from repro.params.interactions import VARIANTS, Interaction
from repro.training.optimization import StackedAdam
from tests.repro.models.fusions.all_fusions import WRAPPED_NAMES
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    SEEDS,
    WIDTH,
    drawn,
    experts_of,
    random_input,
    small,
    small_sizes,
)

SPARSE = ("moe", "fusemoe")


def generators(*seeds: int) -> list[Generator]:
    return [Generator().manual_seed(seed) for seed in seeds]


def training(inputs: FusionInput) -> FusionInput:
    made = generators(*range(len(inputs.tokens)))
    return replace(inputs, generators=made, router_generators=made)


def started(model: Any) -> Any:
    initialize(model, generators(*range(model.seeds)))
    return model


def of_experts(model: Any) -> list[Tensor]:
    """Parameters `(seeds, experts, ...)` of the experts."""
    return [by_seed(p, model.seeds) for p in model.experts.parameters()]


def step(model: Any, loss: Tensor) -> None:
    optimizer = StackedAdam(
        list(model.parameters()), seeds=model.seeds, lr=0.01, weight_decay=0.0, clip=1.0
    )
    loss.backward()
    optimizer.step()


@pytest.mark.parametrize("modalities", [2, 3, 4])
def test_there_is_an_expert_per_modality_and_two_more(modalities: int) -> None:
    model, inputs = (
        drawn(experts_of("moe", SEEDS, modalities)),
        random_input(modalities, 1),
    )
    output = model(inputs)
    logits, weights = output.gates[EXPERT_LOGITS], output.gates[EXPERT_WEIGHTS]
    assert logits.shape == (SEEDS, BATCH, modalities + 2, 3)
    assert torch.allclose(weights.sum(2), torch.ones(SEEDS, BATCH))
    mixed = (weights.unsqueeze(3) * logits).sum(2)
    assert torch.allclose(mixed, output.logits, atol=1e-6)
    assert output.losses.keys() == {"balance"}  # nothing is masked in evaluation


@pytest.mark.parametrize("name", WRAPPED_NAMES)
def test_identical_experts_are_the_fusion_and_separate_in_one_step(name: str) -> None:
    model = started(experts_of(name, SEEDS, 3, variant="simple_weight"))
    plain = small(name, SEEDS, 3, outputs=3)
    initialize(plain, generators(*range(SEEDS)))
    for own, expected in zip(of_experts(model), plain.parameters(), strict=True):
        assert torch.equal(own, expected.unsqueeze(1).expand_as(own))
    output = model(training(random_input(3, 1)))
    step(model, (output.logits.square().mean() + sum(output.losses.values()).sum()))
    for e in range(4):
        assert any((p[:, e] != p[:, e + 1]).any() for p in of_experts(model))


@pytest.mark.parametrize("name", WRAPPED_NAMES)
@pytest.mark.parametrize("variant", ["full", "less_forward", "synergy_redundancy"])
def test_every_parameter_of_every_expert_moves(name: str, variant: str) -> None:
    model = started(experts_of(name, SEEDS, 3, variant=variant, initial="independent"))
    before = [p.detach().clone() for p in of_experts(model)]
    output = model(training(random_input(3, 1)))
    step(model, (output.logits.square().mean() + sum(output.losses.values()).sum()))
    for old, new in zip(before, of_experts(model), strict=True):
        assert (old != new).flatten(2).any(2).all()


def test_independent_experts_start_apart() -> None:
    model = started(experts_of("moe", SEEDS, 2, initial="independent"))
    matrices = [p for p in of_experts(model) if p.std() > 0]
    assert all((p[:, 0] != p[:, 1]).any() for p in matrices)


@pytest.mark.parametrize("name", WRAPPED_NAMES)
def test_a_seed_alone_equals_the_seed_in_a_stack(name: str) -> None:
    both = experts_of(name, SEEDS, 3, mask="matched")
    initialize(both, generators(5, 6))
    alone = experts_of(name, 1, 3, mask="matched")
    initialize(alone, generators(6))
    inputs = random_input(3, 2)
    part = FusionInput(inputs.tokens[1:], inputs.mask[1:])
    made = [generators(1, 2), generators(2)]
    stacked = both(replace(inputs, generators=made[0], router_generators=made[0]))
    own = alone(replace(part, generators=made[1], router_generators=made[1]))
    assert torch.allclose(stacked.logits[1:], own.logits, atol=1e-5)
    for loss, expected in own.losses.items():
        assert torch.allclose(stacked.losses[loss][1:], expected, atol=1e-5)
    assert torch.equal(both.moments.mean[1:], alone.moments.mean)


@pytest.mark.parametrize("name", SPARSE)
def test_balance_is_that_of_intact_rows_and_moves_routers(name: str) -> None:
    rates = [n for n in small_sizes(name) if n.endswith("dropout")]
    sizes = dict.fromkeys(rates, 0.0)
    model = started(experts_of(name, SEEDS, 3, sizes=sizes))
    inputs = random_input(3, 1)
    router_noise = replace(inputs, generators=generators(0, 1))
    loss = model(router_noise).losses["balance"]
    intact = model(inputs).losses["balance"]
    assert torch.allclose(loss, intact)
    loss.sum().backward()
    routers = [p for n, p in model.named_parameters() if "router.centers" in n]
    assert routers
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in routers)


@pytest.mark.parametrize("name", WRAPPED_NAMES)
def test_the_latent_loss_reaches_the_parameters_or_is_refused(name: str) -> None:
    model = started(experts_of(name, SEEDS, 3, variant="latent_contrastive"))
    loss = model(training(random_input(3, 1))).losses[INTERACTION]
    if loss.requires_grad:
        loss.sum().backward()
    found = [p.grad for p in model.experts.parameters()]
    is_reached = any(g is not None and g.abs().sum() > 0 for g in found)
    assert is_reached == (no_experts(name, "latent_contrastive") is None)


def test_the_loss_is_the_mean_over_the_experts_there_are() -> None:
    names, inputs = (
        ("unique_text", "unique_audio", "synergy", "redundancy"),
        random_input(2, 1),
    )
    full = started(experts_of("early_fusion", SEEDS, 2, mask="zero"))
    whole = full(training(inputs)).losses[INTERACTION]
    parts = {}
    for name in names:
        alone = started(
            experts_of(
                "early_fusion",
                SEEDS,
                2,
                mask="zero",
                sizes={"dropout": 0.0},
                variant="trained_alone",
                expert=name,
            )
        )
        parts[name] = alone(training(inputs)).losses[INTERACTION]
        assert alone(inputs).gates[EXPERT_WEIGHTS].unique().tolist() == [1.0]
    full = started(
        experts_of("early_fusion", SEEDS, 2, mask="zero", sizes={"dropout": 0.0})
    )
    whole = full(training(inputs)).losses[INTERACTION]
    assert torch.allclose(whole, torch.stack(list(parts.values())).mean(0), atol=1e-6)
    pair = started(
        experts_of(
            "early_fusion",
            SEEDS,
            2,
            mask="zero",
            sizes={"dropout": 0.0},
            variant="synergy_redundancy",
        )
    )
    both = (parts["synergy"] + parts["redundancy"]) / 2
    assert torch.allclose(pair(training(inputs)).losses[INTERACTION], both, atol=1e-6)


@pytest.mark.parametrize("settings", [{"variant": "no_interaction"}, {"strength": 0.0}])
def test_without_losses_nothing_is_masked(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = started(experts_of("concat_transformer", SEEDS, 3, **settings))
    rows: list[int] = []
    called = model.experts.forward

    def counted(inputs: FusionInput) -> Any:
        rows.append(inputs.tokens.shape[2])
        return called(inputs)

    monkeypatch.setattr(model.experts, "forward", counted)
    assert model(training(random_input(3, 1))).losses == {}
    assert rows == [BATCH]


@pytest.mark.parametrize("value", [torch.nan, 1e30])
def test_what_an_absent_modality_stores_changes_no_loss(value: float) -> None:
    found = []
    for stored in (0.0, value):
        model, inputs = (
            started(experts_of("concat_transformer", SEEDS, 3)),
            random_input(3, 3),
        )
        tokens = torch.where(inputs.mask[..., None], inputs.tokens, stored)
        loss = model(training(replace(inputs, tokens=tokens))).losses[INTERACTION]
        loss.sum().backward()
        found.append([loss, *(p.grad for p in model.experts.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_a_placeholder_or_weight_zero_has_no_pass() -> None:
    model, inputs = drawn(experts_of("early_fusion", SEEDS, 3)), random_input(3, 1)
    present = torch.ones(SEEDS, BATCH, 3, dtype=torch.bool)
    present[:, 2, 0] = False
    weights = torch.ones(SEEDS, BATCH, 3)
    weights[:, 4, 2] = 0.0
    changed = replace(inputs, present=present, weights=weights)
    _, exists = model.masked_logits(changed, "zero", generators(0, 1))
    expected = inputs.mask.any(3)
    expected[:, 0, 2] = expected[:, 2, 4] = False
    assert torch.equal(exists, expected)


def test_modalities_in_another_order_permute_the_experts() -> None:
    model, inputs = drawn(experts_of("low_rank", SEEDS, 3)), random_input(3, 1)
    moved = replace(
        inputs, tokens=inputs.tokens[:, [2, 0, 1]], mask=inputs.mask[:, [2, 0, 1]]
    )
    assert expert_names(["video", "text", "audio"], Interaction())[:3] == [
        "unique_video",
        "unique_text",
        "unique_audio",
    ]
    twin = drawn(experts_of("low_rank", SEEDS, 3))
    order = [2, 0, 1]
    with torch.no_grad():
        for name, own in twin.experts.named_parameters():
            source = dict(model.experts.named_parameters())[name]
            values = by_seed(source, SEEDS)[:, [*order, 3, 4]].flatten(0, 1)
            own.copy_(values[:, order] if name == "factors" else values)
    there, _ = model.masked_logits(inputs, "zero", generators(0, 1))
    here, _ = twin.masked_logits(moved, "zero", generators(0, 1))
    expected = there[:, [*order, 3, 4]][:, :, order]
    assert torch.allclose(here, expected, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_trains_on_scores_and_on_classes(variant: str) -> None:
    expert = "synergy" if variant == "trained_alone" else None
    for outputs in (1, 3):
        model = started(
            experts_of(
                "concat_transformer", SEEDS, 3, outputs, variant=variant, expert=expert
            )
        )
        output = model(training(random_input(3, 2)))
        assert output.logits.shape == (SEEDS, BATCH, outputs)
        assert set(output.losses) == set(model.losses)
        assert all(loss.requires_grad for loss in output.losses.values())


def test_simple_weights_are_equal_at_first_and_the_same_for_all() -> None:
    model = started(experts_of("moe", SEEDS, 2, variant="simple_weight"))
    weights = model(random_input(2, 1)).gates[EXPERT_WEIGHTS]
    assert torch.equal(weights, torch.full_like(weights, 0.25))
    with torch.no_grad():
        model.weighting.logits[0] = torch.tensor([1.0, 2.0, 3.0, 4.0]).log()
    weights = model(random_input(2, 1)).gates[EXPERT_WEIGHTS]
    assert torch.allclose(
        weights[0], torch.tensor([0.1, 0.2, 0.3, 0.4]).expand(BATCH, 4)
    )


def test_what_makes_no_sense_is_refused() -> None:
    shape = FusionShape(1, 1, WIDTH)
    with pytest.raises(ValueError, match="interactions are between two or more"):
        InteractionExperts(shape, lambda s: None, Interaction(), ["text"])
    with pytest.raises(ValueError, match="did you mean 'synergy'"):
        expert_names(["a", "b"], Interaction(variant="trained_alone", expert="synrgy"))
    for name in ("mmim", "ithp"):
        assert no_experts(name, "full")
