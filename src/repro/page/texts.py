"""Text of any origin as a page may show it."""

import re
from collections.abc import Iterator

from repro.params.strict import UNSEEN

_NO_ANCHOR = re.compile(r"[^A-Za-z0-9_-]+")


def visible(text: str) -> str:
    """Text in which what cannot be seen is spelled out, so that it steers nothing.

    >>> visible("a\\u202eb"), visible("50 % <b>")
    ('a[U+202E]b', '50 % <b>')
    """
    return UNSEEN.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)


def anchor(*parts: str) -> str:
    """Where a link into the page leads.

    >>> anchor("btw_table3", "mosi__simulated")
    'btw_table3--mosi__simulated'
    """
    return "--".join(_NO_ANCHOR.sub("-", part) for part in parts)


def refuse_same(anchors: Iterator[str]) -> None:
    """Stop where two places of the page have one anchor.

    Raises:
        ValueError: they have; names it.
    """
    seen: set[str] = set()
    for name in anchors:
        if name in seen:
            raise ValueError(
                f"report/index.html: two places have the anchor {name!r}; rename the "
                "table, figure or data set behind one of them"
            )
        seen.add(name)
