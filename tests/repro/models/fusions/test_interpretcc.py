"""InterpretCC against a plain loop, its gates by hand, their noise and their loss."""

from dataclasses import replace

import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from repro.models.fusions.interface import FusionInput
from repro.models.fusions.interpretcc import logistic_draws
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    SEEDS,
    WIDTH,
    drawn,
    interpretcc,
    random_input,
)
from tests.repro.models.fusions.simple_cases import (
    check_against,
    double,
    plain_head,
    plain_vectors,
)


def plain_interpretcc(fusion: nn.Module, inputs: FusionInput, s: int, b: int) -> Tensor:
    """Gated vectors side by side, and three affine maps."""
    vectors, scores = plain_vectors(inputs, s, b), {}
    for m, vector in enumerate(vectors):
        if vector is not None:
            scores[m] = plain_head(vector, fusion.first, fusion.last, s, m).item()
    opened = {m for m, score in scores.items() if score > 0}
    opened = opened or {max(scores, key=lambda m: scores[m])}
    parts = [
        vector * inputs.weights[s, b, m] if m in opened else torch.zeros(WIDTH).double()
        for m, vector in enumerate(vectors)
    ]
    hidden = torch.cat(parts)
    for number, head in enumerate(fusion.head):
        hidden = hidden @ head.weight[s] + head.bias[s]
        hidden = torch.relu(hidden) if number < 2 else hidden
    return hidden


def generators() -> list[torch.Generator]:
    """One per seed."""
    return [torch.Generator().manual_seed(s) for s in range(SEEDS)]


def with_scores(fusion: nn.Module, *scores: float) -> nn.Module:
    """The fusion with the same gate score of a modality for every instance."""
    with torch.no_grad():
        fusion.last.weight.zero_()
        fusion.last.bias.copy_(torch.tensor(scores).view(1, -1, 1))
    return fusion


def complete(modalities: int, time: int = 1) -> FusionInput:
    """A random input without absent parts."""
    inputs = random_input(modalities, time)
    return replace(inputs, mask=torch.ones_like(inputs.mask))


@pytest.mark.parametrize(("modalities", "time"), [(1, 3), (3, 1), (4, 2)])
def test_agrees_with_a_plain_loop(modalities: int, time: int) -> None:
    check_against(interpretcc, plain_interpretcc, modalities, time)


@pytest.mark.parametrize(
    ("width", "modalities", "outputs", "printed"),
    [(128, 4, 3, 140_679), (128, 3, 2, None), (64, 2, 20, None)],
)
def test_parameter_count(
    width: int, modalities: int, outputs: int, printed: int | None
) -> None:
    d, m, c = width, modalities, outputs
    gates, first = m * (d**2 + 2 * d + 1), m * d**2 + d
    expected = gates + first + (d * d // 2 + d // 2) + (d // 2 * c + c)
    fusion = interpretcc(1, m, width=d, outputs=c)
    assert sum(p.numel() for p in fusion.parameters()) == expected
    assert printed in (None, expected)


def test_a_closed_gate_equals_an_absent_modality() -> None:
    fusion, inputs = drawn(interpretcc(SEEDS, 3)).double(), double(3, 2)
    output = fusion(inputs)
    gates = output.gates["modality"]
    assert gates.shape == (SEEDS, BATCH, 3)
    assert set(gates.unique().tolist()) == {0.0, 1.0}
    closed = gates.transpose(1, 2) == 0
    mask = inputs.mask & ~closed.unsqueeze(3)
    assert (mask != inputs.mask).any() and mask.any(3).any(1).all()
    without = fusion(replace(inputs, mask=mask))
    assert torch.allclose(without.logits, output.logits, atol=1e-12)
    assert torch.equal(without.gates["modality"], gates)


@pytest.mark.parametrize("training", [True, False])
def test_one_gate_at_least_is_open_among_what_can_be_used(training: bool) -> None:
    fusion = with_scores(drawn(interpretcc(SEEDS, 3)), -90.0, -70.0, -80.0)
    inputs = random_input(3, 2)
    if training:
        inputs = replace(
            inputs, generators=generators(), router_generators=generators()
        )
    gates = fusion(inputs).gates["modality"]
    present = inputs.mask.any(3).transpose(1, 2)
    assert (gates.sum(2) == 1).all()
    expected = torch.where(present[..., 1], 1, 2)  # modality 1 is absent in some rows
    assert torch.equal(gates.argmax(2), expected)
    weights = torch.ones(SEEDS, BATCH, 3)
    weights[..., 1] = 0.0
    silent = fusion(replace(inputs, weights=weights)).gates["modality"]
    assert (silent.argmax(2) == 2).all()


def test_threshold_and_temperature_by_hand() -> None:
    # sigmoid(1) = .73, sigmoid(1 / 4) = .56
    for temperature, opened in ((1.0, 1.0), (4.0, 0.0)):
        sizes = {"temperature": temperature, "threshold": 0.6}
        fusion = with_scores(drawn(interpretcc(SEEDS, 2, **sizes)), 5.0, 1.0)
        gates = fusion(complete(2)).gates["modality"]
        assert (gates[..., 0] == 1).all() and (gates[..., 1] == opened).all()


def test_noise_is_logistic_and_leaves_a_gate_of_score_zero_open_half_the_time() -> None:
    draws = logistic_draws(torch.zeros(1, 20_000).double(), generators()[:1])
    assert stats.kstest(draws[0].numpy(), "logistic").pvalue > 0.01
    fusion = with_scores(drawn(interpretcc(SEEDS, 2)), 0.0, 90.0)
    tokens = torch.ones(SEEDS, 2, 4000, 1, WIDTH)
    many = FusionInput(tokens, torch.ones(tokens.shape[:4], dtype=torch.bool))
    noisy = replace(many, router_generators=generators())
    gates = fusion(noisy).gates["modality"]
    assert (gates[..., 1] == 1).all()
    # Four standard errors; a single Gumbel draw would open it in 63 %.
    assert (gates[..., 0].mean(1) - 0.5).abs().max() < 4 * 0.5 / 4000**0.5


def test_noise_is_finite_at_the_ends_of_a_uniform_draw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "rand", lambda shape, **_: torch.zeros(shape))
    assert torch.isfinite(logistic_draws(torch.zeros(1, 3), generators()[:1])).all()


def test_two_evaluations_are_equal_and_noise_is_of_the_router() -> None:
    fusion, inputs = drawn(interpretcc(SEEDS, 3, dropout=0.0)), random_input(3, 2)
    assert torch.equal(fusion(inputs).logits, fusion(inputs).logits)
    noisy = fusion(replace(inputs, router_generators=generators())).gates["modality"]
    assert not torch.equal(noisy, fusion(inputs).gates["modality"])


def test_one_generator_for_several_slices_draws_on() -> None:
    fusion, inputs = drawn(interpretcc(SEEDS, 3)), complete(3)
    inputs = replace(inputs, tokens=inputs.tokens[:1].expand(SEEDS, -1, -1, -1, -1))
    with_scores(fusion, 0.0, 0.0, 0.0)
    shared = [torch.Generator().manual_seed(5)] * SEEDS
    gates = fusion(replace(inputs, router_generators=shared)).gates["modality"]
    assert not torch.equal(gates[0], gates[1])


def test_sparsity_is_the_share_of_open_gates_and_closes_them() -> None:
    fusion = with_scores(drawn(interpretcc(SEEDS, 3)), 2.0, -2.0, -2.0)
    loss = fusion(complete(3)).losses["sparsity"]
    assert torch.allclose(loss, torch.full((SEEDS,), 1 / 3))
    loss.sum().backward()
    # A third of the slope of the sigmoid.
    slope = 0.8807970779778823 * (1 - 0.8807970779778823) / 3
    assert torch.allclose(fusion.last.bias.grad, torch.tensor(slope))
    mask = complete(3).mask.clone()
    mask[:, 2, :3] = False  # half of two in 3 rows of 9, a third of three in 6
    partly = fusion(replace(complete(3), mask=mask)).losses["sparsity"]
    assert torch.allclose(partly, torch.tensor((3 / 2 + 6 / 3) / 9))


def test_the_gradient_of_a_gate_is_that_of_the_sigmoid() -> None:
    fusion = with_scores(drawn(interpretcc(SEEDS, 2, temperature=2.0)), 1.0, -1.0)
    fusion(complete(2)).gates["modality"].sum().backward()
    share = torch.tensor([0.5, -0.5]).sigmoid()
    expected = BATCH * share * (1 - share) / 2.0
    assert torch.allclose(fusion.last.bias.grad[0, :, 0], expected)
