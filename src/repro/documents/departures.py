"""docs/departures.md: where the code departs from a paper, as its markers say."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from repro import paths
from repro.findings.page import block_title
from repro.params import Params
from repro.tables.rendering import markdown_table
from repro.tables.texts import own_text
from repro.tables.writing import read_rows

INTRODUCTION = """\
# Departures

Written by `python -m repro.stages.departures` from the `Departure:` markers of `src`,
file by file, and from the table of attribution; an edit here is overwritten.

What undoes a departure is named beside it; where that is a row of
[attribution](../plots/btw/attribution.md), its effect stands here. Effects of the
others were not measured."""
EFFECTS = """\
## What undoing one is worth

Test MAE of BTW, mean ± sd over seeds, with a row of the attribution in force. No test
sets the rows against each other; the interval of the gain of each over its own MoE
stands in [attribution](../plots/btw/attribution.md)."""
MARKER = "Departure:"
TABLES, SHOWN = ("btw_attribution", "btw_attribution_more"), "bi_level_mae"
_LABEL = re.compile(rf"^(Source|Shape|Units|Raises|{MARKER[:-1]}):")
Documented = ast.Module | ast.ClassDef | ast.FunctionDef


class Departure(NamedTuple):
    """One marker: what it stands in, and what it says."""

    name: str
    says: str


def page(source: Path, attribution: pd.DataFrame, params: Params) -> str:
    """The whole page of the code below a folder, a section per room, and effects.

    `attribution` are the rows of the tables of attribution.
    """
    rooms: dict[str, list[str]] = {}
    for file in sorted(source.rglob("*.py")):
        room = ".".join(file.parent.relative_to(source).parts)
        for found in departures(file):
            line = f"- [`{found.name}`](../{file.as_posix()}): {found.says}"
            rooms.setdefault(room, []).append(line)
    sections = [f"## {room}\n\n" + "\n".join(own) for room, own in rooms.items()]
    effects = [EFFECTS, markdown_table(measured(attribution, params))]
    return "\n\n".join([INTRODUCTION, *effects, *sections]) + "\n"


def measured(attribution: pd.DataFrame, params: Params) -> pd.DataFrame:
    """What BTW reaches in every row of the attribution, a column per block."""
    rows = attribution[attribution["metric"] == SHOWN]
    said = [
        ", ".join(filter(None, [own_text(row), row["remark"]]))
        for row in rows.to_dict("records")
    ]
    shown = rows.assign(text=said)
    table = shown.pivot(index="row", columns="block", values="text")
    table = table.reindex(rows["row"].unique())
    table.columns = [block_title(block, params) for block in table.columns]
    return table.fillna("").rename_axis("row").reset_index()


def attribution() -> pd.DataFrame:
    """Rows of the tables of attribution, as they lie in plots."""
    tables = [read_rows(paths.plot(name, "csv")) for name in TABLES]
    return pd.concat(tables, ignore_index=True)


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
