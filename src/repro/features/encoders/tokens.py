"""Tokenizers of text encoders, and token ids."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from google.protobuf.message import DecodeError
from jaxtyping import Int
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, normalizers
from tokenizers.models import Unigram
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from torch import Tensor
from transformers import BertTokenizer, DebertaV2Tokenizer, PreTrainedTokenizerBase

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_PIECES: Any = sentencepiece_model_pb2  # its messages are made at import


def vocabulary(texts: Sequence[str], size: int) -> list[str]:
    """At most `size` entries: special tokens, characters, then whole words.

    Characters and their continuations (`##a`) let every word be spelled; they take at
    most half of the room. Characters and words go by count, then alphabet.

    >>> vocabulary(["b a", "b"], 50)[5:]
    ['b', 'a', '##b', '##a']
    """
    normalizer, splitter = BertNormalizer(lowercase=True), BertPreTokenizer()
    counts: Counter[str] = Counter()
    for text in texts:
        clean = normalizer.normalize_str(text)
        counts.update(word for word, _ in splitter.pre_tokenize_str(clean))
    spelled: Counter[str] = Counter()
    for word, count in counts.items():
        for character in word:
            spelled[character] += count
    characters = _by_count(spelled)[: (size - len(SPECIAL)) // 4]
    entries = [*SPECIAL, *characters, *(f"##{c}" for c in characters)]
    known = set(entries)
    words = [word for word in _by_count(counts) if word not in known]
    return [*entries, *words][:size]


def _by_count(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda word: (-counts[word], word))


def wordpiece_tokenizer(entries: Sequence[str]) -> BertTokenizer:
    """A lower-casing BERT tokenizer with these entries, ids in order."""
    return BertTokenizer(vocab={entry: i for i, entry in enumerate(entries)})


def sentencepiece_model(file: Path) -> Any:
    """The unigram SentencePiece model in `file`.

    Raises:
        ValueError: the file holds no unigram model.
    """
    try:
        proto = _PIECES.ModelProto.FromString(file.read_bytes())
    except DecodeError as error:
        raise ValueError(
            f"{file}: no SentencePiece model ({error}); copy the file again"
        ) from error
    if proto.trainer_spec.model_type != proto.trainer_spec.UNIGRAM:
        raise ValueError(
            f"{file}: model_type={proto.trainer_spec.model_type} is no unigram model; "
            "give the spm.model that belongs to the weights"
        )
    return proto


def follow_sentencepiece(tokenizer: DebertaV2Tokenizer, file: Path) -> None:
    """Make a tokenizer normalize and spell as the SentencePiece model in `file` does.

    The conversion in transformers drops the character map of the model and its byte
    pieces: an ellipsis or a no-break space would become unknown.
    Departure: names of special tokens in a text are read as these tokens, and a letter
    with two combining marks can be spelled otherwise than in SentencePiece.

    Raises:
        ValueError: the file holds no unigram model.
    """
    proto = sentencepiece_model(file)
    trained, rules = proto.trainer_spec, proto.normalizer_spec
    steps: list[Any] = [normalizers.Lowercase()] if tokenizer.do_lower_case else []
    if rules.precompiled_charsmap:
        steps.append(normalizers.Precompiled(rules.precompiled_charsmap))
    if rules.remove_extra_whitespaces:
        steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    backend = tokenizer.backend_tokenizer
    backend.normalizer = normalizers.Sequence(steps)
    backend.model = Unigram(
        [(piece.piece, piece.score) for piece in proto.pieces],
        unk_id=trained.unk_id,
        byte_fallback=trained.byte_fallback,
    )


def tokenize(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int
) -> tuple[Int[Tensor, "samples tokens"], Int[Tensor, "samples tokens"]]:
    """Token ids, cut at `max_length` and padded at the end, and their mask.

    >>> tokenizer = wordpiece_tokenizer(vocabulary(["so good"], 50))
    >>> ids, mask = tokenize(tokenizer, ["so good", "so"], 10)
    >>> mask.tolist()
    [[1, 1, 1, 1], [1, 1, 1, 0]]
    """
    encoded = tokenizer(
        list(texts),
        padding=True,
        truncation=True,
        max_length=max_length,
        padding_side="right",
    )
    return torch.tensor(encoded["input_ids"]), torch.tensor(encoded["attention_mask"])
