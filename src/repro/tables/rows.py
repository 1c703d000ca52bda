"""One number of a table, and the block it stands in."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from repro.metrics.bootstrap import Difference, Summary, holm
from repro.params import Params

NOTE_SEPARATOR = " | "
DEFAULT = "default"  # the preset that no block names
PRINTED_ALONE = "printed alone"  # source of a block that holds no number of ours
# Columns of plots/<table>.csv in their order, with their types.
TYPES = {
    "block": "str",
    "dataset": "str",
    "source": "str",
    "protocol": "str",
    "simulated": "bool",
    "order": "int64",
    "row": "str",
    "name": "str",
    "remark": "str",
    "alpha": "float64",
    "metric": "str",
    "mean": "float64",
    "sd": "float64",
    "n": "Int64",
    "lower": "float64",
    "upper": "float64",
    "se_seeds": "float64",
    "p": "float64",
    "p_holm": "float64",
    "published_mean": "float64",
    "published_sd": "float64",
    "difference": "float64",
    "verdict": "str",
    "condition": "str",
    "modalities": "str",
    "notes": "str",
}


@dataclass(frozen=True)
class Block:
    """A data set from one source under one protocol: the unit a run replaces.

    Real data in another preset than the default are a block of their own.
    """

    dataset: str
    source: str
    protocol: str  # leak_free, published, switches, by_row; empty: nothing trained
    simulated: bool
    modalities: str
    notes: str
    preset: str = ""

    @property
    def key(self) -> str:
        """Key of the block in metrics/*.json.

        >>> Block("mosi", "mmsa", "leak_free", False, "", "").key
        'mosi__mmsa'
        >>> Block("mosi", "mmsa", "published", False, "", "").key
        'mosi__mmsa__published'
        >>> Block("mosi", "mmsa", "leak_free", False, "", "", preset="paper").key
        'mosi__mmsa__preset_paper'
        """
        plain = self.protocol in ("", "leak_free", "by_row")
        suffix = "" if plain else f"__{self.protocol}"
        if self.preset not in ("", DEFAULT) and not self.simulated:
            suffix += f"__preset_{self.preset}"
        return f"{self.dataset}__{self.source}{suffix}"


def is_simulated(block: str) -> bool:
    """Whether a block of metrics is of simulated data."""
    return block.split("__")[1] == "simulated"


def told_apart(block: str) -> list[str]:
    """Protocol and preset of a block by its key, where they are not the default.

    >>> told_apart("mosi__mmsa__published__preset_paper")
    ['protocol published', 'preset paper']
    """
    words = (word.replace("_", " ") for word in block.split("__")[2:])
    return [w if w.startswith("preset ") else f"protocol {w}" for w in words]


@dataclass(frozen=True)
class Entry:
    """One number of one row, ours or only printed; what is unknown is None."""

    row: str
    name: str
    metric: str
    mean: float | None = None
    sd: float | None = None
    n: int | None = None
    alpha: float | None = None
    lower: float | None = None
    upper: float | None = None
    se_seeds: float | None = None
    p: float | None = None
    p_holm: float | None = None
    published_mean: float | None = None
    published_sd: float | None = None
    difference: float | None = None
    verdict: str = ""
    condition: str = ""
    remark: str = ""  # stands beside the name in the row's label, nowhere else


@dataclass(frozen=True)
class PlainTable:
    """A table of texts, and the notes under it."""

    rows: pd.DataFrame
    notes: Sequence[str]


@dataclass(frozen=True)
class Table:
    """A table by its title; `make` gives blocks of numbers, or texts."""

    title: str
    make: Callable[[Params], pd.DataFrame | PlainTable]


def summary_entry(row: str, name: str, metric: str, found: Summary) -> Entry:
    """A mean over seeds without anything printed beside it."""
    return Entry(row, name, metric, mean=found.mean, sd=found.sd, n=found.n)


def difference_entry(
    row: str, name: str, metric: str, found: Difference, n: int
) -> Entry:
    """A paired difference with its interval, seed standard error and p."""
    return Entry(
        row,
        name,
        metric,
        mean=found.mean,
        n=n,
        lower=found.lower,
        upper=found.upper,
        se_seeds=found.se_seeds,
        p=found.p,
    )


def holm_adjusted(entries: Sequence[Entry]) -> list[Entry]:
    """The entries with Holm-adjusted p over all of them that have a p."""
    tested = [entry.p for entry in entries if entry.p is not None]
    adjusted = iter(holm(np.array(tested, dtype=np.float64)).tolist())
    return [
        entry if entry.p is None else replace(entry, p_holm=next(adjusted))
        for entry in entries
    ]


def frame(block: Block, entries: Sequence[Entry]) -> pd.DataFrame:
    """Entries of one block as a frame with the columns of plots/<table>.csv."""
    rows = pd.DataFrame([asdict(entry) for entry in entries])
    rows = rows.assign(
        block=block.key,
        dataset=block.dataset,
        source=block.source,
        protocol=block.protocol,
        simulated=block.simulated,
        modalities=block.modalities,
        notes=block.notes,
        order=range(len(rows)),
    )
    return rows[list(TYPES)].astype(TYPES)


def joined(blocks: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The blocks of a table as one frame.

    Raises:
        ValueError: there is none.
    """
    found = list(blocks)
    if not found:
        raise ValueError(
            "cells/*.yaml: no data set of this table has the cells that it reads; "
            "restore them from git"
        )
    return pd.concat(found)


def joined_notes(*notes: str) -> str:
    """Notes as one string for the csv; empty ones are left out.

    >>> joined_notes("frozen encoder", "")
    'frozen encoder'
    """
    return NOTE_SEPARATOR.join(note for note in notes if note)
