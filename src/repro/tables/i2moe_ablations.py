"""Tables 4 and 5 of I2MoE: what its parts are worth, and what masks modalities."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from repro.params import Params
from repro.tables.i2moe_cells import (
    BACKBONE,
    FULL,
    blocks,
    first_lines,
    fusion_line,
    row_run,
    scored,
)
from repro.tables.lines import Line, line

ABLATIONS = (
    "no_interaction",
    "latent_contrastive",
    "simple_weight",
    "less_forward",
    "synergy_redundancy",
)
MASKS = ("mask_mean", "mask_zero")
LESS_FORWARD, FEWEST = "less_forward", 3
ALIKE = "identical by construction"
ALL_MASKED = (
    f"{ALIKE}: Less-Forward masks two modalities, which are all that these data have; "
    "the row is that of the full model, and is not tested"
)
SAME_SIZES = (
    "rows are set against the full model, whose sizes and epochs they have; the "
    "released scripts of the ablations ask for others"
)
RANDOM = "I2MoE masks by standard normal noise"


def table4(params: Params) -> pd.DataFrame:
    """The full model, and each of its parts left out or replaced."""
    return blocks(params, "table4", _table4_block)


def table5(params: Params) -> pd.DataFrame:
    """What stands in the place of a masked modality: noise, the mean, zeros."""
    return blocks(params, "table5", _table5_block)


def _table4_block(params: Params, key: str) -> pd.DataFrame | None:
    found = variants(params, key, ABLATIONS)
    if not found:
        return None
    is_alike = any(row.remark.endswith(ALIKE) for row in found)
    told = [SAME_SIZES, *([ALL_MASKED] if is_alike else [])]
    return _block(params, "table4", key, found, told)


def _table5_block(params: Params, key: str) -> pd.DataFrame | None:
    found = variants(params, key, MASKS)
    if not found:
        return None
    return _block(params, "table5", key, found, [RANDOM])


def variants(params: Params, key: str, rows: Sequence[str]) -> list[Line]:
    """The full model and those variants of it that a cell has; nothing without one.

    With two modalities Less-Forward is the full model, trained or not.
    """
    full = row_run(params, key, FULL)
    if full is None or BACKBONE not in full.report.methods:
        return []
    first = line(params, full, BACKBONE, row=FULL, name=params.names[FULL])
    first = replace(first, method=FULL)
    found: list[Line] = []
    for row in rows:
        if row == LESS_FORWARD and len(full.report.data.modalities) < FEWEST:
            remark = ", ".join(filter(None, [first.remark, ALIKE]))
            name = params.names[row]
            alike = replace(first, row=row, method=row, name=name, remark=remark)
            found.append(alike)
            continue
        run = row_run(params, key, row)
        if run is not None:
            name = params.names[row]
            own = line(params, run, BACKBONE, row=row, name=name, reference=FULL)
            found.append(replace(own, method=row))
    trained = [row for row in found if not row.remark.endswith(ALIKE)]
    return [first, *found] if trained else []


def _block(
    params: Params, table: str, key: str, found: Sequence[Line], notes: Sequence[str]
) -> pd.DataFrame:
    before = [*first_lines(params, key), *fusion_line(params, key, BACKBONE)]
    return scored(params, table, key, [*before, *found], FULL, *notes)
