"""Sentences on names and values that params do not know."""

from collections.abc import Collection
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

MOST_NAMED, FEW_NAMED = 40, 8  # of what is known, in one sentence


def unknown(what: str, name: str, known: Collection[str]) -> str:
    """A sentence on an unknown name, with the nearest known one.

    Of many known ones those are named that are most like it.

    >>> unknown("preset", "defualt", ["default", "tiny"])
    "preset 'defualt' is unknown; did you mean 'default'? Known: default, tiny"
    >>> many = unknown("row", "r7", [f"r{k}" for k in range(50)])
    >>> many.count(","), many[-13:]
    (8, 'and 42 others')
    """
    nearest = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    names = sorted(known)
    if len(names) > MOST_NAMED:
        alike = get_close_matches(name, names, n=FEW_NAMED, cutoff=0)
        names = [*alike, f"and {len(names) - len(alike)} others"]
    return f"{what} {name!r} is unknown; {hint}Known: {', '.join(names)}"


def sentence(
    model: type[BaseModel], detail: ErrorDetails, top: str = "the top level"
) -> str:
    """One validation error in words: field, value, what is wrong with it.

    `top` is what the block is called that the model describes.
    """
    loc = detail["loc"]
    where = ".".join(str(part) for part in loc) or "file"
    if detail["type"] == "extra_forbidden":
        known = [f for f in fields_at(model, loc[:-1]) if f != "active"]
        parent = ".".join(str(part) for part in loc[:-1]) or top
        return f"{where}: key of {unknown(parent, str(loc[-1]), known)}"
    shown = "" if isinstance(detail["input"], dict) else f" = {detail['input']!r}"
    said = detail["msg"].removeprefix("Value error, ")
    return said if where == "file" else f"{where}{shown}: {said}"


def fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Names of the fields that the block at `loc` may have.

    >>> from repro.params.presets import Preset
    >>> fields_at(Preset, ("last_state", "tokens"))
    ['width', 'lstm_hidden', 'lstm_output', 'moments']
    """
    kind: Any = model
    for part in loc:
        block = _block(kind)
        if block is not None and part in block.model_fields:
            kind = block.model_fields[str(part)].annotation
        else:  # a key of a mapping
            kind = get_args(kind)[-1]
    block = _block(kind)
    return [] if block is None else list(block.model_fields)


def _block(kind: Any) -> type[BaseModel] | None:
    """The block that an annotation stands for, alone or beside None."""
    choices = [kind, *get_args(kind)] if not isinstance(kind, type) else [kind]
    found = [k for k in choices if isinstance(k, type) and issubclass(k, BaseModel)]
    return found[0] if found else None
