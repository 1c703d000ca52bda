"""Tables and figures by name: `btw_table3` is `table3` of the paper `btw`."""

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import TypeVar

from repro import paths
from repro.params.naming import unknown

Item = TypeVar("Item")


def split_name(name: str) -> tuple[str, str]:
    """Paper and item of a name.

    >>> split_name("btw_noise_stress")
    ('btw', 'noise_stress')
    """
    paper, _, item = name.partition("_")
    return paper, item


def paper_module(room: str, paper: str) -> ModuleType:
    """The module of `repro.<room>` with the items of a paper.

    Raises:
        ValueError: there is no such paper; names the nearest.
    """
    known = [path.stem for path in paths.printed(paper).parent.glob("*.yaml")]
    if paper not in known:
        raise ValueError(unknown("paper", paper, known))
    return import_module(f"repro.{room}.{paper}")


def chosen(what: str, item: str, known: Mapping[str, Item]) -> Item:
    """One item of those that are known.

    Raises:
        ValueError: it is not among them; names the nearest.
    """
    if item not in known:
        raise ValueError(unknown(what, item, known))
    return known[item]
