"""Names that differ only in how they are spelled."""

import unicodedata
from collections.abc import Sequence

_UNSEEN = ("Cc", "Cf")  # control characters, and those of no width


def plain(name: str) -> str:
    """A name without what nobody sees: Unicode forms, unseen characters, spaces.

    Source: Unicode Standard Annex 15, form NFKC.

    >>> plain(" v\\uff10\\u200b\\t") == plain("v0")
    True
    """
    composed = unicodedata.normalize("NFKC", name)
    seen = (" " if c.isspace() else c for c in composed)
    return " ".join(
        "".join(c for c in seen if unicodedata.category(c) not in _UNSEEN).split()
    )


def is_seen(text: str) -> bool:
    """Whether anything of a text can be seen.

    >>> is_seen("\\u200b \\0"), is_seen("\\u200ba")
    (False, True)
    """
    return any(not (c.isspace() or unicodedata.category(c) in _UNSEEN) for c in text)


def folded(name: str) -> str:
    """A plain name in which case does not count.

    >>> folded("V0 ") == folded("v0")
    True
    """
    return unicodedata.normalize("NFKC", plain(name).casefold())


def merged(names: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Every name in the first spelling met, and the spellings that were merged.

    >>> merged(["v0", "V0 ", "v1 "])
    (['v0', 'v0', 'v1 '], [['v0', 'V0 ']])
    """
    keys = {name: folded(name) for name in dict.fromkeys(names)}
    spellings: dict[str, list[str]] = {}
    for name, key in keys.items():
        spellings.setdefault(key, []).append(name)
    first = [spellings[keys[name]][0] for name in names]
    return first, [known for known in spellings.values() if len(known) > 1]
