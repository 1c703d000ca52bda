"""Whether files are those of the list of sums that a release brings."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
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
    tables: dict[Path, list[Source]] = defaultdict(list)
    for source in found:
        tables[source.root].append(source)
    warnings = []
    for root, sources in tables.items():
        sums = listed(root, {source.label for source in sources})
        if sums is None:
            continue
        for source in sources:
            if source.label not in sums:
                told = f"{source.label} is not in {SUMS}, so it was not checked"
                warnings.append(told)
            else:
                refuse_other(source.path, sha256(source.path), sums[source.label])
    return warnings


def refuse_other(path: Path, found: str, wanted: str) -> None:
    """Stop at a file whose sum is not the listed one.

    Raises:
        ValueError: it is not.
    """
    if found != wanted:
        raise ValueError(
            f"{path}: its SHA-256 is {found}, {SUMS} of its release lists {wanted}; "
            "download the file again, or correct or remove the list where you changed "
            "files yourself"
        )


def listed(root: Path, wanted: Collection[str]) -> dict[str, str] | None:
    """Sums of those of the wanted files that the list of a root has; None without one.

    Raises:
        ValueError: a line of the list is none, or a file has two sums.
    """
    if not (root / SUMS).is_file():
        return None
    sums: dict[str, str] = {}
    for name, total in _lines(root / SUMS):  # millions in a release of images
        if name in wanted and sums.setdefault(name, total) != total:
            raise ValueError(
                f"{root / SUMS}: {name} has two sums; download the list again"
            )
    return sums


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Files and their sums."""
    with path.open(encoding="utf-8-sig", errors="replace") as handle:
        for number, line in enumerate(map(str.strip, handle), start=1):
            match = _LINE.fullmatch(line)
            if match is not None:
                yield match[2], match[1].lower()
            elif line:
                raise ValueError(
                    f"{path}: line {number}: {line[:80]!r} is no SHA-256 and file; "
                    "download the list again"
                )
