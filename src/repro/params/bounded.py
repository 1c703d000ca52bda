"""YAML whose content would not fit: aliases that multiply, and endless nesting."""

from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    ScalarEvent,
)

MOST_BYTES, MOST_VALUES, DEEPEST = 1 << 20, 100_000, 30


def refuse_bomb(text: str, path: Path) -> None:
    """Stop at a file that no study needs; nothing of it has been built then.

    Raises:
        ValueError: it is larger, deeper or, once its aliases are written out, has more
            values than any, or an alias repeats what it stands in, or nothing.
    """
    if len(text) > MOST_BYTES:
        raise ValueError(
            f"{path}: has {len(text)} characters, at most {MOST_BYTES} are read; "
            "restore it from git"
        )
    sizes: dict[str, int] = {}  # values of what each anchor names
    opened: list[tuple[str | None, int]] = [(None, 0)]
    for event in YAML(typ="safe").parse(text):
        anchor = getattr(event, "anchor", None)
        line = event.start_mark.line + 1
        match event:
            case CollectionStartEvent():
                opened.append((anchor, 0))
            case CollectionEndEvent():
                name, size = opened.pop()
                _close(opened, sizes, name, size + 1)
            case ScalarEvent():
                _close(opened, sizes, anchor, 1)
            case AliasEvent():
                if anchor not in sizes:
                    raise ValueError(
                        f"{path}: line {line}: *{anchor} repeats nothing that ends "
                        "above it; write the values out"
                    )
                _close(opened, sizes, None, sizes[anchor])
        if len(opened) > DEEPEST:
            raise ValueError(
                f"{path}: line {line}: nested more than {DEEPEST} deep; make it flat"
            )
        if opened[-1][1] > MOST_VALUES:
            raise ValueError(
                f"{path}: line {line}: has more than {MOST_VALUES} values once its "
                "aliases are written out; write fewer"
            )


def _close(
    opened: list[tuple[str | None, int]],
    sizes: dict[str, int],
    anchor: str | None,
    size: int,
) -> None:
    """Count what has ended, in what holds it and under its anchor."""
    outer, held = opened[-1]
    opened[-1] = (outer, held + size)
    if anchor is not None:
        sizes[anchor] = size
