"""A table by name, of a paper or of a cell of the group `own`."""

from repro.params import Params
from repro.results.naming import chosen, paper_module, split_name
from repro.tables import own
from repro.tables.rows import Table


def table(params: Params, name: str) -> Table:
    """The table of a name that starts with its paper: btw_table3, own_mine.

    Raises:
        ValueError: there is no such paper or no such table; names the nearest.
    """
    paper, item = split_name(name)
    if paper == own.GROUP:
        return chosen("cell of the group own", item, own.tables(params))
    return chosen(f"table of {paper}", item, paper_module("tables", paper).TABLES)
