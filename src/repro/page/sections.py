"""Tables of the page: title, then for each data set its grids, notes and findings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from repro import paths
from repro.findings.chosen import SILENT
from repro.findings.comparisons import Tree
from repro.findings.page import Stated, stated
from repro.findings.provenance import Provenance
from repro.page.grids import Grid, grids, plain_grid
from repro.page.texts import anchor
from repro.params import Params
from repro.results.naming import paper_module
from repro.tables import own
from repro.tables.rendering import block_title, notes
from repro.tables.rows import TYPES, Table
from repro.tables.writing import read_rows

NOTHING = Stated((), ())


@dataclass(frozen=True)
class Block:
    """What the page shows of a block of `repro.tables.rows`."""

    anchor: str
    title: str
    is_simulated: bool
    is_ours: bool  # holds a number of ours, not printed ones alone
    has_printed: bool
    grids: Sequence[Grid]
    notes: Sequence[str]
    stated: Stated
    provenance: Provenance | None


@dataclass(frozen=True)
class TableSection:
    """A table: blocks of numbers, or one grid of texts."""

    name: str
    anchor: str
    title: str
    datasets: frozenset[str] = frozenset()
    blocks: Sequence[Block] = field(default=())
    texts: Grid | None = None


@dataclass(frozen=True)
class Sources:
    """What is said beside the numbers: findings by table, provenance by block."""

    params: Params
    trees: Mapping[str, Tree]
    known: Mapping[str, Provenance]


def papers() -> list[str]:
    """Papers with printed numbers of which something was made, and own data sets."""
    known = sorted(path.stem for path in paths.printed("any").parent.glob("*.yaml"))
    return [name for name in (*known, own.GROUP) if (paths.PLOTS / name).is_dir()]


def tables_of(paper: str, params: Params) -> dict[str, Table]:
    """Tables of a paper by their whole names, in its order."""
    is_own = paper == own.GROUP
    found = own.tables(params) if is_own else paper_module("tables", paper).TABLES
    return {f"{paper}_{item}": table for item, table in found.items()}


def table_sections(paper: str, sources: Sources) -> list[TableSection]:
    """The tables of a paper that were written.

    Raises:
        ValueError: the file of one is damaged.
    """
    return [
        _section(name, table.title, sources)
        for name, table in tables_of(paper, sources.params).items()
        if paths.plot(name, "csv").is_file()
    ]


def unwritten(paper: str, sources: Sources) -> list[str]:
    """Names of the tables of a paper that were not written."""
    names = tables_of(paper, sources.params)
    return [name for name in names if not paths.plot(name, "csv").is_file()]


def _section(name: str, title: str, sources: Sources) -> TableSection:
    path = paths.plot(name, "csv")
    if not _is_numbered(path):
        texts = pd.read_csv(path, dtype="str", keep_default_na=False)
        return TableSection(name, anchor(name), title, texts=plain_grid(texts))
    rows = read_rows(path)
    return TableSection(
        name,
        anchor(name),
        title,
        datasets=frozenset(rows["dataset"]),
        blocks=list(_blocks(name, rows, sources)),
    )


def _is_numbered(path: Path) -> bool:
    """Whether a file holds blocks of numbers, not texts."""
    columns = pd.read_csv(path, nrows=0).columns
    return len(set(columns) & set(TYPES)) > len(columns) / 2


def _blocks(name: str, rows: pd.DataFrame, sources: Sources) -> Iterator[Block]:
    for key, block in rows.groupby("block", sort=False):
        yield Block(
            anchor=anchor(name, str(key)),
            title=block_title(block, sources.params),
            is_simulated=bool(block["simulated"].iloc[0]),
            is_ours=bool(block["mean"].notna().any()),
            has_printed=bool(block["published_mean"].notna().any()),
            grids=grids(block, sources.params),
            notes=notes(block, sources.params),
            stated=_stated(name, str(key), sources),
            provenance=sources.known.get(str(key)),
        )


def _stated(name: str, block: str, sources: Sources) -> Stated:
    tree = sources.trees.get(name, {})
    if name in SILENT or block not in tree:
        return NOTHING
    return stated(name, block, tree, sources.params, sources.known) or NOTHING
