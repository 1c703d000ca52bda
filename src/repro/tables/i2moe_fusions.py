"""Tables 1 and 2 of I2MoE: fusions, and interaction experts of them."""

import pandas as pd

from repro.params import Params
from repro.tables.i2moe_cells import (
    BACKBONE,
    FUSIONS,
    SIZES,
    blocks,
    expert_line,
    first_lines,
    fusion_line,
    scored,
)
from repro.tables.labels import WITHOUT_EXPERTS

OTHERS = ("switchgate", "interpretcc", "moe_plus_plus")


def table1(params: Params) -> pd.DataFrame:
    """Every fusion without experts, and the experts of the concat transformer."""
    return blocks(params, "table1", _table1_block)


def table2(params: Params) -> pd.DataFrame:
    """Experts of the other fusions, each below the same fusion without them."""
    return blocks(params, "table2", _table2_block)


def _table1_block(params: Params, key: str) -> pd.DataFrame | None:
    experts = expert_line(params, key, BACKBONE)
    fused = [row for name in FUSIONS for row in fusion_line(params, key, name)]
    if not (experts or fused):
        return None
    found = [*first_lines(params, key), *fused, *experts]
    return scored(params, "table1", key, found, WITHOUT_EXPERTS, SIZES)


def _table2_block(params: Params, key: str) -> pd.DataFrame | None:
    experts = {name: expert_line(params, key, name) for name in OTHERS}
    if not any(experts.values()):
        return None
    found = first_lines(params, key)
    for name, rows in experts.items():
        found += [*fusion_line(params, key, name), *rows] if rows else []
    return scored(params, "table2", key, found, WITHOUT_EXPERTS, SIZES)
