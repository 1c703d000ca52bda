"""Interaction losses against values worked out by hand, and torch's own losses."""

from itertools import permutations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from repro.models.interactions.losses import (
    Measure,
    redundancy,
    synergy,
    uniqueness,
)

SEEDS, BATCH, CLASSES, MODALITIES = 2, 7, 4, 3
LOGITS, SCORES = Measure(), Measure(scalar=True, variance=4.0)
RELEASED = Measure("released", scalar=True, variance=4.0)
EVERY = torch.ones(SEEDS, MODALITIES, BATCH, dtype=torch.bool)


def drawn(outputs: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """What one expert says of intact and of masked rows."""
    draw = torch.Generator().manual_seed(seed)
    anchor = torch.randn(SEEDS, 1, BATCH, outputs, generator=draw).double()
    shape = (SEEDS, 1, MODALITIES, BATCH, outputs)
    return anchor, torch.randn(shape, generator=draw).double()


@pytest.mark.parametrize(
    ("measure", "outputs", "expected"),
    [
        (LOGITS, CLASSES, (1.0, 1.0, 0.0)),
        (SCORES, 1, (1.0, 1.0, 0.0)),
        (RELEASED, 1, (0.0, 0.0, 0.0)),
    ],
)
def test_a_mask_that_changes_nothing(
    measure: Measure, outputs: int, expected: tuple[float, float, float]
) -> None:
    anchor, masked = drawn(outputs)
    masked = anchor.unsqueeze(2).expand_as(masked)
    found = (
        uniqueness(anchor, masked, EVERY, [1], measure),
        synergy(anchor, masked, EVERY, measure),
        redundancy(anchor, masked, EVERY, measure),
    )
    for value, wanted in zip(found, expected, strict=True):
        assert torch.allclose(value, torch.full_like(value, wanted))


def test_the_opposite_answer() -> None:
    anchor, masked = drawn(CLASSES)
    opposite = -anchor.unsqueeze(2).expand_as(masked)
    assert torch.allclose(
        synergy(anchor, opposite, EVERY, LOGITS), -torch.ones(2, 1).double()
    )
    assert torch.allclose(
        redundancy(anchor, opposite, EVERY, LOGITS), 2 * torch.ones(2, 1).double()
    )
    centred = synergy(anchor, opposite, EVERY, Measure("centred"))
    assert torch.equal(centred, torch.zeros(2, 1).double())


def test_scores_by_hand() -> None:
    # Label variance 4: moved by 1 for the own modality, by 2 and 0 for the others.
    anchor = torch.zeros(1, 1, 1, 1)
    masked = torch.tensor([1.0, 2.0, 0.0]).view(1, 1, 3, 1, 1)
    every = torch.ones(1, 3, 1, dtype=torch.bool)
    # 1 + 4/4 - 1/4 = 1.75 and 1 + 0 - 1/4 = .75, their mean 1.25.
    assert uniqueness(anchor, masked, every, [0], SCORES).item() == pytest.approx(1.25)
    # max(0, 1 - 1/4), max(0, 1 - 1), 1: mean 1.75 / 3.
    assert synergy(anchor, masked, every, SCORES).item() == pytest.approx(1.75 / 3)
    assert redundancy(anchor, masked, every, SCORES).item() == pytest.approx(1.25 / 3)
    # Released: squared errors themselves, (4 - 1 + 0 - 1) / 2 and (1 + 4 + 0) / 3.
    assert uniqueness(anchor, masked, every, [0], RELEASED).item() == pytest.approx(1.0)
    for loss in (synergy, redundancy):
        assert loss(anchor, masked, every, RELEASED).item() == pytest.approx(5 / 3)


@pytest.mark.parametrize("own", range(MODALITIES))
def test_logits_equal_the_losses_of_torch(own: int) -> None:
    anchor, masked = drawn(CLASSES)
    triplet = torch.stack(
        [
            torch.stack(
                [
                    functional.triplet_margin_loss(
                        anchor[s, 0], masked[s, 0, j], masked[s, 0, own], eps=1e-7
                    )
                    for j in range(MODALITIES)
                    if j != own
                ]
            ).mean()
            for s in range(SEEDS)
        ]
    )
    found = uniqueness(anchor, masked, EVERY, [own], LOGITS)[:, 0]
    assert torch.allclose(found, triplet, atol=1e-12)
    target = torch.ones(BATCH)
    embedding = torch.stack(
        [
            torch.stack(
                [
                    functional.cosine_embedding_loss(
                        anchor[s, 0], masked[s, 0, j], target
                    )
                    for j in range(MODALITIES)
                ]
            ).mean()
            for s in range(SEEDS)
        ]
    )
    assert torch.allclose(redundancy(anchor, masked, EVERY, LOGITS)[:, 0], embedding)
    assert torch.allclose(synergy(anchor, masked, EVERY, LOGITS)[:, 0], 1 - embedding)


@pytest.mark.parametrize(("measure", "outputs"), [(LOGITS, CLASSES), (SCORES, 1)])
def test_moving_away_lowers_synergy_and_raises_redundancy(
    measure: Measure, outputs: int
) -> None:
    anchor = torch.ones(SEEDS, 1, BATCH, outputs)
    away = torch.zeros(outputs)
    away[0] = -1.5
    steps = [
        anchor.unsqueeze(2).expand(-1, -1, 3, -1, -1) + k * away for k in (0, 0.5, 1)
    ]
    fall = [synergy(anchor, p, EVERY, measure).mean().item() for p in steps]
    rise = [redundancy(anchor, p, EVERY, measure).mean().item() for p in steps]
    assert fall[0] > fall[1] > fall[2]
    assert rise[0] < rise[1] < rise[2]


def test_released_scores_train_synergy_as_redundancy_and_have_no_bound() -> None:
    anchor, masked = drawn(1)
    one, other = (
        loss(anchor, masked, EVERY, RELEASED) for loss in (synergy, redundancy)
    )
    assert torch.equal(one, other)
    masked[:, :, 1] *= 1e3
    assert (uniqueness(anchor, masked, EVERY, [1], RELEASED) < -1e3).all()
    assert (uniqueness(anchor, masked, EVERY, [1], SCORES) >= 0).all()


def test_a_shift_of_all_logits_moves_the_cosine_unless_centred() -> None:
    anchor, masked = drawn(2)
    for measure, is_moved in ((LOGITS, True), (Measure("centred"), False)):
        plain = redundancy(anchor, masked, EVERY, measure)
        shifted = redundancy(anchor + 3, masked + 3, EVERY, measure)
        assert torch.allclose(plain, shifted) != is_moved


@pytest.mark.parametrize(("measure", "outputs"), [(LOGITS, CLASSES), (RELEASED, 1)])
def test_rows_without_a_pass_are_in_no_mean(measure: Measure, outputs: int) -> None:
    anchor, masked = drawn(outputs)
    exists = EVERY.clone()
    exists[:, 0, 2:] = False
    exists[:, 2] = False
    odd = masked.clone()
    odd[:, :, 0, 2:], odd[:, :, 2] = 50.0, -70.0
    for p in (masked, odd):
        found = [
            uniqueness(anchor, p, exists, [0], measure),
            uniqueness(anchor, p, exists, [2], measure),
            redundancy(anchor, p, exists, measure),
        ]
        pair = exists[:, :2, :2], anchor[:, :, :2], masked[:, :, :2, :2]
        own = uniqueness(pair[1], pair[2], pair[0], [0], measure)
        assert torch.allclose(found[0], own)
        assert torch.equal(found[1], torch.zeros_like(found[1]))
        first = redundancy(
            anchor[:, :, :2], masked[:, :, :1, :2], exists[:, :1, :2], measure
        )
        second = redundancy(anchor, masked[:, :, 1:2], exists[:, 1:2], measure)
        assert torch.allclose(found[2], (first + second) / 2)


def test_several_uniqueness_experts_at_once_are_each_alone() -> None:
    draw = torch.Generator().manual_seed(3)
    anchor = torch.randn(SEEDS, 3, BATCH, CLASSES, generator=draw)
    masked = torch.randn(SEEDS, 3, 3, BATCH, CLASSES, generator=draw)
    for own in permutations(range(3)):
        together = uniqueness(anchor, masked, EVERY, own, LOGITS)
        for e, m in enumerate(own):
            part = slice(e, e + 1)
            alone = uniqueness(anchor[:, part], masked[:, part], EVERY, [m], LOGITS)
            assert torch.allclose(together[:, part], alone)


def test_released_losses_of_classes_are_those_of_the_paper_to_the_last_bit() -> None:
    anchor, masked = drawn(CLASSES)
    released = Measure("released")
    for loss in (synergy, redundancy):
        one, other = (loss(anchor, masked, EVERY, m) for m in (LOGITS, released))
        assert torch.equal(one, other)
    own = (uniqueness(anchor, masked, EVERY, [1], m) for m in (LOGITS, released))
    assert torch.equal(*own)
