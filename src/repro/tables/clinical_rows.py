"""A row of a clinical table: whose predictions, and its numbers beside the printed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from repro.params import Params, Statistics
from repro.results.clinical_results import (
    best_modality,
    class_metrics,
    cohort_run,
    macro_f1_difference,
    macro_f1_interval,
)
from repro.results.clinical_verdict import (
    PAPER_CLINICAL,
    ClinicalFacts,
    CohortFacts,
    clinical_verdict,
)
from repro.results.runs import BASELINES, Predictions, Run, read_run
from repro.tables.labels import AGAINST_FUSEMOE
from repro.tables.rows import (
    Entry,
    difference_entry,
    holm_adjusted,
    not_converged,
    summary_entry,
)

FUSEMOE = "fusemoe"
TRIVIAL = ("majority", "stratified")
WEIGHTED = ("averaged_instance", "modality", "instance", "bi_level")


@dataclass(frozen=True)
class Line:
    """A row before its numbers.

    `reference` is the row of the FuseMoE that it is set against, `without` the
    removed modality as the paper names it.
    """

    row: str
    method: str
    name: str
    run: Run
    predictions: Predictions
    reference: str = FUSEMOE
    without: str = ""
    remark: str = ""

    @property
    def alpha(self) -> float | None:
        """The smoothing factor of a weighted method; others of its run have none."""
        return self.run.alpha if self.method in WEIGHTED else None


def baseline_lines(
    params: Params, cohort: str, methods: Sequence[str] = TRIVIAL
) -> list[Line]:
    """Rows of predictors without a network."""
    run = read_run(cohort, BASELINES)
    return [Line(m, m, params.names[m], run, run.predictions(m)) for m in methods]


def unimodal_line(params: Params, cohort: str) -> Line:
    """The row of the modality that is best on valid."""
    run = cohort_run(params, cohort, "unimodal")
    best = best_modality(run)
    name = f"{params.names['unimodal']} ({best})"
    return replace(_line(run, best, name), row="unimodal", method="unimodal")


def trained_lines(
    params: Params, cohort: str, folder: str, methods: Sequence[str]
) -> list[Line]:
    """Rows of the methods of one cell."""
    run = cohort_run(params, cohort, folder)
    return [_line(run, method, params.names[method]) for method in methods]


def _line(run: Run, method: str, name: str) -> Line:
    remark = "not converged" if not_converged(run, method) else ""
    return Line(method, method, name, run, run.predictions(method), remark=remark)


def entries(
    lines: Sequence[Line],
    printed: pd.DataFrame,
    facts: CohortFacts,
    statistics: Statistics,
) -> list[Entry]:
    """All numbers of all rows, in order; `printed` holds those of one table."""
    base = next(line.run for line in lines if line.row == FUSEMOE)
    against = _against_fusemoe(lines, statistics)
    if facts.is_cross_validated:  # too few stays for claims
        against = [replace(entry, p=None, p_holm=None) for entry in against]
    found: list[Entry] = []
    for line in lines:
        beside = printed[
            (printed["method"] == line.method) & (printed["without"] == line.without)
        ].set_index("metric")
        own = [*_metric_entries(line, facts, statistics)]
        own += [entry for entry in against if entry.row == line.row]
        for entry in own:
            entry = replace(entry, alpha=line.alpha, remark=line.remark)
            if entry.metric in beside.index:
                known = run_facts(line, base, facts, entry.n or 0)
                entry = _beside_printed(entry, known, beside.loc[entry.metric])
            found.append(entry)
    ours = {(line.method, line.without) for line in lines}
    return [*found, *_printed_only(printed, ours)]


def run_facts(line: Line, base: Run, cohort: CohortFacts, n: int) -> ClinicalFacts:
    """What decides whether a row can be set beside the paper.

    A predictor without a network has no settings of its own; those of the cohort's
    FuseMoE, `base`, stand for it. So do the features of a modality that was removed.
    """
    run = base if line.run.folder == BASELINES else line.run
    report = run.report
    known = {**report, **report["model"], **report["training"]}
    return ClinicalFacts(
        cohort=cohort,
        modalities=base.report["data"]["modalities"],
        dims=base.report["data"]["dims"] | report["data"]["dims"],
        missing=report["missing"],
        count_absent=report["count_absent"],
        preset=report["preset"],
        settings={k: known[k] for k in PAPER_CLINICAL if k in known},
        text_encoder=report["text_encoder"],
        text_weights=report["text_weights"],
        n=n,
        alpha=line.alpha,
    )


def _metric_entries(
    line: Line, facts: CohortFacts, statistics: Statistics
) -> Iterator[Entry]:
    interval = macro_f1_interval(line.predictions, statistics)
    metrics = class_metrics(
        line.predictions, is_cross_validated=facts.is_cross_validated
    )
    for metric, found in metrics.items():
        entry = summary_entry(line.row, line.name, metric, found)
        if metric == "macro_f1":
            entry = replace(entry, lower=interval.lower, upper=interval.upper)
        yield entry


def _against_fusemoe(lines: Sequence[Line], statistics: Statistics) -> list[Entry]:
    """Macro-F1 minus that of each row's FuseMoE, with interval, p and Holm."""
    by_row = {line.row: line for line in lines}
    found = []
    for line in lines:
        if line.row == line.reference:
            continue
        reference = by_row[line.reference].predictions
        difference = macro_f1_difference(line.predictions, reference, statistics)
        n = len(reference.seeds)
        found.append(
            difference_entry(line.row, line.name, AGAINST_FUSEMOE, difference, n)
        )
    return holm_adjusted(found)


def _beside_printed(entry: Entry, facts: ClinicalFacts, printed: pd.Series) -> Entry:
    """The entry with the printed number and, on real data, the verdict."""
    mean = float(printed["mean"])
    sd = None if np.isnan(printed["sd"]) else float(printed["sd"])
    entry = replace(entry, published_mean=mean, published_sd=sd)
    if entry.mean is None:
        raise ValueError(f"{entry.row}.{entry.metric}: no number to compare")
    decimals = printed_decimals(mean, sd)
    found = clinical_verdict(facts, entry.mean, entry.sd, mean, sd, decimals)
    if found is None:
        return entry
    return replace(
        entry,
        difference=entry.mean - mean,
        verdict=found.word,
        condition=found.condition,
    )


def printed_decimals(mean: float, sd: float | None) -> int:
    """Digits printed after the point: two beside an sd, else as few as it takes.

    >>> printed_decimals(46.0, 0.0), printed_decimals(46.0, None)
    (2, 0)
    >>> printed_decimals(33.5, None)
    1
    """
    if sd is not None:
        return 2
    return 0 if mean == round(mean) else 1


def _printed_only(printed: pd.DataFrame, ours: set[tuple[str, str]]) -> Iterator[Entry]:
    """Rows of the paper that these data cannot have."""
    for row in printed.to_dict("records"):
        if (row["method"], row["without"]) in ours:
            continue
        without = row["without"]
        yield Entry(
            f"{row['method']}_without_{without.lower()}" if without else row["method"],
            f"{row['name']} without {without}" if without else row["name"],
            row["metric"],
            published_mean=float(row["mean"]),
            published_sd=None if np.isnan(row["sd"]) else float(row["sd"]),
        )
