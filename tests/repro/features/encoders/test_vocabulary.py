"""Tokenizers that do not belong to their model or do not know the language."""

import pytest

from repro.features.encoders.tokens import vocabulary, wordpiece_tokenizer
from repro.features.encoders.vocabulary import (
    refuse_other_vocabulary,
    refuse_unknown_words,
)

TEXTS = ["a good film", "a bad film", "the film was good"] * 4


def test_a_tokenizer_far_smaller_than_the_model_is_refused() -> None:
    tokenizer = wordpiece_tokenizer(vocabulary(TEXTS, 60))
    size = len(tokenizer)
    refuse_other_vocabulary("w", tokenizer, size)
    refuse_other_vocabulary("w", tokenizer, size + 2)  # padded, as some models are
    for other in (2 * size, size - 1):
        with pytest.raises(ValueError, match=f"'w': the tokenizer has {size} entries"):
            refuse_other_vocabulary("w", tokenizer, other)


def test_texts_of_unknown_words_are_refused() -> None:
    tokenizer = wordpiece_tokenizer(vocabulary(TEXTS, 60))
    refuse_unknown_words("w", tokenizer, ["a good film", "漢字"])
    refuse_unknown_words("w", tokenizer, ["", " "])
    with pytest.raises(ValueError, match="does not know 3 of 3 words"):
        refuse_unknown_words("w", tokenizer, ["漢字", "", "漢"])
