"""The losses of MMIM by hand, where they reach, and on degenerate batches."""

import math
from dataclasses import replace

import pytest
import torch

from repro.models.fusions.interface import FusionInput
from repro.models.fusions.mmim import class_entropy, class_rows, contrast_loss
from repro.models.layers.stacked import initialize
from tests.repro.models.fusions.fusion_cases import BATCH, SEEDS, WIDTH, drawn, mmim
from tests.repro.models.fusions.mmim_cases import generators, training_input


def test_the_likelihood_punishes_a_variance_that_is_too_large() -> None:
    fusion = mmim(1, 2, dropout=0.0).double()
    initialize(fusion, generators()[:1])
    tokens = torch.ones(1, 2, 2, 1, WIDTH).double()
    tokens[:, 1] = 3.0
    mask = torch.ones(1, 2, 2, 1, dtype=torch.bool)
    inputs = FusionInput(tokens, mask, generators=generators()[:1])
    with torch.no_grad():
        fusion.likelihood.second.weight.zero_()
        for log_variance in (0.0, 10.0):
            fusion.likelihood.second.bias[:, 1] = log_variance
            variance = math.exp(log_variance) + 1e-4
            expected = WIDTH * (9 / variance + math.log(variance)) / 2
            found = fusion(inputs).losses["likelihood"].item()
            assert found == pytest.approx(expected, rel=1e-10)
            # The released form, 9 / (2 variance), would keep falling.
            released = WIDTH * 9 / (2 * variance)
            assert (released < 1) == (log_variance == 10.0)


def test_contrast_by_hand() -> None:
    values = torch.tensor([[[[2.0, 0.0], [-5.0, 0.0], [1.0, 1.0]]]]).double()
    rows = torch.tensor([[[True, True, False]]])
    found = contrast_loss(values, values, rows)
    expected = -1 + math.log(math.e + math.exp(-1))
    assert found.item() == pytest.approx(expected, abs=1e-7)
    swapped = values[:, :, [1, 0, 2]]
    assert contrast_loss(swapped, values, rows).item() == pytest.approx(
        expected + 2, abs=1e-7
    )


def test_entropy_by_hand() -> None:
    values = torch.tensor([3.0, 1.0, 8.0, -4.0, 5.0]).double().view(1, 1, 5, 1)
    rows = class_rows(torch.tensor([[0.5, 2.0, 0.0, -1.0, 0.0]]), 1).unsqueeze(1)
    # Variance 1 above zero, one row below.
    found = class_entropy(values, rows, 0.5)
    assert found.item() == pytest.approx(math.log(1.5) / 4, abs=1e-12)
    assert class_rows(torch.tensor([[2.0, 0.0]]), 3).int().tolist() == [
        [[0, 1], [0, 0], [1, 0]]
    ]


def test_losses_belong_to_training_and_entropy_to_targets() -> None:
    fusion, inputs = drawn(mmim(SEEDS, 3)).double(), training_input(3, 1)
    assert fusion(replace(inputs, generators=None)).losses == {}
    without = fusion(replace(inputs, targets=None, generators=generators()))
    assert list(without.losses) == ["likelihood", "contrast"]


def degenerate(kind: str) -> FusionInput:
    """Batches that leave a bound nothing to estimate, in float32."""
    inputs = training_input(3, 1)
    inputs = replace(
        inputs, tokens=inputs.tokens.float(), targets=inputs.targets.float()
    )
    mask = torch.ones_like(inputs.mask)
    if kind == "one row":
        mask[:, :, 1:] = False
    elif kind == "one class":
        inputs = replace(inputs, targets=torch.ones(SEEDS, BATCH))
    elif kind == "constant rows":
        inputs = replace(inputs, tokens=torch.ones_like(inputs.tokens))
    elif kind == "zeros":
        inputs = replace(inputs, tokens=torch.zeros_like(inputs.tokens))
    elif kind == "no present pair":
        mask[:, 0, ::2] = False
        mask[:, 1:, 1::2] = False
    elif kind == "nothing":
        mask = torch.zeros_like(mask)
    elif kind == "NaN in padding":
        mask[:, :, 3:] = False
        targets = inputs.targets.clone()
        targets[:, 3:] = torch.nan
        tokens = torch.where(mask[..., None], inputs.tokens, torch.nan)
        inputs = replace(inputs, tokens=tokens, targets=targets)
    return replace(inputs, mask=mask)


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize(
    "kind",
    [
        "one row",
        "one class",
        "constant rows",
        "zeros",
        "no present pair",
        "nothing",
        "NaN in padding",
    ],
)
def test_degenerate_batches_are_finite(kind: str, fresh: bool) -> None:
    fusion, inputs = drawn(mmim(SEEDS, 3)), degenerate(kind)
    if fresh:
        initialize(fusion, generators())
    inputs.tokens.requires_grad_()
    output = fusion(inputs)
    assert torch.isfinite(output.logits).all()
    for name, loss in output.losses.items():
        assert loss.shape == (SEEDS,)
        assert torch.isfinite(loss).all(), name
        found = torch.autograd.grad(
            loss.sum(),
            [inputs.tokens, *fusion.parameters()],
            retain_graph=True,
            allow_unused=True,
        )
        assert all(torch.isfinite(g).all() for g in found if g is not None), name
    if kind in ("no present pair", "nothing"):
        assert output.losses["likelihood"].tolist() == [0.0] * SEEDS
    if kind in ("one row", "nothing"):
        assert output.losses["entropy"].tolist() == [0.0] * SEEDS


def test_an_extreme_log_variance_is_finite() -> None:
    fusion, inputs = drawn(mmim(SEEDS, 3)), degenerate("constant rows")
    for value in (-1e4, 1e4):
        with torch.no_grad():
            fusion.likelihood.second.bias[:, 2:] = value
        loss = fusion(inputs).losses["likelihood"]
        fusion.zero_grad()
        loss.sum().backward()
        assert torch.isfinite(loss).all()
        for parameter in fusion.likelihood.parameters():
            assert torch.isfinite(parameter.grad).all()


@pytest.mark.parametrize("name", ["likelihood", "contrast", "entropy"])
def test_every_loss_reaches_the_tokens(name: str) -> None:
    fusion, inputs = drawn(mmim(SEEDS, 3)).double(), training_input(3, 1)
    inputs.tokens.requires_grad_()
    fusion(inputs).losses[name].sum().backward()
    assert inputs.tokens.grad is not None
    reached = inputs.tokens.grad.abs().amax((0, 2, 3, 4)) > 0
    assert reached.tolist() == [name != "entropy", True, True]


@pytest.mark.parametrize("name", ["likelihood", "contrast", "entropy"])
def test_losses_do_not_depend_on_padding_rows_or_other_seeds(name: str) -> None:
    fusion, inputs = drawn(mmim(SEEDS, 3, dropout=0.0)).double(), training_input(3, 1)
    expected = fusion(inputs).losses[name]
    tokens, targets = inputs.tokens.clone(), inputs.targets.clone()
    tokens[:, :, -1], targets[:, -1] = 9.0, 7.0
    changed = fusion(replace(inputs, tokens=tokens, targets=targets)).losses[name]
    assert torch.equal(expected, changed)
    tokens[0] += 1.0
    changed = fusion(replace(inputs, tokens=tokens, targets=targets)).losses[name]
    assert torch.equal(expected[1], changed[1])
    assert not torch.equal(expected[0], changed[0])
