"""Tables of BTW as the stage writes them."""

from typing import Any

import pandas as pd

from repro import paths
from repro.files import read_json
from repro.params import Params
from repro.tables.btw import TABLES
from repro.tables.writing import write_merged, write_table


def rows_of(name: str, params: Params) -> pd.DataFrame:
    """Rows of a table of BTW."""
    rows = TABLES[name].make(params)
    assert isinstance(rows, pd.DataFrame)
    return rows


def write(name: str, params: Params) -> dict[str, str]:
    """Write a table of BTW and read its texts by kind."""
    write_table(f"btw_{name}", TABLES[name], params)
    return texts(name)


def write_rows(name: str, rows: pd.DataFrame, params: Params) -> dict[str, str]:
    """Write rows as if a table had made them, and read its texts by kind."""
    write_merged(f"btw_{name}", TABLES[name].title, rows, params)
    return texts(name)


def texts(name: str) -> dict[str, str]:
    """What a table has in its files by kind."""
    kinds = ("csv", "md", "tex")
    return {kind: paths.plot(f"btw_{name}", kind).read_text() for kind in kinds}


def numbers(name: str, block: str | None = None) -> dict[str, Any]:
    """Numbers of a table, or of one of its blocks."""
    tree = read_json(paths.table_metrics(f"btw_{name}"))
    return tree if block is None else tree[block]
