"""Whether a tokenizer belongs to its model and knows the language of the texts."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

LEAST_VOCABULARY = 0.8  # of the model's entries; some models pad theirs
LOOKED_AT = 256  # train texts whose words a tokenizer is asked for


def refuse_other_vocabulary(
    name: str, tokenizer: PreTrainedTokenizerBase, size: int
) -> None:
    """Stop at a tokenizer that does not belong to the model.

    Raises:
        ValueError: it has more entries than the model, or far fewer, as where its
            vocabulary file is missing or cut.
    """
    entries = len(tokenizer)
    if entries > size or entries < LEAST_VOCABULARY * size:
        raise ValueError(
            f"weights={name!r}: the tokenizer has {entries} entries, the model "
            f"{size}; put the tokenizer there that belongs to the weights, whole"
        )


def refuse_unknown_words(
    name: str, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> None:
    """Stop where the tokenizer does not know the words of the train texts.

    Raises:
        ValueError: most tokens of the texts are unknown.
    """
    some = [text for text in texts if text.strip()][:LOOKED_AT]
    if not some or tokenizer.unk_token_id is None:
        return
    ids = tokenizer(some, add_special_tokens=False)["input_ids"]
    tokens = [token for own in ids for token in own]
    lost = tokens.count(tokenizer.unk_token_id)
    if 2 * lost > len(tokens) or not tokens:
        raise ValueError(
            f"weights={name!r}: the tokenizer does not know {lost} of {len(tokens)} "
            f"words and pieces of {len(some)} texts; "
            "put the tokenizer there that belongs to the weights and the language"
        )
