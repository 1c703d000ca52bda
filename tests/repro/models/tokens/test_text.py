"""A tuned text encoder: batch mates, upper layers on stored states, whole fits."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from repro.features.encoders.loading import load_encoder
from repro.features.encoders.states import lower_states, upper_layers
from repro.features.text import token_ids
from repro.models.batch import Sequences, gather
from repro.models.predictor import Predictor
from repro.models.tokens.text import FineTunedText, FineTuning
from repro.params.presets import Encoder
from repro.records import Ragged
from repro.training.checkpoint import checkpoint_arrays, load_parameters
from repro.training.fitting import fit
from repro.training.prediction import batches
from tests.repro.models.architectures import small_architecture
from tests.repro.small_study import Study, small_params, small_study

WORDS = ["good", "bad", "film", "story", "very", "long", "end", "not", "so"]
LAYERS = 3


def encoder_of(architecture: str, last_k: int) -> Encoder:
    return Encoder(
        architecture=architecture,
        weights="random",
        hidden=16,
        layers=LAYERS,
        heads=2,
        vocabulary=80,
        max_length=12,
        pooling="mean",
        batch=8,
        finetune="last_k",
        last_k=last_k,
        lr=0.01,
        seed=3,
    )


def texts_of(study: Study) -> list[str]:
    """A text for each sample that has one; some tell of its label."""
    draw = np.random.default_rng(0)
    m = study.inputs.names.index("text")
    return [
        " ".join([WORDS[int(y > 0)], *draw.choice(WORDS, draw.integers(0, 8))])
        if there
        else ""
        for y, there in zip(
            study.inputs.y.tolist(), study.inputs.present[:, m].tolist(), strict=True
        )
    ]


def with_text(study: Study, features: Ragged, text: FineTuning) -> Study:
    """The study with other text features and their encoder."""
    inputs, m = study.inputs, study.inputs.names.index("text")
    values = torch.from_numpy(np.pad(features.values, ((0, 1), (0, 0))))
    stored = list(inputs.values)
    stored[m] = Sequences(values, torch.from_numpy(features.offsets))
    lengths = inputs.lengths.clone()
    lengths[:, m] = torch.from_numpy(features.lengths)
    changed = replace(inputs, values=tuple(stored), lengths=lengths)
    return replace(study, inputs=changed, text=text)


def start_of(whole: Any, upper: int | None) -> FineTuning:
    start = upper_layers(whole, upper) if upper else whole
    reads_states = upper is not None
    return FineTuning("text", start, 16, "mean", lr=0.01, reads_states=reads_states)


def silent(model: nn.Module) -> nn.Module:
    """The model without dropout."""
    for part in model.modules():
        if isinstance(part, nn.Dropout) or type(part).__name__ == "StableDropout":
            part.p = 0.0
        if hasattr(part, "attention_dropout") and isinstance(
            part.attention_dropout, float
        ):
            part.attention_dropout = 0.0
    return model


def pair(
    architecture: str, upper: int, *, dropout: bool = False
) -> tuple[Study, Study]:
    """A study of the whole encoder, its lower layers held, and one on states."""
    study = small_study(small_params((0, 1)))
    texts, encoder = texts_of(study), encoder_of(architecture, upper)
    is_train = (study.samples["split"] == "train").tolist()
    train = [t for t, kept in zip(texts, is_train, strict=True) if kept]
    _, whole = load_encoder(encoder, train)
    if not dropout:
        silent(whole)
    ids, _ = token_ids(encoder, texts, is_train)
    states, _ = lower_states(encoder, texts, is_train, "here")
    on_states = with_text(study, states, start_of(whole, upper))
    whole.requires_grad_(False)
    whole.encoder.layer[LAYERS - upper :].requires_grad_(True)
    return with_text(study, ids, start_of(whole, None)), on_states


def outcome_of(study: Study, fusion: str = "moe") -> Any:
    return fit(
        study.inputs,
        study.rows,
        study.members(folds=False),
        study.architecture(fusion),
        study.settings(fusion, fusion),
    )


@pytest.mark.parametrize("architecture", ["bert", "deberta"])
@pytest.mark.parametrize("fusion", ["moe", "mult"])
def test_a_fit_on_states_is_that_of_the_whole_encoder_with_its_lower_layers_held(
    architecture: str, fusion: str
) -> None:
    whole, on_states = (outcome_of(study, fusion) for study in pair(architecture, 1))
    for split, predictions in whole.predictions.items():
        found = on_states.predictions[split]
        np.testing.assert_allclose(found, predictions, rtol=0, atol=2e-4)
    assert whole.epochs == on_states.epochs


def test_a_fit_moves_the_upper_layers_and_a_checkpoint_holds_them() -> None:
    _, study = pair("bert", 2, dropout=True)
    outcome = outcome_of(study)
    (text,) = (p for p in outcome.model.modules() if isinstance(p, FineTunedText))
    assert study.text is not None
    start = dict(study.text.start.named_parameters())
    names = {name for name, _ in text.copies[0].named_parameters()}
    assert {n.split(".")[2] for n in names} == {"0", "1"}
    # The key bias shifts all scores of a query alike, so that its gradient is rounding.
    moved = {n for n, p in text.copies[0].named_parameters() if (p != start[n]).any()}
    assert names - moved <= {n for n in names if n.endswith("key.bias")}
    arrays = checkpoint_arrays(outcome.model, outcome.states, [0, 1])
    held = [n for n in arrays if ".copies.1.encoder.layer.1." in n]
    assert len(held) == len([n for n in names if ".layer.1." in n])
    assert not any("embeddings" in n or ".layer.2." in n for n in arrays)
    fresh = Predictor(2, study.inputs, study.architecture("moe"))
    load_parameters(fresh, arrays)
    batch = gather(study.inputs, torch.arange(9).expand(2, -1))
    with torch.no_grad():
        expected = outcome.model.eval()(batch).logits
        assert torch.equal(fresh.eval()(batch).logits, expected)


def test_dropout_acts_in_training_and_a_seed_repeats_it() -> None:
    _, study = pair("bert", 1, dropout=True)
    _, quiet = pair("bert", 1)
    one, two, other = (outcome_of(s) for s in (study, study, quiet))
    for split, predictions in one.predictions.items():
        assert np.array_equal(two.predictions[split], predictions)
    assert abs(one.predictions["test"] - other.predictions["test"]).max() > 1e-4


@pytest.mark.parametrize("reads_states", [True, False])
def test_batch_mates_and_batch_sizes_change_nothing(reads_states: bool) -> None:
    study = pair("bert", 1)[int(reads_states)]
    model = Predictor(1, study.inputs, study.architecture("moe"))
    model.initialize([torch.Generator().manual_seed(0)])
    model.eval()
    count = len(study.inputs.y)
    with torch.no_grad():
        every = model(gather(study.inputs, torch.arange(count)[None])).logits
        for row in range(0, count, 7):
            alone = model(gather(study.inputs, torch.tensor([[row]]))).logits
            assert torch.allclose(alone[:, 0], every[:, row], atol=1e-5)


def test_an_evaluation_batch_is_counted_by_the_units_of_the_encoder() -> None:
    study, _ = pair("bert", 1)
    model = Predictor(1, study.inputs, study.architecture("moe"))
    assert model.widths(study.inputs)[0] == 16
    assert study.inputs.values[0].features == 1
    plain = Predictor(1, small_study(small_params((0,))).inputs, small_architecture())
    assert plain.widths(study.inputs)[0] == 1
    rows, few = np.arange(len(study.inputs.y)), 16 * 12 * 4
    given = study.inputs, rows, 1, 64, few
    narrow, wide = (
        list(batches(*given, widths=w)) for w in ([1, 4, 3], model.widths(study.inputs))
    )
    assert len(wide) > len(narrow)
    assert sorted(np.concatenate(wide)) == rows.tolist()
