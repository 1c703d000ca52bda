"""The books of a raw table: every row that was read, and what became of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from repro.data.mimiciv.layout import Source


@dataclass
class Book:
    """Rows of one table: how many were read, what became of them, bad cells.

    `fates` counts each row once, under `used` or the reason that it was left out for.
    `noted` counts what else was met among the rows used, `unreadable` cells by column
    and `replaced` characters that were no UTF-8.
    """

    source: Source
    read: int = 0
    replaced: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)

    def add(self, rows: pl.DataFrame) -> None:
        """Count rows by their column fate."""
        for fate, count in rows["fate"].value_counts().iter_rows():
            self.fates[fate] += count

    def note(self, **counts: int) -> None:
        """Add to what is noted; what was not met stands there with 0."""
        for name, count in counts.items():
            self.noted[name] += count

    def closed(self) -> dict[str, Any]:
        """The counts, once every row that was read stands in exactly one.

        Raises:
            ValueError: they do not add up.
        """
        check_sum(self.source.name, self.read, self.fates)
        return {
            "read": self.read,
            "fates": {name: n for name, n in sorted(self.fates.items()) if n},
            "unreadable": dict(sorted(self.unreadable.items())),
            "replaced": self.replaced,
            "noted": dict(self.noted),
        }


def check_sum(name: str, expected: int, counts: Mapping[str, int]) -> None:
    """Stop when counts do not add up to what was read.

    Raises:
        ValueError: they do not; the message gives both numbers.

    >>> check_sum("hosp/labevents", 3, {"used": 2, "no_time": 1})
    """
    found = sum(counts.values())
    if found != expected:
        told = ", ".join(f"{reason} {n}" for reason, n in sorted(counts.items()))
        raise ValueError(
            f"{name}: {expected} rows were read, but {found} are accounted for "
            f"({told}); this is a fault of the ingest, please report it"
        )
