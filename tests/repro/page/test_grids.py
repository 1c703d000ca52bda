"""Cells beside each other: ours, the printed number and their difference."""

import pandas as pd

from repro import paths
from repro.page.grids import Cell, grids, plain_grid
from repro.tables.btw import TABLES
from repro.tables.rendering import ours, printed
from repro.tables.writing import read_rows
from tests.repro.page.conftest import ROOT, made


def test_simulated_numbers_stand_beside_the_printed_without_a_difference(
    params,
) -> None:
    (grid,) = grids(made({"MoE": 1.5}), params)
    assert [group.label for group in grid.groups] == ["method", "MAE ↓"]
    titles = [column.title for column in grid.columns]
    assert titles == ["", "ours, simulated", "printed, real"]
    name, own, told = grid.rows[0]
    assert name == Cell("MoE")
    assert own == Cell("1.500", "± 0.250", 1.5)
    assert told == Cell("1.000", "± 0.500", 1.0)


def test_real_numbers_have_their_difference_and_verdict(params) -> None:
    (grid,) = grids(made({"MoE": 1.5}, simulated=False), params)
    assert [c.title for c in grid.columns] == [
        "",
        "ours, real",
        "printed, real",
        "ours − printed",
    ]
    assert grid.rows[0][3] == Cell("+0.500", "higher", 0.5)


def test_a_row_that_is_only_printed_has_no_number_of_ours(params) -> None:
    (grid,) = grids(made({"MoE": 1.5, "MulT": None}), params)
    assert grid.rows[1][1] == Cell()
    assert grid.rows[1][2].text == "1.000"


def test_a_column_alone_takes_the_heading_of_its_metric(params) -> None:
    rows = made({"MoE": 1.5}).assign(published_mean=float("nan"))
    (grid,) = grids(rows, params)
    assert not grid.has_two_headings
    assert [group.label for group in grid.groups] == ["method", "MAE ↓"]


def test_a_star_is_marked(params) -> None:
    rows = made({"BTW": -0.5}).assign(metric="mae_vs_moe", p_holm=0.01)
    (grid,) = grids(rows.assign(published_mean=float("nan")), params)
    cell = grid.rows[0][1]
    assert cell.is_marked and cell.more.endswith("0.010*") and cell.text == "-0.500"


def test_texts_stay_texts() -> None:
    grid = plain_grid(pd.DataFrame({"setting": ["Top k"], "here": ["2"]}))
    assert grid.rows == [[Cell("Top k"), Cell("2")]]
    assert not grid.has_two_headings


def test_every_cell_is_that_of_the_markdown(params) -> None:
    """The committed tables, cell by cell: one source, two pages."""
    compared = 0
    for name in TABLES:
        path = ROOT / paths.plot(f"btw_{name}", "csv")
        if name == "hyperparameters":
            continue
        for _, block in read_rows(path).groupby("block", sort=False):
            theirs = {text for p in ours(block, params) for text in p.to_numpy().flat}
            beside = set(printed(block, params).to_numpy().flat)
            for grid in grids(block, params):
                for row in grid.rows:
                    after = [*zip(grid.columns[1:], row[1:], strict=True), (None, None)]
                    for column, cell, (next_column, difference) in zip(
                        grid.columns, row, after, strict=True
                    ):
                        text = " ".join(filter(None, (cell.text, cell.more)))
                        # Of real data the difference, a column here, follows there.
                        follows = next_column and next_column.kind == "difference"
                        if text and follows and difference.text:
                            text += f" ({difference.text}; {difference.more})"
                        if column.kind in ("ours", "printed"):
                            known = theirs if column.kind == "ours" else beside
                            assert not text or text in known, (name, text)
                            compared += bool(text)
    assert compared > 1000
