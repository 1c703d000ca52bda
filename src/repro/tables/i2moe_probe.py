"""Table of I2MoE: do experts use what modalities say, or only detect the masks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from repro.metrics.bootstrap import (
    Resampled,
    Statistic,
    crossed_interval,
    resampled,
    summary,
)
from repro.params import Params
from repro.results.comparing import LEAST_SEEDS
from repro.results.explanations import Explanation, PlantedRows
from repro.results.probes import (
    FLOOR,
    NOISE,
    OTHERS,
    Probe,
    leaning_statistics,
    own_statistics,
    removal_statistic,
    sensitivity,
    survival_statistics,
)
from repro.results.runs import Predictions, refuse_unpaired
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

MASKS = (NOISE, OTHERS, "mean", "zero", FLOOR)
TESTED = ("leaning", "survival", "removal")
UNTRAINED = "untrained"
NOTES = (
    "moves: mean distance of an expert's logits for rows with a modality replaced from "
    "those for intact rows, over modalities and rows: by noise, as in training; by "
    "values of other rows; by their mean; by zeros; floor: between two intact passes, "
    "each with dropout of its own, which the losses cannot tell from a mask",
    "survives: what is left of the reaction to noise when other rows' values stand "
    "there; near 0 an expert detects noise and uses no information; above 1 it reacts "
    "to other rows more. No direction is better: experts without any specialisation "
    "react to every change, and the redundancy expert is meant to move least. Tested "
    "is the mean over uniqueness experts alone",
    "in its rows: the same of a uniqueness expert in rows that need it, its modality "
    "masked: other rows' values tell of another label there, so that an expert that "
    "does what its name says has to react; so does one without specialisation",
    "leaning: what share of the reaction of a uniqueness expert to other rows' values "
    "is to its own modality, and the mean over these experts; {chance} is none. The "
    "losses ask for it: it tells that they act, not that weights name what rows need",
    "removing: accuracy lost without the expert of the highest weight, beyond that "
    "without any one; 0 where others make up for it, too, and a large loss does not "
    "say that experts do what their names say",
)
UNTRAINED_NOTE = (
    "untrained: experts as they were drawn, all alike. They react to any change, so "
    "that what survives of theirs shows that the probe sees values of other rows (the "
    "positive control of survival), and lean nowhere (the negative one of leaning)"
)


@dataclass(frozen=True)
class Probed:
    """One run with experts: what it says of the rows, and how its experts move.

    `predictions` tell which rows and seeds it can be set against.
    """

    explanation: Explanation
    probe: Probe
    predictions: Predictions


def probe_block(
    params: Params, rows: PlantedRows, found: Mapping[str, Probed], against: list[str]
) -> pd.DataFrame:
    """The rows of one planted set: one per run, and one per run and expert.

    `found` has runs by code name; each is set against those that `against` names, with
    Holm over all differences.
    """
    entries: list[Entry] = []
    means: dict[str, dict[str, Resampled]] = {}
    for row, run in found.items():
        survival = _drawn(params, survival_statistics(run.probe, rows), rows)
        removal = {"removal": removal_statistic(run.explanation, rows)}
        leaning = _drawn(params, leaning_statistics(run.probe, rows), rows)
        means[row] = _drawn(params, removal, rows)
        if leaning:
            means[row]["leaning"] = _mean(list(leaning.values()))
        unique = [survival[name] for name in rows.experts[:-2] if name in survival]
        if unique:
            means[row]["survival"] = _mean(unique)
        title = params.names.get(row, row)
        entries += [
            _entry(params, row, title, metric, value)
            for metric, value in means[row].items()
        ]
        shares = {"share": survival, "leaning": leaning}
        entries += _of_experts(params, row, run.probe, rows, shares)
    tests = list(_tests(params, found, means, against))
    return frame(_block(rows, found), [*entries, *holm_adjusted(tests)])


def _tests(
    params: Params,
    found: Mapping[str, Probed],
    means: Mapping[str, Mapping[str, Resampled]],
    against: Sequence[str],
) -> Iterator[Entry]:
    """Every run against each reference, two references once.

    Raises:
        ValueError: two runs hold other rows or seeds.
    """
    for k, reference in enumerate(against):
        for row in found:
            if row in against[: k + 1]:
                continue
            refuse_unpaired(found[row].predictions, found[reference].predictions)
            for metric in TESTED:
                if metric not in means[row] or metric not in means[reference]:
                    continue
                yield tested_difference(
                    params.statistics,
                    row,
                    params.names.get(row, row),
                    difference_metric(metric, reference),
                    means[row][metric] - means[reference][metric],
                )


def _block(rows: PlantedRows, found: Mapping[str, Probed]) -> Block:
    chance, count = f"1/{len(rows.experts) - 2}", len(rows.ids)
    return Block(
        dataset=rows.dataset,
        source="simulated",
        protocol="",
        simulated=True,
        modalities=", ".join(name[7:] for name in rows.experts[:-2]),
        notes=joined_notes(
            size_note(count, "samples", count, "samples"),
            *(note.format(chance=chance) for note in NOTES),
            *([UNTRAINED_NOTE] if UNTRAINED in found else []),
        ),
    )


def _of_experts(
    params: Params,
    row: str,
    probe: Probe,
    rows: PlantedRows,
    shares: Mapping[str, Mapping[str, Resampled]],
) -> Iterator[Entry]:
    """Sensitivities and surviving shares, an expert a row."""
    title = params.names.get(row, row)
    own = _drawn(params, own_statistics(probe, rows), rows)
    named = {**shares, "own": own}
    moves = {m: sensitivity(probe, m) for m in MASKS if m in probe.distance}
    for e, expert in enumerate(rows.experts):
        code, name = f"{row}_{expert}", f"{title}, {expert.replace('_', ' ')}"
        for mask, values in moves.items():
            yield summary_entry(code, name, f"{mask}_moves", summary(values[:, e]))
        for metric, of in named.items():
            if expert in of:
                yield _entry(params, code, name, f"probe_{metric}", of[expert])


def _drawn(
    params: Params, statistics: Mapping[str, Statistic], rows: PlantedRows
) -> dict[str, Resampled]:
    """Statistics on resamples; an expert that moves nowhere has no share of it."""
    found = resampled(
        statistics,
        len(rows.ids),
        resamples=params.statistics.auroc_resamples,
        seed=params.statistics.seed,
    )
    return {name: v for name, v in found.items() if not np.isnan(v.found).any()}


def _mean(values: list[Resampled]) -> Resampled:
    return Resampled(
        np.mean([one.found for one in values], axis=0),
        np.mean([one.drawn for one in values], axis=0),
        values[0].groups,
    )


def _entry(
    params: Params, row: str, title: str, metric: str, value: Resampled
) -> Entry:
    entry = summary_entry(row, title, metric, summary(value.found))
    if len(value.found) < LEAST_SEEDS:
        return entry
    about = crossed_interval(
        value, confidence=params.statistics.confidence, seed=params.statistics.seed
    )
    return replace(entry, lower=about.lower, upper=about.upper)
