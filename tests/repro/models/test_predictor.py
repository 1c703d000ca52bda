"""The whole model: missing modalities, weights, padding rows, independence."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from repro.models.batch import Batch, Inputs, gather
from repro.models.predictor import Predictor, Randomness, parameter_count
from tests.repro.models.architectures import small_architecture
from tests.repro.small_study import small_inputs

MODES = ("mask", "zero", "embedding")
ROWS = torch.arange(24).expand(2, -1)


def predictor(
    inputs: Inputs, missing: str = "mask", site: str = "contribution", seeds: int = 2
) -> Predictor:
    """A small model with drawn parameters."""
    shape = small_architecture(missing=missing, weight_site=site)
    model = Predictor(seeds, inputs, shape)
    model.initialize([torch.Generator().manual_seed(s) for s in range(seeds)])
    return model


def gradients(model: Predictor, batch: Batch) -> list[Tensor]:
    """Gradients of everything that the model gives out."""
    model.zero_grad()
    output = model(batch)
    (output.logits.square().sum() + output.losses["balance"].sum()).backward()
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


def polluted(inputs: Inputs, value: float) -> Inputs:
    """A value read wherever there is nothing: absent modalities and padding."""
    values = []
    for stored in inputs.values:
        rows = stored.values.clone()
        rows[-1] = value
        values.append(replace(stored, values=rows))
    return replace(inputs, values=tuple(values))


@pytest.mark.parametrize("missing", MODES)
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -1e30])
def test_stored_values_of_an_absent_modality_never_matter(
    missing: str, value: float
) -> None:
    inputs = small_inputs()
    model = predictor(inputs, missing)
    clean, dirty = gather(inputs, ROWS), gather(polluted(inputs, value), ROWS)
    assert not all(
        torch.equal(a, b) for a, b in zip(clean.values, dirty.values, strict=True)
    )
    assert torch.equal(model(clean).logits, model(dirty).logits)
    for expected, found in zip(
        gradients(model, clean), gradients(model, dirty), strict=True
    ):
        assert torch.equal(expected, found)


def test_missing_modes_differ() -> None:
    inputs = small_inputs()
    batch = gather(inputs, ROWS)
    outputs = {m: predictor(inputs, m)(batch).logits for m in MODES}
    assert not torch.allclose(outputs["mask"], outputs["zero"], atol=1e-4)
    full = batch.present.all(2)
    assert torch.allclose(outputs["mask"][full], outputs["zero"][full], atol=1e-6)


def test_the_learned_token_matters_only_where_something_is_absent() -> None:
    inputs = small_inputs()
    model, batch = predictor(inputs, "embedding"), gather(inputs, ROWS)
    before = model(batch).logits
    with torch.no_grad():
        model.absent.tokens[..., 0] += 1.0
    after, full = model(batch).logits, batch.present.all(2)
    assert torch.equal(before[full], after[full])
    assert (before[~full] != after[~full]).all()


@pytest.mark.parametrize("missing", ["zero", "embedding"])
def test_the_placeholder_of_an_absent_modality_is_never_scaled(missing: str) -> None:
    inputs = small_inputs()
    batch = gather(inputs, ROWS)
    for site in ("contribution", "embedding"):
        model = predictor(inputs, missing, site)
        plain = model(batch).logits
        weights = torch.where(batch.present, 1.0, 5.0)
        assert torch.equal(model(batch, weights).logits, plain)


def test_weight_zero_is_absence() -> None:
    inputs = small_inputs()
    model, batch = predictor(inputs), gather(inputs, ROWS)
    for m in range(3):
        weights, present = torch.ones(2, 24, 3), batch.present.clone()
        weights[..., m], present[..., m] = 0.0, False
        silent = model(batch, weights).logits
        absent = model(replace(batch, present=present)).logits
        assert torch.allclose(silent, absent, atol=1e-6, rtol=0)


@pytest.mark.parametrize("weight", [0.5, 2.0])
def test_weights_move_the_prediction(weight: float) -> None:
    inputs = small_inputs()
    model, batch = predictor(inputs), gather(inputs, ROWS)
    plain = model(batch).logits
    for m in range(3):
        weights = torch.ones(2, 24, 3)
        weights[..., m] = weight
        moved = (model(batch, weights).logits - plain).square().mean().sqrt()
        assert moved > 0.01 * plain.std()


def test_padding_rows_change_nothing() -> None:
    inputs = small_inputs()
    model = predictor(inputs)
    padded = torch.cat([ROWS, torch.full((2, 5), -1)], 1)
    full, more = model(gather(inputs, ROWS)), model(gather(inputs, padded))
    assert torch.allclose(full.logits, more.logits[:, :24], atol=1e-6)
    assert torch.allclose(full.losses["balance"], more.losses["balance"], atol=1e-6)
    assert torch.isfinite(more.logits).all()


def test_a_row_does_not_depend_on_its_batch_mates() -> None:
    inputs = small_inputs()
    model = predictor(inputs)
    together = model(gather(inputs, ROWS)).logits
    for row in (0, 7, 23):
        alone = model(gather(inputs, torch.tensor([[row], [row]]))).logits
        assert torch.allclose(alone[:, 0], together[:, row], atol=1e-5)


def test_generators_switch_on_dropout_and_router_noise_separately() -> None:
    inputs = small_inputs()
    model, batch = predictor(inputs), gather(inputs, ROWS)
    plain = model(batch).logits

    def drawn() -> list[torch.Generator]:
        return [torch.Generator().manual_seed(s) for s in range(2)]

    dropped = model(batch, None, Randomness(dropout=drawn())).logits
    noisy = model(batch, None, Randomness(router=drawn())).logits
    again = model(batch, None, Randomness(router=drawn())).logits
    assert torch.equal(plain, model(batch).logits)
    assert not torch.equal(plain, dropped)
    assert not torch.equal(plain, noisy)
    assert torch.equal(noisy, again)


def test_embedding_weights_scale_the_tokens_alone() -> None:
    inputs = small_inputs(absent=False)
    model, batch = predictor(inputs, site="embedding"), gather(inputs, ROWS)
    weights = torch.ones(2, 24, 3)
    weights[..., 1] = 0.5
    found = model(batch, weights).logits
    with torch.no_grad():
        last = model.tokens.projections[1].second
        for parameter in (last.weight, last.bias):
            parameter *= 0.5
    assert torch.allclose(model(batch).logits, found, atol=1e-6)


@pytest.mark.parametrize("site", ["contribution", "embedding"])
def test_weights_of_a_fusion_that_takes_none_are_refused(site: str) -> None:
    inputs = small_inputs()
    model = Predictor(2, inputs, small_architecture("ithp", weight_site=site))
    model.initialize([torch.Generator().manual_seed(s) for s in range(2)])
    batch = gather(inputs, ROWS)
    assert torch.isfinite(model(batch).logits).all()
    with pytest.raises(ValueError, match=r"weights: ITHP takes none"):
        model(batch, torch.ones(2, 24, 3))


def test_parameters_are_counted_per_model() -> None:
    inputs = small_inputs()
    one, two = predictor(inputs, seeds=1), predictor(inputs, seeds=2)
    total = sum(p.numel() for p in two.parameters())
    assert parameter_count(one) == parameter_count(two) == total / 2


def test_views_share_memory_with_the_parameters() -> None:
    model = predictor(small_inputs())
    with torch.no_grad():
        for view in model.views(1):
            view.zero_()
    for parameter in model.parameters():
        assert not parameter[1].any()
    assert any(parameter[0].any() for parameter in model.parameters())
