"""A case that was reported: what is read, and the right value or the right refusal."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """`make` builds its input in a folder and reads it.

    Either `refused` is what the message says beside the file, or `found` comes out.
    """

    make: Callable[[Path], object]
    refused: str = ""
    found: object = None
