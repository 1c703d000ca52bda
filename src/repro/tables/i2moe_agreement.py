"""Table 3 of I2MoE: how often experts agree, and whether the mixture is right then."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro.metrics.bootstrap import crossed_interval, resampled, summary
from repro.metrics.resampling import grouped, mean_statistic
from repro.params import Params
from repro.results.mixtures import mixture_of, shares_of_outcomes
from repro.results.runs import Run
from repro.results.small_cells import FEWEST, of_patients
from repro.tables.i2moe_cells import (
    FULL,
    PAPER,
    blocks,
    expert_line,
    first_lines,
    row_run,
    scored,
    with_entries,
)
from repro.tables.labels import WITHOUT_EXPERTS
from repro.tables.lines import Line, printed_table
from repro.tables.rows import Entry, summary_entry

RIGHT = {"multilabel": "exact_match"}  # of the other tasks: accuracy
NOTE = (
    "agree: all experts alone decide alike (class, sign or set of labels); right: the "
    "mixture decides as the label says; the four shares sum to 100; what agree "
    "and right mean is our reading of the paper"
)
FEW = (
    f"where one share is of fewer than {FEWEST} patients in a seed all four are left "
    "out: it would follow from the others"
)


def table3(params: Params) -> pd.DataFrame:
    """Rows on which experts disagree or agree, by whether the mixture is right."""
    return blocks(params, "table3", _block)


def _block(params: Params, key: str) -> pd.DataFrame | None:
    run = row_run(params, key, FULL)
    if run is None:
        return None
    experts = [row for name in run.methods for row in expert_line(params, key, name)]
    shown = (RIGHT.get(run.report.data.task, "accuracy"),)
    found = [*first_lines(params, key), *experts]
    found = [replace(row, reference="", limited=shown) for row in found]
    is_hidden = of_patients(params, run.dataset, simulated=run.simulated)
    notes = [NOTE, FEW] if is_hidden else [NOTE]
    rows = scored(params, "table3", key, found, WITHOUT_EXPERTS, *notes)
    told = printed_table(PAPER, "table3", key).rows.set_index(["method", "metric"])
    more = [
        replace(entry, published_mean=_printed(told, entry))
        for row in experts
        for entry in _shares(params, run, row)
    ]
    return with_entries(rows, more)


def _shares(params: Params, run: Run, row: Line) -> Iterator[Entry]:
    """The four shares of one fusion's experts with their intervals.

    Of real patients all four or none: a small one follows from the others.
    """
    statistics, fusion = params.statistics, row.row.removesuffix(f"_{FULL}")
    group = row.predictions.group
    groups, _ = grouped(group, len(group))
    shares = shares_of_outcomes(mixture_of(run, fusion), run.report.data.task)
    is_hidden = of_patients(params, run.dataset, simulated=run.simulated)
    if is_hidden and min(map(_fewest, shares.values())) < FEWEST:
        return
    found = resampled(
        {name: mean_statistic(part, group) for name, part in shares.items()},
        groups,
        resamples=statistics.resamples,
        seed=statistics.seed,
    )
    for name, part in shares.items():
        entry = summary_entry(row.row, row.name, name, summary(part.mean(axis=1)))
        about = crossed_interval(
            found[name], confidence=statistics.confidence, seed=statistics.seed
        )
        yield replace(entry, lower=about.lower, upper=about.upper, remark=row.remark)


def _fewest(share: Float[np.ndarray, "seeds samples"]) -> int:
    """Rows of a share in the seed that has fewest."""
    return int((share > 0).sum(axis=1).min())


def _printed(told: pd.DataFrame, entry: Entry) -> float | None:
    key = (entry.row, entry.metric)
    return float(np.float64(told.loc[key, "mean"])) if key in told.index else None
