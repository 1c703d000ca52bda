"""Rows of a table from runs, and the one act that gives them numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from repro.metrics.scores import known_metric
from repro.params import Params
from repro.results.published import printed
from repro.results.runs import Run, best_modality, read_run, refuse_unpaired
from repro.results.verdict import (
    Conditions,
    conditions,
    printed_decimals,
    run_facts,
    verdict,
)
from repro.tables.blocks import block_of, not_converged, tested_note
from repro.tables.labels import is_difference
from repro.tables.oracle import ORACLE, ORACLE_NOTE, POSTERIOR, oracle_notes
from repro.tables.rows import Entry, frame, joined_notes
from repro.tables.tested import Line, metrics_of, resampled_rows, tested_differences


@dataclass(frozen=True)
class Printed:
    """Rows of a printed table that belong to a block, and what they ask for.

    `facts` are those of the data beside what the runs tell.
    """

    rows: pd.DataFrame
    conditions: Conditions
    facts: Mapping[str, str | None] = field(default_factory=dict)


def printed_table(
    paper: str,
    table: str,
    dataset: str,
    facts: Mapping[str, str | None] | None = None,
) -> Printed:
    """What a paper prints in a table for one data set."""
    rows = printed(paper)
    rows = rows[(rows["table"] == table) & rows["dataset"].isin(["", dataset])]
    return Printed(rows, conditions(paper, table, dataset), facts or {})


def line(
    params: Params,
    run: Run,
    method: str,
    *,
    row: str = "",
    name: str = "",
    reference: str = "",
    label: float | None = None,
    without: str = "",
) -> Line:
    """The row of one method of a run, marked where training had not converged."""
    return Line(
        row=row or method,
        method=method,
        name=name or params.names.get(method, method),
        run=run,
        predictions=run.predictions(method),
        reference=reference,
        label=label,
        without=without,
        remark="not converged" if not_converged(run, method) else "",
    )


def lines(
    params: Params, run: Run, methods: Sequence[str], reference: str = ""
) -> list[Line]:
    """Rows of several methods of one run; those that it left out have none."""
    return [
        line(params, run, method, reference=reference)
        for method in methods
        if method in run.report.methods
    ]


def baseline_lines(
    params: Params, address: str, methods: Sequence[str] = (), reference: str = ""
) -> list[Line]:
    """Rows of predictors without a network; of all of them where none is named."""
    run = read_run(address)
    return lines(params, run, methods or run.methods, reference)


def unimodal_line(params: Params, run: Run, reference: str = "") -> Line:
    """The row of the modality that is best on valid."""
    best = best_modality(run)
    name = f"{params.names['unimodal']} ({best})"
    found = line(params, run, best, row="unimodal", name=name, reference=reference)
    return replace(found, method="unimodal")


def numbered(
    params: Params,
    found: Sequence[Line],
    against: str,
    *,
    beside: Printed | None = None,
    before: Sequence[str] = (),
    after: Sequence[str] = (),
    only_headline: bool = False,
) -> pd.DataFrame:
    """The rows of one data set: metrics, differences with Holm, printed numbers.

    `against` names in the heading what differences are to. Notes of the table come
    `before` or `after` those of its runs, what planted reliability is only where rows
    have it. `only_headline` leaves out other metrics.

    Raises:
        ValueError: the runs cannot stand in one table, or two methods hold different
            samples or seeds.
    """
    trained = [row for row in found if row.run.report.setup is not None]
    for row in found:
        if row.run.report.setup is None:
            refuse_unpaired(row.predictions, trained[0].predictions)
    block = block_of([row.run for row in trained])
    tested = tested_note(params, found[0].run, found[0].predictions)
    resampled = resampled_rows(found, params.statistics)
    tests = tested_differences(found, resampled, against, params.statistics)
    told = oracle_notes(_oracles(found), tests)
    planted = {ORACLE, POSTERIOR} & {row.method for row in found}
    after = [note for note in after if planted or note != ORACLE_NOTE]
    notes = joined_notes(tested, *before, block.notes, *after, *told)
    entries: list[Entry] = []
    for row in found:
        own = [*metrics_of(row, resampled[row.row], params.statistics)]
        own = [e for e in own if not only_headline or _is_headline(row, e)]
        own = [e for e in own if not row.limited or e.metric in row.limited]
        own += [entry for entry in tests if entry.row == row.row]
        own = [replace(e, alpha=row.alpha, remark=row.remark) for e in own]
        entries += own if beside is None else _beside(row, own, found, beside)
    if beside is not None:
        entries += _printed_only(beside.rows, found, entries)
    return frame(replace(block, notes=notes), entries)


def _is_headline(row: Line, entry: Entry) -> bool:
    return entry.metric == row.run.score.headline.name


def _oracles(found: Sequence[Line]) -> dict[str, tuple[str, str]]:
    """Names of oracle rows and of what they are set against, by their own row."""
    names = {row.row: row.name for row in found}
    oracles = [row for row in found if row.method == ORACLE and row.reference]
    return {row.row: (row.name, names[row.reference]) for row in oracles}


def _beside(
    row: Line, own: Sequence[Entry], found: Sequence[Line], beside: Printed
) -> Iterator[Entry]:
    """The entries of a row with printed numbers and, on real data, verdicts."""
    rows = beside.rows
    is_label = rows["alpha"].isna() if row.label is None else rows["alpha"] == row.label
    chosen = (rows["method"] == row.method) & (rows["without"] == row.without)
    told = rows[chosen & is_label].set_index("metric")
    for entry in own:
        if entry.metric in told.index:
            entry = _judged(row, entry, told.loc[entry.metric], found, beside)
        yield entry


def _judged(
    row: Line,
    entry: Entry,
    told: pd.Series,
    found: Sequence[Line],
    beside: Printed,
) -> Entry:
    mean, sd = float(told["mean"]), _given(told["sd"])
    entry = replace(entry, published_mean=mean, published_sd=sd)
    metric = known_metric(entry.metric)
    if row.run.simulated or is_difference(entry.metric):  # no verdict on differences
        return entry
    if entry.mean is None or entry.n is None or metric is None:
        raise ValueError(f"{entry.row}.{entry.metric}: no number to compare")
    base = next(line.run for line in found if line.run.report.setup is not None)
    alpha = row.alpha if row.label is None else None  # a table that varies it
    facts = {**beside.facts, **run_facts(row.run, base, row.method, entry.n, alpha)}
    ours = entry.mean, entry.sd, entry.n
    decimals = printed_decimals(metric.digits, mean, sd)
    word = verdict(beside.conditions, facts, row.method, ours, (mean, sd), decimals)
    return replace(
        entry,
        difference=entry.mean - mean,
        verdict=word.word,
        condition=word.condition,
    )


def _printed_only(
    rows: pd.DataFrame, found: Sequence[Line], known: Sequence[Entry]
) -> Iterator[Entry]:
    """Printed rows that are not trained here, and differences that are not tested."""
    ours = {(row.method, row.without, row.label): row for row in found}
    shown = {(entry.row, entry.metric) for entry in known}
    for told in rows.to_dict("records"):
        method, without, alpha = told["method"], told["without"], told["alpha"]
        label = _given(alpha)
        own = ours.get((method, without, label))
        if own and (
            (own.row, told["metric"]) in shown or not is_difference(told["metric"])
        ):
            continue  # beside our number, or of a metric that the table leaves out
        row, name = method, told["name"]
        if without:
            row, name = f"{row}_without_{without.lower()}", f"{name} without {without}"
        if label is not None:
            row, name = f"{row}_{label:g}", f"{name}, alpha {label:g}"
        mean, sd = float(told["mean"]), _given(told["sd"])
        if own:
            row, name = own.row, own.name
        metric = told["metric"]
        yield Entry(row, name, metric, published_mean=mean, published_sd=sd)


def _given(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
