"""MMIM against plain loops, the released size, and its two phases."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from repro.models.fusions.interface import FusionInput
from repro.models.layers.stacked import initialize
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    SEEDS,
    WIDTH,
    AtEmbedding,
    drawn,
    mmim,
)
from tests.repro.models.fusions.mmim_cases import (
    PLAIN_LOSSES,
    WIDE,
    affine,
    generators,
    plain_fused,
    training_input,
)


@pytest.mark.parametrize(
    ("modalities", "anchor", "outputs"), [(3, 0, 1), (3, 1, 1), (2, 1, 3), (4, 2, 4)]
)
def test_agrees_with_plain_loops(modalities: int, anchor: int, outputs: int) -> None:
    fusion = mmim(
        SEEDS, modalities, width=WIDE, anchor=anchor, outputs=outputs, dropout=0.0
    )
    fusion = drawn(fusion).double()
    inputs = training_input(modalities, outputs, WIDE)
    draw = torch.Generator().manual_seed(5)
    weights = 2 * torch.rand(SEEDS, BATCH, modalities, generator=draw).double()
    for given in (inputs, replace(inputs, weights=weights)):
        found = fusion(given)
        assert list(found.losses) == list(PLAIN_LOSSES)
        for s in range(SEEDS):
            for b in range(BATCH):
                fused = plain_fused(fusion, given, s, b)
                assert torch.allclose(found.fused[s, b], fused, atol=1e-10)
                logits = affine(fused, fusion.head, s)
                assert torch.allclose(found.logits[s, b], logits, atol=1e-10)
            for name, loss in found.losses.items():
                expected = PLAIN_LOSSES[name](fusion, given, s)
                assert torch.allclose(loss[s], expected, atol=1e-10), name


def test_losses_see_weights_at_the_embedding_site_only() -> None:
    inputs = training_input(3, 1)
    weights = torch.ones(SEEDS, BATCH, 3).double()
    weights[:, :, 1] = 2.0
    heavy = replace(inputs, weights=weights)
    plain = drawn(mmim(SEEDS, 3, dropout=0.0)).double()
    assert torch.equal(
        plain(inputs).losses["likelihood"], plain(heavy).losses["likelihood"]
    )
    assert torch.equal(plain(inputs).losses["entropy"], plain(heavy).losses["entropy"])
    scaled = AtEmbedding(drawn(mmim(SEEDS, 3, dropout=0.0)).double())
    assert torch.allclose(scaled(heavy).logits, plain(heavy).logits, atol=1e-12)
    changed = scaled(heavy).losses["likelihood"] - plain(heavy).losses["likelihood"]
    assert changed.abs().min() > 1e-3


def count(
    dims: Sequence[int], *, hidden: int, projected: Sequence[int], outputs: int = 1
) -> int:
    """Parameters of MMIM by hand; the first modality is the anchor."""
    joined, anchor = sum(dims), dims[0]
    fusion = (joined + 1) * hidden + (hidden + 1) * hidden + (hidden + 1) * outputs
    contrast = sum((hidden + 1) * d for d in dims)
    likelihood = sum(2 * ((anchor + 1) * d + (d + 1) * d) for d in dims[1:])
    entropy = sum((d + 1) * p for d, p in zip(dims[1:], projected, strict=True))
    return fusion + contrast + likelihood + entropy


def sequence_count(features: int, hidden: int = 16) -> int:
    """Parameters of the usual LSTM with two biases, and of a linear map after it."""
    lstm = 4 * hidden * (features + hidden + 2)
    return lstm + (hidden + 1) * hidden


@pytest.mark.parametrize(
    ("audio", "video", "total"),
    [(5, 20, 277_257), (74, 35, 282_633), (74, 47, 283_401)],
)
def test_parts_add_up_to_the_released_size(audio: int, video: int, total: int) -> None:
    own = count([768, 16, 16], hidden=128, projected=[4, 4])
    assert own + sequence_count(audio) + sequence_count(video) == total


@pytest.mark.parametrize(("modalities", "width", "hidden"), [(3, 16, 128), (4, 6, 7)])
def test_the_module_has_the_parameters_of_the_formula(
    modalities: int, width: int, hidden: int
) -> None:
    fusion = mmim(1, modalities, width=width, hidden=hidden, outputs=4)
    expected = count(
        [width] * modalities,
        hidden=hidden,
        projected=[width // 4] * (modalities - 1),
        outputs=4,
    )
    assert sum(p.numel() for p in fusion.parameters()) == expected


def test_evaluation_is_deterministic() -> None:
    fusion = drawn(mmim(SEEDS, 3)).double()
    inputs = replace(training_input(3, 1), generators=None)
    assert torch.equal(fusion(inputs).logits, fusion(inputs).logits)
    trained = fusion(replace(inputs, generators=generators())).logits
    assert not torch.equal(fusion(inputs).logits, trained)


def test_auxiliary_parameters_are_those_of_the_bounds_on_pairs() -> None:
    fusion = mmim(SEEDS, 3)
    own = {id(p) for p in fusion.auxiliary_parameters()}
    names = {n for n, p in fusion.named_parameters() if id(p) in own}
    parts = [
        f"{owner}.{part}"
        for owner in ("likelihood.first", "likelihood.second", "projection")
        for part in ("weight", "bias")
    ]
    assert names == set(parts)
    assert len(own) == len(fusion.auxiliary_parameters())
    assert fusion.auxiliary_loss == "likelihood"


def test_the_first_phase_fits_a_known_relation() -> None:
    fusion = mmim(SEEDS, 2, dropout=0.0).double()
    initialize(fusion, generators())
    draw = torch.Generator().manual_seed(3)
    anchor = torch.randn(SEEDS, 1, 64, 1, WIDTH, generator=draw).double()
    noise = torch.randn(SEEDS, 1, 64, 1, WIDTH, generator=draw).double()
    tokens = torch.cat([anchor, anchor.abs() + 0.3 * noise], 1)
    mask = torch.ones(SEEDS, 2, 64, 1, dtype=torch.bool)
    inputs = FusionInput(tokens, mask, generators=generators())
    main = {id(p) for p in fusion.parameters()} - {
        id(p) for p in fusion.auxiliary_parameters()
    }
    optimizer = torch.optim.Adam(fusion.auxiliary_parameters(), lr=0.05)
    for _ in range(50):
        optimizer.zero_grad()
        loss = fusion(inputs).losses[fusion.auxiliary_loss]
        loss.sum().backward()
        optimizer.step()
    # Mean 0 and variance 1 for every other value would give 6 (1 + 0.09) / 2 = 3.27.
    assert loss.max() < 0.0
    # The phase gives nothing outside the likelihood networks a gradient.
    assert all(p.grad is None for p in fusion.parameters() if id(p) in main)
    assert all(p.grad is None for p in fusion.projection.parameters())


@pytest.mark.parametrize("outputs", [1, 4])
def test_every_parameter_gets_a_gradient(outputs: int) -> None:
    fusion = drawn(mmim(SEEDS, 3, outputs=outputs)).double()
    output = fusion(training_input(3, outputs))
    total = output.logits.square().sum() + sum(x.sum() for x in output.losses.values())
    total.backward()
    for name, parameter in fusion.named_parameters():
        assert parameter.grad is not None, name
        assert (parameter.grad.flatten(1) != 0).any(1).all(), name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"anchor": 3}, r"anchor=3.*0 to 2"),
        ({"anchor": -1}, r"anchor=-1.*0 to 2"),
        ({"shrinkage": 0.0}, r"shrinkage=0\.0.*use 0\.001"),
        ({"anchor": None}, r"anchor=None.*0 to 2"),
    ],
)
def test_bad_settings_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mmim(1, 3, **changes)


def test_one_modality_is_refused() -> None:
    with pytest.raises(ValueError, match=r"modalities=1.*two or more"):
        mmim(1, 1)
