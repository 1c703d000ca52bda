"""View hierarchies of Android screens, and the app that each one shows."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from repro.data.places import regular_file

SYSTEM = "android"  # its views stand on the screens of every app


def app_of(path: Path) -> str:
    """The package whose views are most frequent on a screen; "" if none is named.

    A view names its package before `:id/`: `com.app:id/title`. Of two that are equally
    frequent the first in the alphabet is taken.

    Raises:
        ValueError: the file is missing or is not the JSON of one screen.
    """
    counts = Counter(
        package
        for view in _views(_content(path))
        if (package := _package(view)) not in ("", SYSTEM)
    )
    return min(counts, key=lambda package: (-counts[package], package), default="")


def _content(path: Path) -> dict:
    try:
        content = json.loads(regular_file(path).read_text("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(
            f"{path}: not the JSON of a screen ({error}); download it again"
        ) from None
    if not isinstance(content, dict):
        raise ValueError(
            f"{path}: holds a {type(content).__name__}, not the object of a screen; "
            "download it again"
        )
    return content


def _views(root: dict) -> Iterator[dict]:
    """The view and all below it; without recursion, as trees may be deep."""
    waiting: list[object] = [root]
    while waiting:
        view = waiting.pop()
        if isinstance(view, dict):
            yield view
            children = view.get("children")
            waiting += children if isinstance(children, list) else []


def _package(view: dict) -> str:
    """The package of a view.

    >>> _package({"resource-id": "com.app:id/title"}), _package({})
    ('com.app', '')
    """
    name = view.get("resource-id")
    package, mark, _ = name.partition(":id/") if isinstance(name, str) else ("", "", "")
    return package.strip() if mark else ""
