"""Two explanations and one truth: weights of modalities and weights of experts."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from repro.metrics.bootstrap import (
    Resampled,
    crossed_interval,
    resampled,
    summary,
)
from repro.params import Params
from repro.results.comparing import LEAST_SEEDS
from repro.results.runs import Run
from repro.results.two_explanations import (
    PlantedParts,
    Weights,
    area_statistics,
    largest_posterior,
    likeness,
    modality_weights,
    planted_parts,
    uniqueness_weights,
)
from repro.tables.blocks import source_of
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

EXPERTS, EQUAL = "i2moe", "uniform"
# What is asked for itself, as weights: 1 by construction, so that none is tested.
RELIABILITY, LARGEST = "oracle", "oracle_largest"
# The controls: what modalities let one know of either, each tested on its own alone.
KNOWABLE = {"posterior": "reliable", "posterior_largest": "largest"}
TWO = "two_explanations"  # the block of these rows
BOTH = ("reliable", "largest")  # what weights are asked for, mean over modalities
TRUTH_NOTES = (
    "reliability: AUROC of the weight of a modality for rows in which it is no noise; "
    "largest part: the same for rows in whose label its unique part is the largest of "
    "all parts; of rows that have the modality, 0.5 is chance",
    "weights of I2MoE are those of the uniqueness expert of a modality; likeness: "
    "Spearman over rows of the weights of a row of this table and those of I2MoE "
    "without weights inside",
    "planted reliability and planted largest part are what is asked for itself, 1 by "
    "construction: they check how it is scored, not what weights could tell, and are "
    "not tested; equal weights are higher in rows that lack a modality",
    "a modality that alone predicts nothing cannot be explained: that weights do not "
    "tell where it is noise is nothing against them",
)
CONTROL_NOTE = (
    "posterior reliability, posterior largest part: controls; the exact chance that "
    "a modality is no noise, and the chance that its part is the largest (by draws of "
    "the latents), for one who knows the law and the latents behind what all "
    "modalities show: the most that weights could tell of either"
)


def two_explanations(
    params: Params, outside: Run, experts: Run, inside: Run, fusion: str
) -> pd.DataFrame:
    """Weights of modalities and of uniqueness experts beside what was planted.

    `outside` has weights of a fusion without experts, `experts` its experts without
    weights and `inside` both.
    """
    dataset, tested = experts.dataset, experts.predictions(fusion)
    rows = planted_parts(dataset, experts.report.data.modalities, tested)
    own = uniqueness_weights(experts, fusion, rows)
    found = modality_weights(outside, rows)
    found[EXPERTS] = own
    for method, code in (("bi_level", "bi_level"), ("oracle", "planted")):
        if method in inside.report.methods:
            found[f"{EXPERTS}_{code}"] = uniqueness_weights(inside, method, rows)
    found[LARGEST] = np.broadcast_to(rows.largest.astype(np.float64), own.shape)
    if rows.posterior is not None:
        chances = rows.posterior, largest_posterior(dataset, rows)
        for row, chance in zip(KNOWABLE, chances, strict=True):
            found[row] = np.broadcast_to(chance, own.shape)
    block = Block(
        dataset=TWO,
        source=source_of(experts),
        protocol="",
        simulated=experts.simulated,
        modalities=", ".join(rows.modalities),
        notes=joined_notes(
            size_note(
                len(rows.ids),
                "samples",
                len(np.unique(rows.group)),
                params.dataset(dataset).groups,
            ),
            *TRUTH_NOTES,
            *([CONTROL_NOTE] if KNOWABLE.keys() <= found.keys() else []),
        ),
    )
    return frame(block, told_entries(params, found, rows))


def told_entries(
    params: Params, found: Mapping[str, Weights], rows: PlantedParts
) -> list[Entry]:
    """What each kind of weights tells of what was planted, with Holm over all tests.

    `found` has weights by code name, among them `i2moe` and `uniform`.
    """
    statistics = params.statistics
    drawn = {
        row: resampled(
            area_statistics(weights, rows),
            len(np.unique(rows.group)),
            resamples=statistics.auroc_resamples,
            seed=statistics.seed,
        )
        for row, weights in found.items()
    }
    means = {row: _means(areas) for row, areas in drawn.items()}
    entries: list[Entry] = []
    for row in found:
        entries += _row(params, row, drawn[row] | means[row])
        if row != EXPERTS:
            entries += _likeness(params, row, found, rows)
    tests: list[Entry] = []
    for row, against in _pairs(found):
        for target in BOTH:
            is_asked = KNOWABLE.get(row, target) == target
            if target in means[row] and is_asked:
                pair = means[row][target] - means[against][target]
                name, metric = _title(params, row), difference_metric(target, against)
                tests.append(tested_difference(statistics, row, name, metric, pair))
    return [*entries, *holm_adjusted(tests)]


def _pairs(found: Mapping[str, Weights]) -> Iterator[tuple[str, str]]:
    """Every kind against equal weights, BTW and the control against those of I2MoE."""
    for row in found:
        if row in (RELIABILITY, LARGEST):
            continue
        if row != EQUAL:
            yield row, EQUAL
        if row in ("instance", "bi_level", *KNOWABLE):
            yield row, EXPERTS


def _means(areas: Mapping[str, Resampled]) -> dict[str, Resampled]:
    """Means over modalities of each of the two targets."""
    found = {}
    for target, end in zip(BOTH, ("_reliability", "_largest"), strict=True):
        own = [value for name, value in areas.items() if name.endswith(end)]
        if own:
            found[target] = Resampled(
                np.mean([one.found for one in own], axis=0),
                np.mean([one.drawn for one in own], axis=0),
                own[0].groups,
            )
    return found


def _row(params: Params, row: str, values: Mapping[str, Resampled]) -> Iterator[Entry]:
    statistics = params.statistics
    for metric, value in values.items():
        entry = summary_entry(row, _title(params, row), metric, summary(value.found))
        if len(value.found) >= LEAST_SEEDS:
            about = crossed_interval(
                value, confidence=statistics.confidence, seed=statistics.seed
            )
            entry = replace(entry, lower=about.lower, upper=about.upper)
        yield entry


def _likeness(
    params: Params, row: str, found: Mapping[str, Weights], rows: PlantedParts
) -> Iterator[Entry]:
    for name, values in likeness(found[row], found[EXPERTS], rows).items():
        if not np.isnan(values).any():
            metric = f"{name}_likeness"
            yield summary_entry(row, _title(params, row), metric, summary(values))


def _title(params: Params, row: str) -> str:
    """Name of a kind of weights; of experts, what they hold inside."""
    start, _, method = row.partition(f"{EXPERTS}_")
    if start or not method:
        return params.names.get(row, row)
    inside = params.names["oracle" if method == "planted" else method]
    return f"{params.names[EXPERTS]}, {inside} inside"
