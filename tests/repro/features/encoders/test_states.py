"""States below the trained layers: those of the whole encoder, once for each text."""

from pathlib import Path

import numpy as np
import pytest
import torch

from repro.features.encoders import states
from repro.features.encoders.loading import load_encoder
from repro.features.encoders.states import (
    lower_layers,
    lower_states,
    upper_layers,
)
from repro.features.encoders.tokens import tokenize
from repro.params.presets import Encoder
from tests.repro.features.test_text import BASE, PRESENT, TEXTS

WHERE = "presets/made.yaml: encoders.bert"
EACH = pytest.mark.parametrize("architecture", ["bert", "deberta"])


def tuned(last_k: int = 1, **values: object) -> Encoder:
    sizes = {"finetune": "last_k", "last_k": last_k, "layers": 3}
    return BASE.model_copy(update=sizes | values)


@EACH
@pytest.mark.parametrize("upper", [1, 2])
def test_lower_and_upper_layers_are_the_whole_encoder(
    architecture: str, upper: int
) -> None:
    tokenizer, whole = load_encoder(tuned(architecture=architecture), TEXTS)
    ids, mask = tokenize(tokenizer, [TEXTS[i] for i in PRESENT], 12)
    with torch.no_grad():
        below = lower_layers(whole, upper)(input_ids=ids, attention_mask=mask)
        above = upper_layers(whole, upper)(
            inputs_embeds=below.last_hidden_state, attention_mask=mask
        )
        expected = whole(input_ids=ids, attention_mask=mask).last_hidden_state
    kept = mask.bool()
    assert torch.equal(above.last_hidden_state[kept], expected[kept])


@EACH
def test_gradients_reach_the_upper_layers_alone(architecture: str) -> None:
    tokenizer, whole = load_encoder(tuned(architecture=architecture), TEXTS)
    ids, mask = tokenize(tokenizer, TEXTS[:2], 12)
    below = lower_layers(whole, 2)(input_ids=ids, attention_mask=mask)
    upper = upper_layers(whole, 2)
    hidden = below.last_hidden_state.detach()
    above = upper(inputs_embeds=hidden, attention_mask=mask).last_hidden_state
    (above * torch.randn_like(above)).sum().backward()
    reached = {n for n, p in upper.named_parameters() if p.grad is not None}
    layers = {n for n, _ in upper.named_parameters() if n.startswith("encoder.layer.")}
    assert reached == layers
    assert {n.split(".")[2] for n in layers} == {"0", "1"}
    assert all(p.grad is None for p in whole.parameters())  # copies, both of them


@EACH
def test_states_are_those_of_each_text_alone(architecture: str) -> None:
    encoder, is_train = tuned(architecture=architecture), [True] * len(TEXTS)
    found, about = lower_states(encoder, TEXTS, is_train, WHERE)
    assert found.values.dtype == np.float32 and about["features"] == 16
    tokenizer, whole = load_encoder(encoder, TEXTS)
    lower = lower_layers(whole, 1)
    for i, text in enumerate(TEXTS):
        rows = found.values[found.offsets[i] : found.offsets[i + 1]]
        if i not in PRESENT:
            assert len(rows) == 0
            continue
        ids, _ = tokenize(tokenizer, [text], 12)
        with torch.no_grad():
            alone = lower(input_ids=ids).last_hidden_state[0]
        np.testing.assert_allclose(rows, alone, atol=1e-5)
    again, _ = lower_states(encoder, TEXTS, is_train, WHERE)
    assert np.array_equal(again.values, found.values)


def test_a_text_that_comes_twice_is_encoded_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoded: list[str] = []
    monkeypatch.setattr(
        states, "tokenize", lambda t, x, n: (encoded.extend(x), tokenize(t, x, n))[1]
    )
    texts = [*TEXTS, *TEXTS[::-1]]
    found, _ = lower_states(tuned(), texts, [True] * len(texts), WHERE)
    assert sorted(encoded) == sorted(TEXTS[i] for i in PRESENT)
    first, last = found.values[: found.lengths[0]], found.values[-found.lengths[-1] :]
    assert np.array_equal(first, last)


def test_states_that_are_too_large_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, _ = lower_states(tuned(), TEXTS, [True] * len(TEXTS), WHERE)
    monkeypatch.setattr(states, "MOST_BYTES", found.values.nbytes)
    lower_states(tuned(), TEXTS, [True] * len(TEXTS), WHERE)
    monkeypatch.setattr(states, "MOST_BYTES", found.values.nbytes - 1)
    message = (
        r"made\.yaml: encoders\.bert\.last_k = 1: states of \d+ tokens .* finetune"
    )
    with pytest.raises(ValueError, match=message):
        lower_states(tuned(), TEXTS, [True] * len(TEXTS), WHERE)


def test_copies_of_a_text_count_as_they_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, _ = lower_states(tuned(), TEXTS, [True] * len(TEXTS), WHERE)
    monkeypatch.setattr(states, "MOST_BYTES", found.values.nbytes)
    with pytest.raises(ValueError, match=r"last_k = 1: states of \d+ tokens"):
        lower_states(tuned(), TEXTS * 2, [True] * len(TEXTS) * 2, WHERE)


def test_no_text_at_all_has_no_states() -> None:
    found, _ = lower_states(tuned(), ["", " "], [True, True], WHERE)
    assert found.values.shape == (0, 16) and found.lengths.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": 32}, r"config.json has hidden_size 16, but hidden = 32 of .*set h"),
        ({"layers": 4}, r"num_hidden_layers 3, but layers = 4 of .* set layers: 3"),
        ({"layers": 2, "last_k": 2}, r"layers 3, but layers = 2 .* last_k = 2 counts"),
        (
            {"max_length": 40},
            r"positions for 16 tokens, but max_length = 40; set",
        ),
    ],
)
def test_a_folder_of_another_size_is_named(
    change: dict[str, int], message: str, tmp_path: Path
) -> None:
    tokenizer, model = load_encoder(tuned(), TEXTS)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    stored = tuned(weights=str(tmp_path))
    assert len(load_encoder(stored, TEXTS)[1].encoder.layer) == 3
    other = stored.model_copy(update=change)
    with pytest.raises(ValueError, match=message):
        load_encoder(other, TEXTS)
    frozen = other.model_copy(update={"finetune": "none", "max_length": 12})
    assert len(load_encoder(frozen, TEXTS)[1].encoder.layer) == 3  # its own sizes


def test_a_folder_without_its_upper_layers_is_named(tmp_path: Path) -> None:
    tokenizer, model = load_encoder(tuned(), TEXTS)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    short = lower_layers(model, 1)
    short.config.num_hidden_layers = 3
    short.save_pretrained(tmp_path)
    message = r"parameters are missing, such as encoder\.layer\.2\..* belong to config"
    with pytest.raises(ValueError, match=message):
        lower_states(tuned(weights=str(tmp_path)), TEXTS, [True] * len(TEXTS), WHERE)
