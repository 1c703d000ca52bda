"""Whether the raw tables are those of the list of sums that a release brings."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from repro.data.checksums import sha256
from repro.data.mimiciv.layout import Source

SUMS = "SHA256SUMS.txt"
_LINE = re.compile(r"([0-9a-fA-F]{64})\s+\*?(?:\./)?(\S.*)")


def check_sums(found: Iterable[Source]) -> list[str]:
    """Compare each table with the list of its root; warnings on those not listed.

    A root without a list is taken as it is.

    Raises:
        ValueError: a table is not the listed one, or a line of the list is none.
    """
    lists: dict[Path, dict[str, str]] = {}
    warnings = []
    for source in found:
        if source.root not in lists:
            lists[source.root] = dict(_listed(source.root / SUMS))
        listed = lists[source.root]
        if listed and source.label not in listed:
            warnings.append(f"{source.label} is not in {SUMS}, so it was not checked")
        elif listed and (sum_ := sha256(source.path)) != listed[source.label]:
            raise ValueError(
                f"{source.path}: its SHA-256 is {sum_}, {SUMS} beside it lists "
                f"{listed[source.label]}; download the file again, or correct the list "
                "where you changed the file yourself"
            )
    return warnings


def _listed(path: Path) -> Iterator[tuple[str, str]]:
    """Files and their sums; nothing where there is no list."""
    if not path.is_file():
        return
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError(
                f"{path}: line {number}: {line[:80]!r} is no SHA-256 and file; "
                "download the list again"
            )
        yield match[2], match[1].lower()
