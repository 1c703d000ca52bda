"""What replaces a masked modality."""

import pytest
import torch
from torch import Generator, Tensor

from repro.models.interactions.masks import (
    MOMENTUM,
    Replacement,
    TokenMoments,
    other_rows,
    replacement,
)
from repro.params.interactions import MASKS, Mask

SEEDS, EXPERTS, MODALITIES, BATCH, TIME, WIDTH = 2, 4, 3, 8, 3, 5


def generators(*seeds: int) -> list[Generator]:
    return [Generator().manual_seed(seed) for seed in seeds]


def tokens_of(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens, which of them count, and where a modality is present."""
    draw = Generator().manual_seed(seed)
    tokens = 3 + 2 * torch.randn(SEEDS, MODALITIES, BATCH, TIME, WIDTH, generator=draw)
    lengths = torch.randint(1, TIME + 1, (SEEDS, MODALITIES, BATCH), generator=draw)
    lengths[:, 1, ::3] = 0
    return tokens, torch.arange(TIME) < lengths.unsqueeze(3), lengths > 0


def put(mask: Mask, moments: TokenMoments | None = None, *seeds: int) -> Replacement:
    if moments is None:
        moments = trained()
    made = generators(*(seeds or range(SEEDS)))
    return replacement(mask, *tokens_of(), EXPERTS, moments, made)


def trained() -> TokenMoments:
    moments = TokenMoments(SEEDS, MODALITIES, WIDTH)
    moments.update(*tokens_of()[:2])
    return moments


@pytest.mark.parametrize("mask", MASKS)
def test_a_replacement_is_data_of_the_shape_of_the_tokens(mask: Mask) -> None:
    tokens, counted, present = tokens_of()
    tokens.requires_grad_()
    found = replacement(
        mask, tokens, counted, present, EXPERTS, trained(), generators(0, 1)
    )
    assert found.tokens.shape == (SEEDS, EXPERTS, MODALITIES, BATCH, TIME, WIDTH)
    assert not found.tokens.requires_grad
    assert torch.isfinite(found.tokens).all()
    assert torch.equal(found.possible, present)


def test_noise_has_unit_variance_whatever_the_tokens_and_is_new_everywhere() -> None:
    found = put("random").tokens
    assert found.mean().item() == pytest.approx(0.0, abs=0.05)
    assert found.std().item() == pytest.approx(1.0, abs=0.05)
    assert found.unique().numel() == found.numel()


@pytest.mark.parametrize("mask", ["random", "matched", "shuffled"])
def test_a_seed_draws_as_if_alone(mask: Mask) -> None:
    one, other = put(mask, None, 4, 5).tokens, put(mask, None, 6, 5).tokens
    assert torch.equal(one[1], other[1])
    assert not torch.equal(one[0], other[0])


def test_matched_noise_has_the_moments_of_the_tokens() -> None:
    moments = trained()
    tokens, counted, present = (x.repeat_interleave(300, 2) for x in tokens_of())
    found = replacement(
        "matched", tokens, counted, present, EXPERTS, moments, generators(0, 1)
    ).tokens
    for s in range(SEEDS):
        for m in range(MODALITIES):
            own = tokens_of()[0][s, m][tokens_of()[1][s, m]]
            rows = found[s, :, m].reshape(-1, WIDTH)
            assert torch.allclose(rows.mean(0), own.mean(0), atol=0.1)
            deviation = own.std(0, correction=0)
            assert torch.allclose(rows.std(0), deviation, rtol=0.05)


def test_the_mean_is_one_of_tokens_that_count() -> None:
    found = put("mean").tokens
    tokens, counted, _ = tokens_of()
    own = tokens[1, 2][counted[1, 2]].mean(0)
    assert torch.allclose(found[1, 2, 2, 4, 1], own)
    assert torch.equal(put("zero").tokens, torch.zeros_like(found))


def test_moments_move_by_one_hundredth_and_keep_no_graph() -> None:
    moments, (tokens, counted, _) = trained(), tokens_of()
    before = moments.mean.clone()
    for _ in range(3):
        moments.update(tokens.requires_grad_() + 1.0, counted)
    gained = 1 - MOMENTUM**3
    assert torch.allclose(
        moments.mean - before, torch.full_like(before, gained), atol=1e-4
    )
    assert moments.mean.grad_fn is None
    assert moments.variance.grad_fn is None
    assert moments.batches.unique().tolist() == [4]


def test_a_batch_without_a_modality_leaves_its_moments() -> None:
    moments, (tokens, counted, _) = trained(), tokens_of()
    before = moments.mean.clone()
    counted[:, 0] = False
    moments.update(torch.full_like(tokens, 9.0), counted)
    assert torch.equal(moments.mean[:, 0], before[:, 0])
    assert (moments.mean[:, 1:] > before[:, 1:]).all()


@pytest.mark.parametrize("mask", ["mean", "matched"])
def test_a_mask_of_moments_needs_a_train_batch(mask: Mask) -> None:
    empty = TokenMoments(SEEDS, MODALITIES, WIDTH)
    with pytest.raises(ValueError, match=f"mask={mask!r} before any train batch"):
        put(mask, empty)
    tokens, counted, present = tokens_of()
    counted[:, 1] = False
    empty.update(tokens, counted)
    with pytest.raises(ValueError, match="modality number 1"):
        put(mask, empty)
    present[:, 1] = False
    replacement(mask, tokens, counted, present, EXPERTS, empty, generators(0, 1))


def test_other_rows_are_a_derangement_of_those_that_have_the_modality() -> None:
    present = tokens_of()[2]
    for seed in range(5):
        rows = other_rows(present, EXPERTS, generators(seed, seed + 9))
        for s in range(SEEDS):
            for m in range(MODALITIES):
                here = present[s, m]
                for own in rows[s, :, m]:
                    assert sorted(own.tolist()) == list(range(BATCH))
                    assert (own != torch.arange(BATCH)).equal(here)
                    assert here[own[here]].all()


def test_shuffled_rows_are_stored_ones() -> None:
    tokens, counted, present = tokens_of()
    found = put("shuffled").tokens
    rows = other_rows(present, EXPERTS, generators(0, 1))
    for e in range(EXPERTS):
        for b in range(BATCH):
            giver = int(rows[1, e, 2, b])
            given = tokens[1, 2, giver][counted[1, 2, giver]]
            for t in range(int(counted[1, 2, b].sum())):
                assert torch.equal(found[1, e, 2, b, t], given[t % len(given)])


def test_a_row_that_is_alone_with_a_modality_has_no_other_to_take() -> None:
    tokens, counted, present = tokens_of()
    counted[:, 0, 1:], present[:, 0, 1:] = False, False
    found = replacement(
        "shuffled", tokens, counted, present, EXPERTS, trained(), generators(0, 1)
    )
    assert not found.possible[:, 0].any()
    assert torch.equal(found.possible[:, 1:], present[:, 1:])
