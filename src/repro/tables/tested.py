"""Rows of a table before their numbers, and their metrics and tests."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from repro.metrics.bootstrap import Resampled, crossed_difference
from repro.params.cells import WEIGHTINGS
from repro.params.study import Statistics
from repro.results.comparing import (
    LEAST_SEEDS,
    Drawn,
    differences,
    drawn,
    interval,
    seeds_of,
)
from repro.results.runs import Predictions, Run, seed_metrics
from repro.tables.labels import difference_metric
from repro.tables.rows import Entry, difference_entry, holm_adjusted, summary_entry


@dataclass(frozen=True)
class Line:
    """A row before its numbers: whose predictions, under which name.

    `method` is the code name of a printed row. `reference` is the row that it is set
    against; empty or its own: none. `label` is the smoothing factor that the row
    stands for, `without` the removed modality as the paper names it. `limited` are
    the only metrics that are shown and tested; all where it is empty, and with the
    empty name alone all are tested and none is shown.
    """

    row: str
    method: str
    name: str
    run: Run
    predictions: Predictions
    reference: str = ""
    label: float | None = None
    without: str = ""
    remark: str = ""
    limited: tuple[str, ...] = ()

    @property
    def alpha(self) -> float | None:
        """The smoothing factor it was trained with, if it has weights."""
        return self.run.report.alpha if self.method in WEIGHTINGS else None


def resampled_rows(found: Sequence[Line], statistics: Statistics) -> dict[str, Drawn]:
    """The tested metrics of every row on resamples of the groups."""
    return {
        row.row: drawn(
            row.run.score, row.predictions, statistics, row.run.report.folds > 0
        )
        for row in found
    }


def metrics_of(row: Line, own: Drawn, statistics: Statistics) -> Iterator[Entry]:
    """The metrics of a row, the headline of a classification with an interval."""
    score, headline = row.run.score, row.run.score.headline.name
    folds = row.run.report.folds > 0
    found = seed_metrics(score, row.predictions, is_cross_validated=folds)
    # One training tells nothing of another; a predictor without a network is one.
    is_known = len(row.predictions.seeds) >= LEAST_SEEDS or not row.run.report.setup
    for metric, summary in found.items():
        entry = summary_entry(row.row, row.name, metric, summary)
        if score.has_interval and metric == headline and is_known:
            about = interval(own, metric, statistics)
            entry = replace(entry, lower=about.lower, upper=about.upper)
        yield entry


def tested_differences(
    found: Sequence[Line],
    resampled: Mapping[str, Drawn],
    against: str,
    statistics: Statistics,
) -> list[Entry]:
    """Tested metrics minus those of each row's reference, with Holm over all of them.

    Of cross-validated rows without p: too few samples for claims.
    """
    entries = []
    for row in found:
        if row.reference in ("", row.row):
            continue
        pair = resampled[row.row], resampled[row.reference]
        for name, value in differences(*pair, statistics).items():
            if any(row.limited) and name not in row.limited:
                continue
            metric, n = difference_metric(name, against), seeds_of(*pair)
            entries.append(difference_entry(row.row, row.name, metric, value, n))
    adjusted = holm_adjusted(entries)
    if any(row.run.report.folds for row in found):
        return [replace(entry, p=None, p_holm=None) for entry in adjusted]
    return adjusted


def tested_difference(
    statistics: Statistics, row: str, name: str, metric: str, value: Resampled
) -> Entry:
    """A paired difference as an entry; with one seed without interval and p."""
    seeds = len(value.found)
    if seeds < LEAST_SEEDS:
        return Entry(row, name, metric, mean=float(value.found.mean()), n=seeds)
    found = crossed_difference(
        value, confidence=statistics.confidence, seed=statistics.seed
    )
    return difference_entry(row, name, metric, found, seeds)
