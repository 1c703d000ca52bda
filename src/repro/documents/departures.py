"""docs/departures.md: where the code departs from a paper, as its markers say."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

INTRODUCTION = """\
# Departures

Written by `python -m repro.stages.departures` from the `Departure:` markers of `src`,
file by file; an edit here is overwritten. What a departure is worth, where that was
measured, stands in [protocol.md](protocol.md)."""
MARKER = "Departure:"
_LABEL = re.compile(rf"^(Source|Shape|Units|Raises|{MARKER[:-1]}):")
Documented = ast.Module | ast.ClassDef | ast.FunctionDef


class Departure(NamedTuple):
    """One marker: what it stands in, and what it says."""

    name: str
    says: str


def page(source: Path) -> str:
    """The whole page of the code below a folder, a section per room."""
    rooms: dict[str, list[str]] = {}
    for file in sorted(source.rglob("*.py")):
        room = ".".join(file.parent.relative_to(source).parts)
        for found in departures(file):
            line = f"- [`{found.name}`](../{file.as_posix()}): {found.says}"
            rooms.setdefault(room, []).append(line)
    sections = [f"## {room}\n\n" + "\n".join(own) for room, own in rooms.items()]
    return "\n\n".join([INTRODUCTION, *sections]) + "\n"


def departures(file: Path) -> Iterator[Departure]:
    """The markers of a file: those of docstrings, then those of comments."""
    text = file.read_text(encoding="utf-8")
    for node, name in _documented(ast.parse(text), file.stem):
        docstring = (ast.get_docstring(node) or "").splitlines()
        yield from (Departure(name, says) for says in marked(docstring))
    stripped = (line.strip() for line in text.splitlines())
    comments = [s[1:].strip() if s.startswith("#") else "" for s in stripped]
    yield from (Departure(file.stem, says) for says in marked(comments))


def marked(lines: Sequence[str]) -> Iterator[str]:
    """What follows each marker, up to an empty line or another label.

    >>> list(marked(["Source: a.", "Departure: b", "  c.", "Shape: d."]))
    ['b c.']
    """
    for start, line in enumerate(lines):
        if line.startswith(MARKER):
            rest = lines[start + 1 :]
            ends = (k for k, own in enumerate(rest) if not own or _LABEL.match(own))
            words = [line.removeprefix(MARKER), *rest[: next(ends, len(rest))]]
            yield " ".join(word.strip() for word in words).strip()


def _documented(node: Documented, name: str) -> Iterator[tuple[Documented, str]]:
    """A module and what it defines, by name."""
    yield node, name
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            yield from _documented(child, f"{name}.{child.name}")
