"""Text encoders, and frozen features: one vector per text."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm
from transformers import (
    AutoConfig,
    AutoTokenizer,
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2Model,
    DebertaV2Tokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from repro.data.checksums import sha256
from repro.features.series import fitted_scale, standardized
from repro.features.tokens import (
    follow_sentencepiece,
    sentencepiece_model,
    tokenize,
    vocabulary,
    wordpiece_tokenizer,
)
from repro.params.presets import Encoder
from repro.records import Ragged

_TYPES = {"bert": "bert", "deberta": "deberta-v2"}
# Positions enter through attention only, as in the published DeBERTa-v3 models.
_RELATIVE: dict[str, Any] = {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
}
# Pickled weights of a folder are never read; this rewrites them, tensors only.
_CONVERT = (
    'python -c "import sys, torch; from safetensors.torch import save_file; '
    "f = sys.argv[1]; "
    "w = torch.load(f + '/pytorch_model.bin', map_location='cpu', weights_only=True); "
    "save_file({k: v.contiguous().clone() for k, v in w.items()}, "
    "f + '/model.safetensors', {'format': 'pt'})\""
)


def load_encoder(
    encoder: Encoder, train_texts: Sequence[str]
) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Tokenizer and model, in eval mode, of `encoder.weights`.

    `random`: the sizes of `encoder`, parameters drawn from its seed, a vocabulary made
    from `train_texts`. A folder is read without any network and without unpickling;
    anything else is the name of a model on the Hugging Face hub. The global random
    state is left as it was.

    Raises:
        ValueError: there is no such model, it has another architecture, or its folder
            lacks safetensors weights or the tokenizer.
    """
    if encoder.weights == "random":
        return _random_encoder(encoder, train_texts)
    return _stored_encoder(encoder)


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


def encoded(
    encoder: Encoder, texts: Sequence[str], is_train: Sequence[bool]
) -> tuple[Ragged, dict[str, int | str]]:
    """Frozen features of all texts, and sizes and revision of what made them.

    Every feature is standardized with its mean and sd over the train texts: a frozen
    encoder's features differ little between texts beside a large common offset.
    """
    train = [text for text, kept in zip(texts, is_train, strict=True) if kept]
    tokenizer, model = load_encoder(encoder, train)
    raw = text_features(tokenizer, model, texts, encoder)
    features, _ = standardized(raw, fitted_scale(raw, np.asarray(is_train, bool)))
    about: dict[str, int | str] = {
        "features": features.values.shape[1],
        "vocabulary": len(tokenizer),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    return features, about | _revision(model)


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
    return Ragged(rows, offsets), about | _revision(model)


def weight_sums(encoder: Encoder) -> dict[str, str]:
    """SHA-256 of each safetensors file of a local folder; empty for other weights."""
    folder = Path(encoder.weights)
    if not folder.is_dir():
        return {}
    return {path.name: sha256(path) for path in sorted(folder.glob("*.safetensors"))}


def _revision(model: PreTrainedModel) -> dict[str, int | str]:
    """The commit a model of the hub was resolved to; other models have none."""
    commit = getattr(model.config, "_commit_hash", None)
    return {} if commit is None else {"revision": commit}


def _random_encoder(
    encoder: Encoder, train_texts: Sequence[str]
) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    if encoder.hidden % encoder.heads:
        raise ValueError(
            f"hidden={encoder.hidden} is no multiple of heads={encoder.heads}; "
            "correct one of them in the encoders of the preset"
        )
    entries = vocabulary(train_texts, encoder.vocabulary)
    sizes: dict[str, Any] = {
        "vocab_size": len(entries),
        "hidden_size": encoder.hidden,
        "num_hidden_layers": encoder.layers,
        "num_attention_heads": encoder.heads,
        "intermediate_size": 4 * encoder.hidden,
        "max_position_embeddings": max(encoder.max_length, 16),
        "pad_token_id": 0,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(encoder.seed)
        model: PreTrainedModel
        if encoder.architecture == "bert":
            model = BertModel(BertConfig(**sizes), add_pooling_layer=False)
        else:
            model = DebertaV2Model(DebertaV2Config(**sizes, **_RELATIVE))
    return wordpiece_tokenizer(entries), model.eval()


def _stored_encoder(
    encoder: Encoder,
) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    name = encoder.weights
    is_local = Path(name).is_dir()
    if not is_local and (name.startswith((".", "/", "~")) or name.count("/") > 1):
        raise ValueError(
            f"weights={name!r}: no such folder; put the model there, or write random "
            "or the name of a model on the hub"
        )
    try:
        config = AutoConfig.from_pretrained(name, local_files_only=is_local)
        _check_type(encoder, config.model_type)
        if is_local:
            _check_weights(Path(name))
        tokenizer = _stored_tokenizer(name, is_local)
        model = _stored_model(encoder, is_local)
    except OSError as error:
        raise ValueError(
            f"weights={name!r}: the model could not be loaded ({error}); give a folder "
            "with config.json, the tokenizer and the weights, or random, or connect to "
            "the network for a model of the hub"
        ) from error
    if len(tokenizer) > config.vocab_size:
        raise ValueError(
            f"weights={name!r}: the tokenizer has {len(tokenizer)} entries, the model "
            f"{config.vocab_size}; put the tokenizer there that belongs to the weights"
        )
    return tokenizer, model.eval()


def _stored_tokenizer(name: str, is_local: bool) -> PreTrainedTokenizerBase:
    found = Path(name) / "spm.model"
    if is_local and found.is_file():
        sentencepiece_model(found)  # transformers misreads a damaged one
    tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=is_local)
    if isinstance(tokenizer, DebertaV2Tokenizer):
        file = tokenizer.init_kwargs.get("vocab_file")
        if file is None:  # transformers would go on with special tokens only
            raise ValueError(
                f"weights={name!r}: there is no spm.model; put the SentencePiece model "
                "there that belongs to the weights"
            )
        follow_sentencepiece(tokenizer, Path(file))
    return tokenizer


def _stored_model(encoder: Encoder, is_local: bool) -> PreTrainedModel:
    """The encoder alone; heads that the weights bring along are left out."""
    kind: Any = BertModel if encoder.architecture == "bert" else DebertaV2Model
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # what is missing is checked below
    try:
        model, report = kind.from_pretrained(
            encoder.weights,
            local_files_only=is_local,
            use_safetensors=True if is_local else None,
            dtype=torch.float32,
            output_loading_info=True,
        )
    finally:
        logging.set_verbosity(verbosity)
    missing = sorted(k for k in report["missing_keys"] if not k.startswith("pooler."))
    if missing:
        raise ValueError(
            f"weights={encoder.weights!r}: {len(missing)} parameters are missing, such "
            f"as {missing[0]}; give the weights that belong to config.json"
        )
    return model


def _check_weights(folder: Path) -> None:
    if any(folder.glob("*.safetensors")) or not any(folder.glob("*.bin")):
        return
    raise ValueError(
        f"weights={str(folder)!r}: pytorch_model.bin is pickled and not read; convert "
        f"it to safetensors with: {_CONVERT} {folder}"
    )


def _check_type(encoder: Encoder, found: str) -> None:
    expected = _TYPES[encoder.architecture]
    if found != expected:
        raise ValueError(
            f"weights={encoder.weights!r}: the model is of type {found!r}, "
            f"architecture={encoder.architecture!r} needs {expected!r}; "
            "correct one of them"
        )
