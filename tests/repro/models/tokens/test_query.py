"""Clinical tokens inside the whole model: absence, padding, one series or two."""

from dataclasses import replace

import pytest
import torch

from repro.models.architecture import fusion_of
from repro.models.batch import Inputs, gather
from repro.models.predictor import Predictor
from repro.models.tokens.mtand import query_times
from repro.params.presets import Query
from tests.repro.models.architectures import QUERY, small_architecture
from tests.repro.small_icu import HOURS, small_icu_inputs

ROWS = torch.arange(12).expand(2, -1)
FUSIONS = ("fusemoe", "flattened", "mult", "concat_transformer")


def predictor(
    inputs: Inputs, fusion: str = "fusemoe", tokens: Query = QUERY, **changes: str
) -> Predictor:
    """Two small models with drawn parameters."""
    shape = small_architecture(fusion, tokens, outputs=4, **changes)
    model = Predictor(2, inputs, shape)
    model.initialize([torch.Generator().manual_seed(s) for s in range(2)])
    return model


def polluted(inputs: Inputs, value: float) -> Inputs:
    """A value wherever nothing is stored: absent modalities, padding, unobserved."""
    values, times, hourly = [], [], []
    for m, stored in enumerate(inputs.values):
        dirty = stored.values.clone()
        dirty[-1] = value
        if inputs.hourly[m] is not None:
            half = stored.features // 2
            seen = stored.values[:, half:] > 0
            dirty[:, :half] = torch.where(seen, stored.values[:, :half], value)
            absent = ~inputs.present[:, m, None, None]
            hourly.append(torch.where(absent, value, inputs.hourly[m]))
        else:
            hourly.append(None)
        values.append(replace(stored, values=dirty))
        moments = inputs.times[m].clone()
        moments[-1] = value
        times.append(moments)
    return replace(
        inputs, values=tuple(values), times=tuple(times), hourly=tuple(hourly)
    )


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("missing", ["mask", "zero", "embedding"])
@pytest.mark.parametrize("value", [torch.nan, 1e30])
def test_what_is_not_there_never_matters(
    fusion: str, missing: str, value: float
) -> None:
    inputs = small_icu_inputs()
    model = predictor(inputs, fusion=fusion, missing=missing)
    clean = gather(inputs, ROWS)
    dirty = gather(polluted(inputs, value), ROWS)
    dirty = replace(dirty, lengths=clean.lengths, present=clean.present)
    assert torch.equal(model(clean).logits, model(dirty).logits)


def test_rows_and_hours_matter() -> None:
    inputs = small_icu_inputs()
    model = predictor(inputs)
    before = model(gather(inputs, ROWS)).logits
    for m in range(len(inputs.names)):
        values = list(inputs.values)
        values[m] = replace(values[m], values=values[m].values * 1.5)
        moved = replace(inputs, values=tuple(values))
        assert not torch.allclose(before, model(gather(moved, ROWS)).logits), m
        times = list(inputs.times)
        times[m] = times[m] * 0.5
        moved = replace(inputs, times=tuple(times))
        assert not torch.allclose(before, model(gather(moved, ROWS)).logits), m
    hourly = (inputs.hourly[0] * 1.5, *inputs.hourly[1:])
    moved = replace(inputs, hourly=hourly)
    assert not torch.allclose(before, model(gather(moved, ROWS)).logits)


def test_the_order_of_rows_does_not_matter() -> None:
    inputs = small_icu_inputs()
    model = predictor(inputs)
    batch = gather(inputs, ROWS)
    turned = []
    for m, stored in enumerate(batch.values):
        place = torch.arange(stored.shape[2]).expand(stored.shape[:3])
        last = (batch.lengths[..., m] - 1).clamp(min=0).unsqueeze(2)
        turned.append(torch.where(place <= last, last - place, place))
    values = tuple(
        torch.gather(v, 2, t.unsqueeze(3).expand_as(v))
        for v, t in zip(batch.values, turned, strict=True)
    )
    times = tuple(
        torch.gather(v, 2, t) for v, t in zip(batch.times, turned, strict=True)
    )
    other = model(replace(batch, values=values, times=times)).logits
    torch.testing.assert_close(model(batch).logits, other, rtol=1e-4, atol=1e-5)


def test_query_times_divide_the_hours() -> None:
    small = QUERY.model_copy(update={"query_times": 5})
    with pytest.raises(ValueError, match=f"queries: got 5 for a grid of {HOURS} hours"):
        predictor(small_icu_inputs(), tokens=small)


def test_features_without_times_are_refused() -> None:
    inputs = small_icu_inputs()
    model = predictor(inputs)
    batch = replace(gather(inputs, ROWS), times=(None,) * len(inputs.names))
    with pytest.raises(ValueError, match="modality 0 has no times"):
        model(batch)


def test_a_fusion_of_the_other_side_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"fusion='moe' takes last_state.*fusemoe"):
        fusion_of(1, small_icu_inputs(), small_architecture("moe", QUERY))


def test_few_queries_stand_where_the_bins_of_the_grid_do() -> None:
    hours = (torch.arange(48) + 0.5) / 48
    for queries in (1, 4, 6, 24):
        bins = hours.unflatten(0, (queries, -1)).mean(1)
        assert torch.allclose(query_times(queries), bins)
    assert torch.equal(query_times(48), torch.linspace(0, 1, 48))


def test_attention_dropout_reaches_every_modality_in_training_only() -> None:
    inputs = small_icu_inputs()
    batch = gather(inputs, ROWS)
    sizes = QUERY.model_copy(update={"dropout": 0.0, "attention_dropout": 0.5})
    plain = predictor(
        inputs, tokens=sizes.model_copy(update={"attention_dropout": 0.0})
    )
    model = predictor(inputs, tokens=sizes)
    draws = [torch.Generator().manual_seed(s) for s in range(2)]
    kept, clean = model.tokens(batch, draws), plain.tokens(batch, draws)
    there = batch.present.transpose(1, 2)
    for m in range(len(inputs.names)):
        assert not torch.allclose(kept[:, m][there[:, m]], clean[:, m][there[:, m]])
    assert torch.equal(model.tokens(batch), plain.tokens(batch))
