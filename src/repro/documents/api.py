"""docs/api.md: the public names of btw, as their code and docstrings say."""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import btw

INTRODUCTION = """\
# API of btw

Written by `dvc repro api` from the docstrings of what `btw` exports; an edit here is
overwritten. Every example is run by the tests. NumPy arrays, torch tensors and lists go
in; tensors come out where a tensor went in, else arrays."""
_SECTION = re.compile(r"^(Source|Shape|Units|Raises|Departure):", re.MULTILINE)
Definition = ast.FunctionDef | ast.ClassDef


def page(names: Sequence[str] = tuple(btw.__all__)) -> str:
    """The whole page, one section per public name in its order.

    >>> page(["shares"]).splitlines()[0], page(["shares"]).count("## `shares`")
    ('# API of btw', 1)
    """
    found = {name: definition(name) for name in names}
    listed = [
        f"| [`{name}`](#{_anchor(name, names)}) | {_first(node, name)} |"
        for name, (_, node) in found.items()
    ]
    parts = [
        INTRODUCTION,
        "\n".join(["| name | what it is |", "|---|---|", *listed]),
        "## A first weighting",
        *_documented(inspect.cleandoc(btw.__doc__ or "")),
    ]
    for name, (lines, node) in found.items():
        parts += [f"## `{name}`", *_section(lines, node, name)]
        if isinstance(node, ast.ClassDef):
            for method in _methods(node):
                title = f"{name}.{method.name}"
                parts += [f"### `{title}`", *_section(lines, method, title)]
    return "\n\n".join(parts) + "\n"


def _anchor(name: str, names: Sequence[str]) -> str:
    """The anchor of a section; of titles that differ in case alone later ones count.

    >>> _anchor("Cut", ["Cut", "cut"]), _anchor("cut", ["Cut", "cut"])
    ('cut', 'cut-1')
    """
    earlier = [n for n in names[: names.index(name)] if n.lower() == name.lower()]
    return f"{name.lower()}-{len(earlier)}" if earlier else name.lower()


def definition(name: str) -> tuple[list[str], Definition]:
    """Lines of the file that defines a public name, and its place in them.

    Raises:
        ValueError: it is neither a function nor a class of btw.
    """
    where = getattr(importlib.import_module("btw"), name).__module__
    spec = find_spec(where)
    text = Path(spec.origin).read_text() if spec and spec.origin else ""
    for node in ast.parse(text).body:
        if isinstance(node, Definition) and node.name == name:
            return text.splitlines(), node
    raise ValueError(
        f"btw.{name}: no function or class of {where}; export one, or leave it out of "
        "btw.__all__"
    )


def _section(lines: Sequence[str], node: Definition, name: str) -> Iterator[str]:
    """Signature and docstring of a name."""
    yield f"```py\n{_signature(lines, node)}\n```"
    yield from _documented(_docstring(node, name))


def _signature(lines: Sequence[str], node: Definition) -> str:
    """The head of a definition as it is written; of a class how it is made."""
    if isinstance(node, ast.FunctionDef):
        return _head(lines, node)
    made = [n for n in node.body if isinstance(n, ast.FunctionDef | ast.AnnAssign)]
    shown = [f"class {node.name}:"]
    for part in made:
        if isinstance(part, ast.AnnAssign):
            shown.append(f"    {ast.unparse(part)}")
        elif part.name == "__init__":
            shown.append(textwrap.indent(_head(lines, part), "    "))
    return "\n".join(shown)


def _head(lines: Sequence[str], node: ast.FunctionDef) -> str:
    marks = [mark.lineno for mark in node.decorator_list]
    start, end = min([node.lineno, *marks]), node.body[0].lineno
    head = textwrap.dedent("\n".join(lines[start - 1 : end - 1]))
    return re.sub(r":\s*$", ": ...", head)


def _methods(node: ast.ClassDef) -> list[ast.FunctionDef]:
    """Public methods and properties of a class."""
    found = [part for part in node.body if isinstance(part, ast.FunctionDef)]
    return [method for method in found if not method.name.startswith("_")]


def _docstring(node: Definition, name: str) -> str:
    text = ast.get_docstring(node)
    if not text:
        raise ValueError(f"btw.{name}: no docstring; say in one what it is")
    return text


def _first(node: Definition, name: str) -> str:
    """First sentence of a docstring, for the cell of a table."""
    first = " ".join(_docstring(node, name).split("\n\n")[0].split())
    return first.replace("|", r"\|")


def _documented(text: str) -> Iterator[str]:
    """A docstring as Markdown: paragraphs, what it states in bold, examples."""
    for part in text.split("\n\n"):
        if part.startswith(">>>"):
            yield f"```pycon\n{part}\n```"
            continue
        starts = [match.start() for match in _SECTION.finditer(part)]
        before = part[: starts[0]] if starts else part
        if before.strip():
            yield before.strip()
        if starts:
            ends = [*starts[1:], len(part)]
            pieces = [part[a:b].split() for a, b in zip(starts, ends, strict=True)]
            yield "\n".join(f"- **{piece[0]}** {_rest(piece)}" for piece in pieces)


def _rest(words: Sequence[str]) -> str:
    return " ".join(words[1:])
