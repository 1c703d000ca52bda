"""Rows that need two of three modalities: does a model name what has no expert."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import Bool

from repro.metrics.bootstrap import crossed_interval, resampled, summary
from repro.metrics.resampling import mean_statistic
from repro.params import Params
from repro.results.comparing import LEAST_SEEDS
from repro.results.explanations import Explanation, PlantedRows
from repro.tables.i2moe_truth import ORACLE
from repro.tables.labels import difference_metric, size_note
from repro.tables.rows import (
    Block,
    Entry,
    frame,
    holm_adjusted,
    joined_notes,
    summary_entry,
)
from repro.tables.tested import tested_difference

WITHOUT_EXPERT = "without_expert"  # what the block is called after its data set
NAMED = "named"  # all rows whose mechanism has an expert
NOTES = (
    "no expert stands for what two of the modalities have together: whichever weighs "
    "most there is a wrong name; weighs most: share of the rows in which an expert "
    "does",
    "highest weight: mean over rows; one expert of {experts} weighs 1/{experts} at "
    "least. No direction is better by itself: lower than in rows that have an expert, "
    "whether that is the one named there or not, is right",
    "accuracy stands beside that of the most frequent class of the same rows",
)
CONTROL_NOTE = (
    "exact posterior: the control; it gives each expert the probability of its own "
    "mechanism alone, which need not sum to 1, so that all are low where none fits"
)


def pairs_block(
    params: Params, rows: PlantedRows, explanations: Mapping[str, Explanation]
) -> list[pd.DataFrame]:
    """The block on rows without an expert; none where every mechanism has one.

    Of `explanations`, by code name, those by weights of experts and the posterior.
    """
    kinds = _kinds(params, rows)
    told = {row: of for row, of in explanations.items() if of.logits is not None}
    if len(kinds) < 2 or not told:
        return []
    known = {row: of for row, of in explanations.items() if row == ORACLE}
    entries, tests = list(_most_frequent(rows, kinds)), list[Entry]()
    for row, of in (told | known).items():
        if row not in known:  # in rows without an expert all are alike: none is first
            entries += _shares(params, row, of, rows, kinds)
        sure, differences = _sureness(params, row, of, rows, kinds)
        entries += sure
        tests += differences
    block = Block(
        dataset=f"{rows.dataset}_{WITHOUT_EXPERT}",
        source="simulated",
        protocol="",
        simulated=True,
        modalities=", ".join(name[7:] for name in rows.experts[:-2]),
        notes=joined_notes(
            size_note(len(rows.ids), "samples", len(rows.ids), "samples"),
            *(
                note.format(experts=len(rows.experts))
                for note in (*NOTES, *([CONTROL_NOTE] if known else []))
            ),
        ),
    )
    return [frame(block, [*entries, *holm_adjusted(tests)])]


def _kinds(params: Params, rows: PlantedRows) -> dict[str, Bool[np.ndarray, " rows"]]:
    """Rows of each mechanism without an expert that occurs, and all that have one."""
    known = params.interaction_simulation.sets[rows.dataset].mechanisms
    found = {NAMED: rows.mechanism < len(rows.experts)}
    for number in range(len(rows.experts), len(known)):
        own = rows.mechanism == number
        if own.any():
            found[known[number]] = own
    return found


def _most_frequent(
    rows: PlantedRows, kinds: Mapping[str, np.ndarray]
) -> Iterator[Entry]:
    """Accuracy of naming the most frequent class of the rows of each kind."""
    for kind, own in kinds.items():
        right = 100 * np.bincount(rows.y[own]).max() / own.sum()
        title = f"most frequent class, {_where(kind)}"
        yield Entry(f"majority_in_{kind}", title, "accuracy", mean=float(right))


def _shares(
    params: Params,
    row: str,
    of: Explanation,
    rows: PlantedRows,
    kinds: Mapping[str, np.ndarray],
) -> Iterator[Entry]:
    """How often each expert weighs most, and how often the model is right."""
    top = of.scores == of.scores.max(axis=-1, keepdims=True)
    parts = top / top.sum(axis=-1, keepdims=True)
    for kind, own in kinds.items():
        code, title = _row(params, row, kind)
        share = parts[:, own].mean(axis=1)
        for e, name in enumerate(rows.experts):
            yield summary_entry(code, title, f"{name}_tops", summary(share[:, e]))
        right = 100 * of.right[:, own].mean(axis=1)
        yield summary_entry(code, title, "accuracy", summary(right))


def _sureness(
    params: Params,
    row: str,
    of: Explanation,
    rows: PlantedRows,
    kinds: Mapping[str, np.ndarray],
) -> tuple[list[Entry], list[Entry]]:
    """The highest weight in rows of each kind, and less that in rows with an expert."""
    highest, statistics = of.scores.max(axis=-1), params.statistics
    drawn = resampled(
        {k: mean_statistic(highest, rows.ids, own) for k, own in kinds.items()},
        len(rows.ids),
        resamples=statistics.auroc_resamples,
        seed=statistics.seed,
    )
    entries, tests = [], []
    for kind, value in drawn.items():
        code, title = _row(params, row, kind)
        entry = summary_entry(code, title, "sure", summary(value.found))
        if len(value.found) >= LEAST_SEEDS:
            about = crossed_interval(
                value, confidence=statistics.confidence, seed=statistics.seed
            )
            entry = replace(entry, lower=about.lower, upper=about.upper)
        entries.append(entry)
        if kind != NAMED:
            metric, gap = difference_metric("sure", NAMED), value - drawn[NAMED]
            tests.append(tested_difference(statistics, code, title, metric, gap))
    return entries, tests


def _row(params: Params, row: str, kind: str) -> tuple[str, str]:
    """Code and name of one explanation in rows of one kind."""
    return f"{row}_in_{kind}", f"{params.names.get(row, row)}, {_where(kind)}"


def _where(kind: str) -> str:
    return "rows with an expert" if kind == NAMED else kind.replace("_", " ")
