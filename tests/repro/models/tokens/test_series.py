"""Tokens over time: equal parts by hand, padding, a fine-tuned text."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from repro.models.batch import Batch, gather
from repro.models.predictor import Predictor
from repro.models.tokens.series import SeriesTokens, moments
from tests.repro.models.architectures import LAST_STATE, small_architecture
from tests.repro.models.fusions.fusion_cases import SEEDS
from tests.repro.small_study import small_inputs


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 9))
def test_moments_are_means_over_equal_parts(time: int, most: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    x = torch.from_numpy(draw.normal(size=(1, 3, time, 2)))
    lengths = torch.from_numpy(draw.integers(0, time + 1, (1, 3)))
    x = x * (torch.arange(time) < lengths[..., None])[..., None]
    found = moments(x, lengths, most)
    for b in range(3):
        own = int(lengths[0, b])
        rows = x[0, b, :own].numpy()
        parts: list[list[np.ndarray]] = [[] for _ in range(min(most, max(own, 1)))]
        for position, row in enumerate(rows):
            parts[position * most // own if own > most else position].append(row)
        for k, part in enumerate(parts):
            mean = np.mean(part, 0) if part else np.zeros(2)
            assert np.allclose(found[0, b, k], mean)


def test_every_part_of_a_long_sequence_holds_something() -> None:
    for own in range(6, 40):
        x = torch.ones(1, 1, 40, 1)
        assert moments(x, torch.tensor([[own]]), 5).eq(1).all()


def test_tokens_and_what_they_stand_for() -> None:
    inputs = small_inputs()
    tokens = SeriesTokens(SEEDS, inputs, LAST_STATE.model_copy(update={"width": 6}))
    for parameter in tokens.parameters():
        torch.nn.init.normal_(parameter)
    batch = gather(inputs, torch.arange(9).expand(SEEDS, -1))
    made = tokens(batch)
    assert made.shape == (SEEDS, 3, 9, 2, 6)
    filled = tokens.filled(batch, 2)
    expected = batch.lengths[0].clamp(max=2)
    assert torch.equal(filled[0].sum(2).T, expected)


@pytest.mark.parametrize("missing", ["mask", "zero", "embedding"])
@pytest.mark.parametrize("fusion", ["mult", "concat_transformer"])
def test_padding_beside_longer_rows_changes_nothing(missing: str, fusion: str) -> None:
    inputs = small_inputs()
    model = Predictor(1, inputs, small_architecture(fusion, missing=missing)).double()
    model.initialize([torch.Generator().manual_seed(0)])
    model.eval()
    few = inputs.lengths.amax(1).argsort()[:6]  # absent parts among them
    assert not inputs.present[few].all()
    alone = model(in_double(gather(inputs, few.unsqueeze(0)))).logits
    longest = inputs.lengths.amax(1).argmax()
    more = torch.cat([few, longest[None]]).unsqueeze(0)
    assert in_double(gather(inputs, more)).lengths.max() > inputs.lengths[few].max()
    beside = model(in_double(gather(inputs, more))).logits[:, :6]
    assert torch.allclose(alone, beside, atol=1e-10)


def in_double(batch: Batch) -> Batch:
    """The batch in float64."""
    return replace(batch, values=tuple(v.double() for v in batch.values))
