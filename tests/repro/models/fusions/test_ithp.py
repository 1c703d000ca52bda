"""ITHP against plain loops, the released size, and what its prediction depends on."""

from dataclasses import replace

import pytest
import torch

from repro.models.fusions.ithp import ITHP
from repro.models.layers.stacked import initialize
from tests.repro.models.fusions.fusion_cases import BATCH, SEEDS, drawn, ithp
from tests.repro.models.fusions.ithp_cases import (
    generators,
    plain_anchor,
    plain_chain,
    plain_logits,
    plain_loss,
    plain_noise,
    training_input,
)


@pytest.mark.parametrize(("modalities", "anchor"), [(2, 0), (2, 1), (3, 0), (4, 2)])
def test_agrees_with_plain_loops(modalities: int, anchor: int) -> None:
    fusion = ithp(
        SEEDS, modalities, anchor=anchor, outputs=3, dropout=0.0, bottleneck_dropout=0.0
    )
    fusion = drawn(fusion).double()
    inputs = training_input(modalities)
    noise = plain_noise(fusion, BATCH)
    trained, evaluated = fusion(inputs), fusion(replace(inputs, generators=None))
    for s in range(SEEDS):
        for b in range(BATCH):
            x = plain_anchor(fusion, inputs, s, b)
            for output, factor in ((trained, 1.0), (evaluated, 0.0)):
                states = plain_chain(fusion, x, s, [factor * n[s, b] for n in noise])
                expected = plain_logits(fusion, x, states[-1][2], s)
                assert torch.allclose(output.logits[s, b], expected, atol=1e-10)
        expected = plain_loss(fusion, inputs, s, noise)
        assert torch.allclose(trained.losses["bottleneck"][s], expected, atol=1e-10)
    assert evaluated.losses == {}


@pytest.mark.parametrize(("video", "core"), [(47, 409_337), (35, 406_253)])
def test_the_core_has_the_released_size(video: int, core: int) -> None:
    sizes = {"width": 768, "hidden": 256, "bottleneck": 128}
    fusion = ithp(1, 3, raw_widths=(768, 74, video), **sizes)
    assert sum(p.numel() for p in fusion.stages.parameters()) == core
    assert sum(p.numel() for p in fusion.expansion.parameters()) == 49_920
    # Normalization, the tanh layer and the output come on top.
    rest = 2 * 768 + 769 * 768 + 769
    assert sum(p.numel() for p in fusion.parameters()) == core + 49_920 + rest


def test_bottlenecks_halve_along_the_chain() -> None:
    fusion = ithp(1, 4, bottleneck=2)
    shapes = [stage.encoder[1].weight.shape[2] for stage in fusion.stages]
    assert shapes == [4, 2, 2]
    decoded = [stage.decoder[1].weight.shape[2] for stage in fusion.stages]
    assert decoded == [5, 4, 3]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("modality", [0, 1, 2])
def test_only_the_anchor_moves_a_prediction(modality: int, training: bool) -> None:
    fusion, inputs = drawn(ithp(SEEDS, 3)).double(), training_input(3)
    tokens, mask = inputs.tokens.clone(), inputs.mask.clone()
    tokens[:, modality] += 1.0
    mask[:, modality, ::2] = False
    changed = replace(inputs, tokens=tokens, mask=mask)
    one, other = (
        fusion(replace(x, generators=generators() if training else None)).logits
        for x in (inputs, changed)
    )
    assert torch.equal(one, other) == (modality != 0)


@pytest.mark.parametrize("modality", [0, 1, 2])
def test_the_loss_depends_on_the_features_of_the_others(modality: int) -> None:
    fusion, inputs = drawn(ithp(SEEDS, 3)).double(), training_input(3)
    raw = list(inputs.raw)
    raw[modality] = raw[modality] + 1.0
    one = fusion(inputs).losses["bottleneck"]
    other = fusion(replace(inputs, raw=raw, generators=generators()))
    assert torch.equal(one, other.losses["bottleneck"]) == (modality == 0)


def test_evaluation_is_deterministic_and_training_draws() -> None:
    fusion = drawn(ithp(SEEDS, 3, dropout=0.0, bottleneck_dropout=0.0)).double()
    inputs = replace(training_input(3), generators=None)
    assert torch.equal(fusion(inputs).logits, fusion(inputs).logits)
    first, second = (
        fusion(replace(inputs, generators=own)).logits
        for own in (generators(), [g.manual_seed(50) for g in generators()])
    )
    assert not torch.equal(first, second)


def test_losses_need_training_and_features() -> None:
    fusion, inputs = drawn(ithp(SEEDS, 3)).double(), training_input(3)
    assert fusion(replace(inputs, generators=None)).losses == {}
    assert fusion(replace(inputs, raw=None)).losses == {}


@pytest.mark.parametrize(
    "kind", ["one row", "constant rows", "no pair", "nothing", "NaN"]
)
@pytest.mark.parametrize("fresh", [True, False])
def test_degenerate_batches_are_finite(kind: str, fresh: bool) -> None:
    fusion, inputs = drawn(ithp(SEEDS, 3)), training_input(3)
    if fresh:
        initialize(fusion, generators())
    tokens, mask = inputs.tokens.float(), torch.ones_like(inputs.mask)
    raw = [r.float() for r in inputs.raw]
    if kind == "one row":
        mask[:, :, 1:] = False
    elif kind == "constant rows":
        tokens = torch.zeros_like(tokens)
    elif kind == "no pair":
        mask[:, 0, ::2] = False
        mask[:, 1:, 1::2] = False
    elif kind == "nothing":
        mask = torch.zeros_like(mask)
    elif kind == "NaN":
        mask = inputs.mask
        tokens = torch.where(mask[..., None], tokens, torch.nan)
        present = mask.any(3)[..., None]
        raw = [torch.where(present[:, m], r, torch.nan) for m, r in enumerate(raw)]
    tokens.requires_grad_()
    output = fusion(replace(inputs, tokens=tokens, mask=mask, raw=raw))
    loss = output.losses["bottleneck"]
    assert loss.shape == (SEEDS,)
    assert torch.isfinite(loss).all()
    assert torch.isfinite(output.logits).all()
    (output.logits.square().sum() + loss.sum()).backward()
    for parameter in (tokens, *fusion.parameters()):
        assert torch.isfinite(parameter.grad).all()
    if kind == "nothing":
        assert loss.tolist() == [0.0] * SEEDS


@pytest.mark.parametrize("modalities", [2, 4])
def test_every_parameter_gets_a_gradient(modalities: int) -> None:
    fusion = drawn(ithp(SEEDS, modalities)).double()
    output = fusion(training_input(modalities))
    (output.logits.square().sum() + output.losses["bottleneck"].sum()).backward()
    for name, parameter in fusion.named_parameters():
        assert parameter.grad is not None, name
        assert (parameter.grad.flatten(1) != 0).any(1).all(), name


def test_training_lowers_the_bottleneck_loss() -> None:
    fusion = ithp(SEEDS, 3, dropout=0.0, bottleneck_dropout=0.0).double()
    initialize(fusion, generators())
    inputs = training_input(3)
    optimizer = torch.optim.Adam(fusion.parameters(), lr=0.02)
    losses = []
    for _ in range(80):
        optimizer.zero_grad()
        loss = fusion(replace(inputs, generators=generators())).losses["bottleneck"]
        losses.append(loss.detach())
        loss.sum().backward()
        optimizer.step()
    assert (losses[-1] < 0.5 * losses[0]).all()


def test_weights_are_refused() -> None:
    assert ITHP.weight_sites == ()
    inputs = replace(training_input(3), weights=torch.ones(SEEDS, BATCH, 3).double())
    with pytest.raises(ValueError, match=r"weights: ithp.*anchor alone.*pass none"):
        drawn(ithp(SEEDS, 3)).double()(inputs)


@pytest.mark.parametrize(
    ("modalities", "changes", "message"),
    [
        (1, {}, r"modalities=1.*two or more"),
        (3, {"anchor": 3}, r"anchor=3.*0 to 2"),
        (3, {"anchor": -1}, r"anchor=-1.*0 to 2"),
        (3, {"raw_widths": (5, 4)}, r"raw_widths=\(5, 4\).*anchor's included"),
        (3, {"anchor": None}, r"anchor=None.*0 to 2"),
    ],
)
def test_bad_settings_are_named(
    modalities: int, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ithp(1, modalities, **changes)


def test_features_of_another_width_are_named() -> None:
    inputs = training_input(3)
    inputs = replace(inputs, raw=[inputs.raw[0], inputs.raw[2], inputs.raw[1]])
    with pytest.raises(ValueError, match=r"raw: .*\(7, 4, 5\).*\(7, 5, 4\)"):
        drawn(ithp(SEEDS, 3)).double()(inputs)
