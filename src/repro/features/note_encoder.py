"""Vectors of whole notes from a pretrained transformer, window by window."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from transformers import (
    AutoConfig,
    AutoTokenizer,
    LongformerModel,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from repro.features.cache import cached_items, text_key
from repro.features.encoders.loading import (
    load_encoder,
    loading,
    refuse_pickled,
    weight_sums,
    whole_model,
)
from repro.features.encoders.soundness import refuse_few_places
from repro.features.encoders.vocabulary import (
    refuse_other_vocabulary,
    refuse_unknown_words,
)
from repro.features.notes import COUNT, about_notes, last_notes
from repro.features.objects import (
    about_objects,
    no_objects,
    scaled_objects,
    train_objects,
)
from repro.features.text import pooled
from repro.params.presets import Encoder
from repro.records import Ragged


def load_note_encoder(
    encoder: Encoder, train_texts: list[str]
) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Tokenizer and model in eval mode; a folder may also hold a Longformer.

    Raises:
        ValueError: there is no such model, its folder is not whole, or it cannot take
            `max_length` tokens.
    """
    name = encoder.weights
    if not Path(name).is_dir():
        return load_encoder(encoder, train_texts)
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    with loading(name):
        config = AutoConfig.from_pretrained(name, **local)
        if config.model_type != "longformer":
            return load_encoder(encoder, train_texts)
        # Two positions stand before the first token.
        refuse_few_places(encoder, config.max_position_embeddings - 2)
        refuse_pickled(Path(name))
        tokenizer = AutoTokenizer.from_pretrained(name, **local)
        model = whole_model(
            LongformerModel, name, local_files_only=True, add_pooling_layer=False
        )
    refuse_other_vocabulary(name, tokenizer, config.vocab_size)
    refuse_unknown_words(name, tokenizer, train_texts)
    return tokenizer, model


def note_vector(
    tokenizer: PreTrainedTokenizerBase,
    model: PreTrainedModel,
    encoder: Encoder,
    text: str,
) -> Float[np.ndarray, " features"]:
    """Mean over all windows of `max_length` tokens, weighted by their tokens.

    Departure: the original keeps the vector of the first window only. A radiology note
    states its impression last.
    """
    total, tokens = torch.zeros(model.config.hidden_size), 0
    with torch.inference_mode():
        # One window at a time: nothing is padded, and no note depends on another.
        for window in _windows(tokenizer, encoder, text):
            ids = torch.tensor([window])
            hidden = model(input_ids=ids, **_attention(model, ids)).last_hidden_state
            vector = pooled(hidden, torch.ones_like(ids), encoder.pooling)[0]
            total, tokens = total + len(window) * vector, tokens + len(window)
    return (total / tokens).numpy()


def _windows(
    tokenizer: PreTrainedTokenizerBase, encoder: Encoder, text: str
) -> list[list[int]]:
    """Token ids of all windows, each with its special tokens."""
    return tokenizer(
        text,
        truncation=True,
        max_length=encoder.max_length,
        return_overflowing_tokens=True,
    )["input_ids"]


def _attention(model: PreTrainedModel, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    """A Longformer needs to be told that its first token attends to all."""
    mask = {"attention_mask": torch.ones_like(ids)}
    if model.config.model_type == "longformer":
        first = torch.zeros_like(ids)
        first[:, 0] = 1
        mask["global_attention_mask"] = first
    return mask


def transformer_features(
    samples: pd.DataFrame,
    notes: pd.DataFrame,
    encoder: Encoder,
    *,
    folder: Path,
    count: int = COUNT,
    workers: int = 1,
) -> tuple[Ragged, dict[str, Any]]:
    """Vectors of the last notes of each stay, kept in `folder` by text and encoder.

    Raises:
        ValueError: the model cannot be loaded, or no training sample has a note.
    """
    kept = last_notes(notes, count)
    is_train = train_objects(samples, kept)
    train = list(kept["text"][is_train])
    tokenizer, model = load_note_encoder(encoder, train)
    about = about_objects("transformer", samples, kept, model.config.hidden_size)
    about |= about_notes(notes, kept) | {"weights": weight_sums(encoder)}
    if kept.empty:
        return no_objects(samples, model.config.hidden_size), about
    _windows(tokenizer, encoder, "")  # sets the length once, before threads share it
    vectors = cached_items(
        {text_key(text): text for text in kept["text"]},
        _encoder_id(encoder, tokenizer, model),
        partial(note_vector, tokenizer, model, encoder),
        folder,
        workers,
        threads=True,
    )
    values = np.stack([np.asarray(vectors[text_key(text)]) for text in kept["text"]])
    return scaled_objects(samples, kept, values, is_even=False), about


def _encoder_id(
    encoder: Encoder, tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel
) -> str:
    """Everything that a vector depends on besides the text."""
    settings = encoder.model_dump(exclude={"batch", "lr", "finetune"})
    settings["sums"] = weight_sums(encoder)
    settings["commit"] = getattr(model.config, "_commit_hash", None)
    settings["tokenizer"] = text_key(tokenizer.backend_tokenizer.to_str())
    return json.dumps(settings, sort_keys=True)
