"""Text encoders: drawn at random, from a local folder, or from the hub."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
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

from repro import paths
from repro.data import places
from repro.data.checksums import sha256
from repro.features.encoders.soundness import (
    refuse_hollow,
    refuse_other_sizes,
    refuse_unfit,
)
from repro.features.encoders.tokens import (
    follow_sentencepiece,
    sentencepiece_model,
    vocabulary,
    wordpiece_tokenizer,
)
from repro.features.encoders.vocabulary import (
    refuse_other_vocabulary,
    refuse_unknown_words,
)
from repro.params.presets import Encoder

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
_REMEDY = (
    "give a folder with config.json, the tokenizer and the weights, or random, or "
    "connect to the network for a model of the hub"
)
READ = (".json", ".model", ".safetensors", ".txt")  # files of a model and tokenizer
# transformers meets a damaged config.json or tokenizer with any of these.
DAMAGE = (
    *(OSError, SafetensorError, StrictDataclassError, ValueError),
    *(ImportError, LookupError, TypeError),
)


def load_encoder(
    encoder: Encoder, train_texts: Sequence[str]
) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Tokenizer and model, in eval mode, of `encoder.weights`.

    `random`: the sizes of `encoder`, parameters drawn from its seed, a vocabulary made
    from `train_texts`. A folder is read without any network and without unpickling;
    anything else is the name of a model on the Hugging Face hub, at its newest commit
    or at the one behind an `@`. The global random state is left as it was.

    Raises:
        ValueError: there is no such model, it has another architecture, or its folder
            lacks safetensors weights or the tokenizer, they are damaged, the tokenizer
            belongs to another model or language, or sizes are not those of the preset
            where these matter.
    """
    if encoder.weights == "random":
        return random_encoder(encoder, vocabulary(train_texts, encoder.vocabulary))
    return _stored_encoder(encoder, train_texts)


def refuse_unwatched(weights: str) -> None:
    """Stop at weights on this machine that DVC would not see changing.

    Raises:
        ValueError: they lie outside data/weights.
    """
    if Path(weights).exists():
        for found in (Path(weights), *Path(weights).glob("*")):  # links lead elsewhere
            places.watched("weights", str(found), paths.WEIGHTS)


def weight_sums(encoder: Encoder) -> dict[str, str]:
    """SHA-256 of each file of a local folder that is read; empty for other weights."""
    folder = Path(encoder.weights)
    if not folder.is_dir():
        return {}
    found = sorted(p for p in folder.iterdir() if p.suffix in READ and p.is_file())
    return {path.name: sha256(path) for path in found}


def revision(model: PreTrainedModel) -> dict[str, int | str]:
    """The commit a model of the hub was resolved to; other models have none."""
    commit = getattr(model.config, "_commit_hash", None)
    return {} if commit is None else {"revision": commit}


def random_encoder(
    encoder: Encoder, entries: Sequence[str]
) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Tokenizer of a vocabulary, and a model drawn from the seed of `encoder`.

    Raises:
        ValueError: the hidden units are no multiple of the heads.
    """
    if encoder.hidden % encoder.heads:
        raise ValueError(
            f"hidden={encoder.hidden} is no multiple of heads={encoder.heads}; "
            "correct one of them in the encoders of the preset"
        )
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
    encoder: Encoder, train_texts: Sequence[str]
) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    name = encoder.weights
    is_local = Path(name).is_dir()
    if not is_local and (name.startswith((".", "/", "~")) or name.count("/") > 1):
        raise ValueError(
            f"weights={name!r}: no such folder; put the model there, or write random "
            "or the name of a model on the hub"
        )
    kind = BertModel if encoder.architecture == "bert" else DebertaV2Model
    given: dict[str, Any] = {"local_files_only": is_local}
    if not is_local:
        name, _, commit = name.partition("@")
        given["revision"] = commit or "main"
    with loading(encoder.weights):
        config = AutoConfig.from_pretrained(name, trust_remote_code=False, **given)
        _check_type(encoder, config.model_type)
        refuse_other_sizes(encoder, config)
        if is_local:
            refuse_pickled(Path(name))
        tokenizer = _stored_tokenizer(name, given)
        model = whole_model(kind, name, **given)
    refuse_other_vocabulary(name, tokenizer, config.vocab_size)
    refuse_unknown_words(name, tokenizer, train_texts)
    return tokenizer, model


@contextmanager
def loading(name: str, remedy: str = _REMEDY) -> Iterator[None]:
    """Name the model where a file of it cannot be read.

    Raises:
        ValueError: so it is.
    """
    try:
        yield
    except DAMAGE as error:
        if str(error).startswith("weights="):  # it is named already
            raise
        raise ValueError(
            f"weights={name!r}: the model could not be loaded ({error}); {remedy}"
        ) from error


def _stored_tokenizer(name: str, given: dict[str, Any]) -> PreTrainedTokenizerBase:
    found = Path(name) / "spm.model"
    if given["local_files_only"] and found.is_file():
        sentencepiece_model(found)  # transformers misreads a damaged one
    tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False, **given)
    if isinstance(tokenizer, DebertaV2Tokenizer):
        file = tokenizer.init_kwargs.get("vocab_file")
        if file is None:  # transformers would go on with special tokens only
            raise ValueError(
                f"weights={name!r}: there is no spm.model; put the SentencePiece model "
                "there that belongs to the weights"
            )
        follow_sentencepiece(tokenizer, Path(file))
    return tokenizer


def whole_model(kind: Any, name: str, **given: Any) -> PreTrainedModel:
    """A stored model in eval mode without heads, all its parameters from the weights.

    A pooler may be missing, since only hidden states are used.

    Raises:
        ValueError: parameters are missing, or their sizes are not of config.json.
    """
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # what is missing is checked below
    try:
        if Path(name).is_dir():
            refuse_unfit(Path(name), AutoConfig.from_pretrained(name, **given))
        model, report = kind.from_pretrained(
            name,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
            **given,
        )
    except (RuntimeError, ValueError) as error:  # other sizes, or no such model
        first = str(error).partition("\n")[0]
        raise ValueError(
            f"weights={name!r}: the model could not be loaded ({first}); give the "
            "weights that belong to config.json"
        ) from error
    finally:
        logging.set_verbosity(verbosity)
    missing = sorted(k for k in report["missing_keys"] if not k.startswith("pooler."))
    if missing:
        raise ValueError(
            f"weights={name!r}: {len(missing)} parameters are missing, such as "
            f"{missing[0]}; give the weights that belong to config.json"
        )
    refuse_hollow(name, model, report["unexpected_keys"])
    return model.eval()


def refuse_pickled(folder: Path) -> None:
    """Stop at weights that are pickled.

    Raises:
        ValueError: the folder has no others; the message converts them.
    """
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
