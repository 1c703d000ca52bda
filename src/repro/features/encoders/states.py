"""Hidden states of the frozen lower layers of a text encoder, and its upper layers."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from repro.features.encoders.loading import load_encoder, revision
from repro.features.encoders.tokens import tokenize
from repro.params.presets import Encoder
from repro.records import Ragged

MOST_BYTES = 4 << 30  # of the states of a data set, which training holds in memory


class GivenStates(nn.Module):
    """In the place of embeddings: hidden states that were computed before."""

    def forward(
        self, inputs_embeds: Float[Tensor, "batch tokens hidden"], **_: object
    ) -> Float[Tensor, "batch tokens hidden"]:
        return inputs_embeds


def lower_layers(model: PreTrainedModel, upper: int) -> PreTrainedModel:
    """The encoder without its `upper` last layers, in eval mode; a copy."""
    lower: Any = copy.deepcopy(model)
    lower.encoder.layer = lower.encoder.layer[: len(lower.encoder.layer) - upper]
    return lower.eval()


def upper_layers(model: PreTrainedModel, upper: int) -> PreTrainedModel:
    """The `upper` last layers of an encoder, on the states of `lower_layers`; a copy.

    Their parameters alone take gradients: relative positions, which all layers of a
    DeBERTa share, stay as they are.
    """
    made: Any = copy.deepcopy(model)
    made.embeddings = GivenStates()
    made.encoder.layer = made.encoder.layer[len(made.encoder.layer) - upper :]
    made.pooler = None  # only hidden states are used
    if getattr(made.encoder, "conv", None) is not None:
        made.encoder.conv = None  # beside the first layer of all
    made.requires_grad_(False)
    made.encoder.layer.requires_grad_(True)
    return made


def lower_states(
    encoder: Encoder, texts: Sequence[str], is_train: Sequence[bool], where: str
) -> tuple[Ragged, dict[str, int | str]]:
    """States of all tokens below the trained layers, computed once for each text.

    Every sample has its own copy of the states of its text. Nothing of them is random:
    the frozen layers run without dropout. `where` is what the encoder is called in
    errors.

    Shape: one row per token, none for an empty text; float32.

    Raises:
        ValueError: the states are larger than `MOST_BYTES`.
    """
    train = [text for text, kept in zip(texts, is_train, strict=True) if kept]
    tokenizer, model = load_encoder(encoder, train)
    lower = lower_layers(model, encoder.last_k or 0)
    distinct = list(dict.fromkeys(text for text in texts if text.strip()))
    found = dict(
        zip(distinct, _states(tokenizer, lower, distinct, encoder, where), strict=True)
    )
    none = np.zeros((0, model.config.hidden_size), np.float32)
    rows = [found.get(text, none) for text in texts]
    tokens = sum(map(len, rows))  # one copy for each sample, of a text that comes twice
    _refuse_large(tokens, model.config.hidden_size, where, encoder)
    offsets = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int64)
    about: dict[str, int | str] = {
        "features": model.config.hidden_size,
        "vocabulary": len(tokenizer),
    }
    return Ragged(np.concatenate([none, *rows]), offsets), about | revision(model)


def _states(
    tokenizer: PreTrainedTokenizerBase,
    lower: PreTrainedModel,
    texts: Sequence[str],
    encoder: Encoder,
    where: str,
) -> list[Float[np.ndarray, "_tokens hidden"]]:
    """States of each text; texts of similar length share a batch."""
    if not texts:
        return []
    ids, mask = tokenize(tokenizer, texts, encoder.max_length)
    lengths = mask.sum(dim=1)
    _refuse_large(int(lengths.sum()), lower.config.hidden_size, where, encoder)
    found: list[np.ndarray] = [np.zeros((0, 0), np.float32)] * len(texts)
    order = torch.argsort(lengths, stable=True)
    with torch.inference_mode():
        for rows in tqdm(order.split(encoder.batch), disable=None, desc="states"):
            longest = int(lengths[rows].max())
            own = mask[rows, :longest]
            output = lower(input_ids=ids[rows, :longest], attention_mask=own)
            hidden = output.last_hidden_state.float().numpy()
            for row, states in zip(rows.tolist(), hidden, strict=True):
                found[row] = states[: int(lengths[row])].copy()
    return found


def _refuse_large(tokens: int, hidden: int, where: str, encoder: Encoder) -> None:
    size = 4 * tokens * hidden
    if size > MOST_BYTES:
        raise ValueError(
            f"{where}.last_k = {encoder.last_k}: states of {tokens} tokens of {hidden} "
            f"units take {size / 2**30:.1f} GiB, and at most {MOST_BYTES >> 30} are "
            "kept; set finetune: all, or a smaller max_length"
        )
