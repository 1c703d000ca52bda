"""Rows of a table as grids of cells: ours beside the printed number, difference."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from repro.params import Params
from repro.tables.labels import VERSUS, rank
from repro.tables.rendering import column_label, parts, row_heading, shown_name
from repro.tables.texts import (
    SIGNIFICANT,
    difference_text,
    own_text,
    printed_number,
)


@dataclass(frozen=True)
class Cell:
    """What is read first, what stands beside it, and the number that sorts it."""

    text: str = ""
    more: str = ""
    key: float | None = None
    is_marked: bool = False


@dataclass(frozen=True)
class Column:
    """A column by its heading; `kind` is name, ours, printed, difference or plain."""

    title: str
    kind: str


@dataclass(frozen=True)
class Group:
    """Columns under one heading; a single one without a title takes the heading."""

    label: str
    columns: Sequence[Column]

    @property
    def is_single(self) -> bool:
        """Whether heading and column are one."""
        return len(self.columns) == 1 and not self.columns[0].title


@dataclass(frozen=True)
class Grid:
    """Groups of columns over rows of cells; the first cell names the row."""

    caption: str
    groups: Sequence[Group]
    rows: Sequence[Sequence[Cell]]

    @property
    def columns(self) -> list[Column]:
        """All columns from left to right."""
        return [column for group in self.groups for column in group.columns]

    @property
    def has_two_headings(self) -> bool:
        """Whether any group has columns of its own."""
        return not all(group.is_single for group in self.groups)


Row = Mapping[str, Any]
# What a column of a metric shows: heading, kind, the number that is there, its text.
Shown = tuple[str, str, str, Callable[[Row], Cell]]
CAPTIONS = ("", "more metrics", "differences")


def grids(block: pd.DataFrame, params: Params) -> list[Grid]:
    """Every table that a block takes, as `repro.tables.rendering` divides it."""
    told = block[block["mean"].notna() | block["published_mean"].notna()]
    return [
        _grid(part, caption, params)
        for part, caption in zip(parts(told), _captions(told), strict=True)
    ]


def plain_grid(rows: pd.DataFrame) -> Grid:
    """A table of texts."""
    first, *others = (str(name) for name in rows.columns)
    groups = [Group(first, [Column("", "name")])]
    groups += [Group(name, [Column("", "plain")]) for name in others]
    cells = [
        [Cell(str(value)) for value in row] for row in rows.itertuples(index=False)
    ]
    return Grid("", groups, cells)


def _captions(told: pd.DataFrame) -> list[str]:
    """The first table has none; a second one has details or differences."""
    captions = []
    for number, part in enumerate(parts(told)):
        is_apart = part["metric"].str.contains(VERSUS, regex=False).all()
        captions.append(CAPTIONS[0 if number == 0 else 2 if is_apart else 1])
    return captions


def _grid(part: pd.DataFrame, caption: str, params: Params) -> Grid:
    metrics = sorted(dict.fromkeys(part["metric"]), key=rank)
    shown = {metric: _columns(part, metric) for metric in metrics}
    groups = [Group(row_heading(part), [Column("", "name")])]
    has_alpha = part["alpha"].notna().any()
    if has_alpha:
        groups.append(Group("alpha", [Column("", "plain")]))
    for metric, columns in shown.items():
        titles = [Column(title, kind) for title, kind, _, _ in columns]
        groups.append(Group(column_label(part, metric, params), titles))
    rows = [
        list(_cells(own, shown, has_alpha=bool(has_alpha)))
        for _, own in part.groupby("row", sort=False)
    ]
    return Grid(caption, groups, rows)


def _columns(part: pd.DataFrame, metric: str) -> list[Shown]:
    """Ours, the printed number and the difference, as far as there are any."""
    rows = part[part["metric"] == metric]
    kind = "simulated" if part["simulated"].iloc[0] else "real"
    every: list[Shown] = [
        (f"ours, {kind}", "ours", "mean", _own),
        ("printed, real", "printed", "published_mean", _printed),
        ("ours − printed", "difference", "difference", _difference),
    ]
    found = [one for one in every if rows[one[2]].notna().any()]
    if [kind for _, kind, _, _ in found] == ["ours"]:
        return [("", *found[0][1:])]
    return found


def _cells(
    own: pd.DataFrame, shown: Mapping[str, Sequence[Shown]], *, has_alpha: bool
) -> Iterator[Cell]:
    first = own.iloc[0]
    yield Cell(shown_name(first))
    if has_alpha:
        alpha = own["alpha"].max()  # rows that are only printed have none
        yield Cell() if pd.isna(alpha) else Cell(f"{alpha:g}", key=float(alpha))
    rows = {row["metric"]: row for row in own.to_dict("records")}
    for metric, columns in shown.items():
        for _, _, field, cell in columns:
            row = rows.get(metric)
            yield Cell() if row is None or pd.isna(row[field]) else cell(row)


def _own(row: Row) -> Cell:
    text, _, more = own_text(row).partition(" ")
    is_marked = pd.notna(row["p_holm"]) and row["p_holm"] < SIGNIFICANT
    return Cell(text, more, float(row["mean"]), bool(is_marked))


def _printed(row: Row) -> Cell:
    text, _, more = printed_number(row).partition(" ")
    return Cell(text, more, float(row["published_mean"]))


def _difference(row: Row) -> Cell:
    return Cell(difference_text(row), row["verdict"], float(row["difference"]))
