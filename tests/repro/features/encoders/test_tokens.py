import random

from repro.features.encoders.tokens import (
    SPECIAL,
    tokenize,
    vocabulary,
    wordpiece_tokenizer,
)

TEXTS = ["So GOOD, so good!", "good film", "a film"]


def test_order_is_special_tokens_characters_words_by_count_then_alphabet():
    entries = vocabulary(TEXTS, 200)
    assert entries[:5] == list(SPECIAL)
    assert entries[-3:] == ["good", "film", "so"]
    words = [e for e in entries[5:] if len(e) > 1 and not e.startswith("##")]
    assert words == ["good", "film", "so"]
    assert {"g", "##g", ",", "!"} <= set(entries)
    assert len(set(entries)) == len(entries)


def test_order_of_texts_does_not_matter():
    words = [f"{a}{b}" for a in "abcdef" for b in "ghijk"]
    shuffled = random.Random(0).sample(words, len(words))
    assert vocabulary(words, 60) == vocabulary(shuffled, 60)


def test_size_is_a_bound_and_characters_take_half_at_most():
    texts = ["".join(chr(0x3B1 + i) for i in range(20)), "w1 w2 w3"]
    entries = vocabulary(texts, 25)
    assert len(entries) == 5 + 5 + 5 + 4  # special, two times characters, words
    assert entries[5] == "w" and entries[10] == "##w"
    assert len(vocabulary([*texts, "v1 v2 v3 v4 v5 v6 v7"], 25)) == 25


def test_known_words_are_whole_and_others_are_spelled():
    entries = vocabulary(TEXTS, 200)
    tokenizer = wordpiece_tokenizer(entries)
    ids, mask = tokenize(tokenizer, ["Good film", "Gold", "Ω"], 10)
    tokens = [[entries[i] for i in row if entries[i] != "[PAD]"] for row in ids]
    assert tokens[0] == ["[CLS]", "good", "film", "[SEP]"]
    assert tokens[1] == ["[CLS]", "g", "##o", "##l", "##d", "[SEP]"]
    assert tokens[2] == ["[CLS]", "[UNK]", "[SEP]"]
    assert mask.sum(1).tolist() == [4, 6, 3]
    assert ((ids == 0) == (mask == 0)).all()


def test_long_texts_are_cut_with_their_end_token():
    tokenizer = wordpiece_tokenizer(vocabulary(TEXTS, 200))
    ids, mask = tokenize(tokenizer, ["good " * 30], 7)
    assert ids.shape == (1, 7) and ids[0, -1] == 3 and mask.all()
