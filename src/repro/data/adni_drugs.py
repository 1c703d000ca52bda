"""Drugs against dementia among free text: whoever takes one was diagnosed."""

import re
import unicodedata

# By substance, by brand and by the code of a trial.
NAMES = (
    *("donepezil", "aricept", "e2020", "galantamine", "razadyne", "reminyl"),
    *("rivastigmine", "exelon", "memantine", "namenda", "namzaric", "ebixa", "axura"),
    *("tacrine", "cognex", "aducanumab", "aduhelm", "lecanemab", "leqembi"),
    *("donanemab", "kisunla"),
)
STEMS = (
    *("donep", "arice", "galant", "razad", "reminy", "rivast", "exelo", "memant"),
    *("namend", "namza", "ebix", "axura", "tacrin", "cognex", "aducan", "aduhel"),
    *("lecane", "leqem", "donane", "kisunl"),
)
OTHERS = ("taurine",)  # one letter from tacrine, and against nothing
SHORT, LONG = 6, 8  # letters from which one edit, and two, are a slip


def telling_words(entry: str) -> list[str]:
    """The words of an entry that name a drug against dementia, also when misspelled.

    >>> telling_words("Aricpet 10mg"), telling_words("taurine"), telling_words("E-2020")
    (['aricpet'], [], ['e2020'])
    """
    parts = unicodedata.normalize("NFKD", entry).encode("ascii", "ignore").decode()
    joined = re.sub(r"\be[ -]2020\b", "e2020", parts.lower())
    return [word for word in re.findall("[a-z0-9]+", joined) if _is_telling(word)]


def _is_telling(word: str) -> bool:
    if any(name in word for name in NAMES) or word.startswith(STEMS):
        return True
    return word not in OTHERS and any(
        edits(word, name) <= (len(name) >= SHORT) + (len(name) >= LONG)
        for name in NAMES
        if abs(len(word) - len(name)) <= 2
    )


def edits(one: str, other: str) -> int:
    """Letters to insert, delete, replace or swap with the next until both are alike.

    Source: Damerau, Communications of the ACM 7(3):171-176, 1964.

    >>> edits("aricpet", "aricept"), edits("taurine", "tacrine"), edits("", "ab")
    (1, 1, 2)
    """
    before: list[int] = []
    last = [*range(len(other) + 1)]
    for i, a in enumerate(one, start=1):
        own = [i]
        for j, b in enumerate(other, start=1):
            least = min(last[j] + 1, own[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                least = min(least, before[j - 2] + 1)
            own.append(least)
        before, last = last, own
    return last[-1]
