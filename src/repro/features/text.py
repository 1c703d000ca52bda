"""Frozen text features, one vector per text, and ids for an encoder to be tuned."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from repro.features.encoders.loading import load_encoder, random_encoder, revision
from repro.features.encoders.tokens import tokenize
from repro.features.series import Scale, fitted_scale, standardized
from repro.params.presets import Encoder
from repro.records import Ragged


def pooled(
    hidden: Float[Tensor, "batch tokens features"],
    mask: Int[Tensor, "batch tokens"],
    pooling: str,
) -> Float[Tensor, "batch features"]:
    """Mean over the tokens that are not padding, or the first token.

    >>> h, m = torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[1, 1, 0]])
    >>> pooled(h, m, "mean").tolist(), pooled(h, m, "first").tolist()
    ([[2.0]], [[1.0]])
    """
    if pooling == "first":
        return hidden[:, 0]
    if pooling != "mean":
        raise ValueError(f"pooling={pooling!r}: choose mean or first")
    kept = mask.unsqueeze(2).to(hidden.dtype)
    return (hidden * kept).sum(dim=1) / kept.sum(dim=1)


def text_features(
    tokenizer: PreTrainedTokenizerBase,
    model: PreTrainedModel,
    texts: Sequence[str],
    encoder: Encoder,
) -> Ragged:
    """One vector per text, none for an empty one; the model is not changed.

    Texts of similar length share a batch; the vector of a text does not depend on
    which others do, up to rounding.
    """
    present = [i for i, text in enumerate(texts) if text.strip()]
    if not present:
        none = np.zeros((0, model.config.hidden_size), np.float32)
        return Ragged(none, np.zeros(len(texts) + 1, np.int64))
    ids, mask = tokenize(tokenizer, [texts[i] for i in present], encoder.max_length)
    lengths = mask.sum(dim=1)
    order = torch.argsort(lengths, stable=True)
    values = torch.zeros(len(present), model.config.hidden_size)
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for rows in tqdm(order.split(encoder.batch), disable=None, desc="text"):
            longest = int(lengths[rows].max())
            batch_mask = mask[rows, :longest]
            output = model(input_ids=ids[rows, :longest], attention_mask=batch_mask)
            hidden = output.last_hidden_state
            values[rows] = pooled(hidden, batch_mask, encoder.pooling).float()
    model.train(was_training)
    counts = np.zeros(len(texts), dtype=np.int64)
    counts[present] = 1
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Ragged(values.numpy(), offsets)


@dataclass(frozen=True)
class Encoding:
    """Frozen features of texts, and all that makes those of other texts alike.

    `about` holds sizes and revision of the encoder; `entries` is the vocabulary of a
    random one in the order of its ids, and empty for stored weights.
    """

    features: Ragged
    about: dict[str, int | str]
    scale: Scale
    entries: tuple[str, ...]


def encoding(
    encoder: Encoder, texts: Sequence[str], is_train: Sequence[bool]
) -> Encoding:
    """Frozen features of all texts, scaled by the train texts.

    Every feature is standardized with its mean and sd over the train texts: a frozen
    encoder's features differ little between texts beside a large common offset.
    """
    train = [text for text, kept in zip(texts, is_train, strict=True) if kept]
    tokenizer, model = load_encoder(encoder, train)
    raw = text_features(tokenizer, model, texts, encoder)
    scale = fitted_scale(raw, np.asarray(is_train, bool))
    features, _ = standardized(raw, scale)
    about: dict[str, int | str] = {
        "features": features.values.shape[1],
        "vocabulary": len(tokenizer),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    ids = tokenizer.get_vocab() if encoder.weights == "random" else {}
    entries = tuple(sorted(ids, key=lambda entry: ids[entry]))
    return Encoding(features, about | revision(model), scale, entries)


def encoded(
    encoder: Encoder, texts: Sequence[str], is_train: Sequence[bool]
) -> tuple[Ragged, dict[str, int | str]]:
    """Features and sizes of `encoding`."""
    made = encoding(encoder, texts, is_train)
    return made.features, made.about


def encoded_alike(
    encoder: Encoder, entries: Sequence[str], scale: Scale, texts: Sequence[str]
) -> Ragged:
    """Features of new texts, by the encoder and on the scale of an `Encoding`."""
    is_random = encoder.weights == "random"
    made = random_encoder(encoder, entries) if is_random else load_encoder(encoder, ())
    features, _ = standardized(text_features(*made, texts, encoder), scale)
    return features


def token_ids(
    encoder: Encoder, texts: Sequence[str], is_train: Sequence[bool]
) -> tuple[Ragged, dict[str, int | str]]:
    """Token ids of all texts, for an encoder that is trained along with the model.

    Shape: one row per token and one column; ids below 2^24 are exact in float32.
    """
    train = [text for text, kept in zip(texts, is_train, strict=True) if kept]
    tokenizer, model = load_encoder(encoder, train)
    present = np.array([bool(text.strip()) for text in texts])
    kept_texts = [text for text in texts if text.strip()]
    ids, mask = tokenize(tokenizer, kept_texts, encoder.max_length)
    counts = np.zeros(len(texts), dtype=np.int64)
    counts[present] = mask.sum(dim=1).numpy()
    rows = ids[mask.bool()].numpy().astype(np.float32)[:, None]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    about: dict[str, int | str] = {"features": 1, "vocabulary": len(tokenizer)}
    return Ragged(rows, offsets), about | revision(model)
