"""Word-piece vocabularies made from training texts, and token ids."""

from collections import Counter
from collections.abc import Sequence

import torch
from jaxtyping import Int
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from torch import Tensor
from transformers import BertTokenizer, PreTrainedTokenizerBase

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


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
