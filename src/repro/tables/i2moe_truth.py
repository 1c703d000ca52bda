"""Table of I2MoE: whether explanations name what each row was planted to need."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro.metrics.bootstrap import (
    Resampled,
    crossed_difference,
    crossed_interval,
    resampled,
    summary,
)
from repro.params import Params
from repro.results.comparing import LEAST_SEEDS
from repro.results.explained import area_statistics, mean_score, top_statistics
from repro.results.explanations import (
    LEAST_TO_LEAD,
    Explanation,
    PlantedRows,
    accuracies,
    agreement,
    areas,
    learned,
    local_scores,
)
from repro.simulation.interaction_law import auroc_ceilings
from repro.tables.labels import difference_metric, size_note
from repro.tables.rows import (
    Block,
    Entry,
    difference_entry,
    frame,
    holm_adjusted,
    joined_notes,
    summary_entry,
)

CEILING = "ceiling"
ORACLE = "oracle_mechanism"  # a control: the posterior of mechanisms as scores
UNIFORM = "uniform"
UNTRAINED = "untrained"
RELEASED = "released_losses"
NO_MODEL = (UNIFORM, ORACLE, UNTRAINED)  # scored where the trained model has learned
TESTED = ("told", "top_one")
NOTES = (
    "AUROC: chance that a row that needs a mechanism has a higher score of its expert "
    "than one that does not, 0.5 is chance; top-1: share of the rows of a mechanism in "
    "which its expert weighs most among those of learned mechanisms, chance is 1 in "
    "their number. Both are means over these mechanisms, a difference over those that "
    "both models have learned, so that naming one and the same for all rows is chance. "
    "AUROC asks for the order of rows alone, top-1 for the level of experts, too",
    "not learned: the model's accuracy in test rows of the mechanism, mean over seeds, "
    "is less than 10 points above chance; it is not scored, and intervals are given "
    "what counts as learned",
    "exact posterior: knows the law, codes and tags, without noise and without label; "
    "AUROC of contributions and effects: of an expert's share in the prediction, and "
    "of the loss without it, which looks at the label",
    "specialisation: accuracy of experts alone in the rows of their mechanism, less "
    "that in other rows; by the best names: after experts are named anew as best they "
    "fit, never below 0; the gap is what wrong names cost",
    "total variation: mean weights against planted shares, 0 is equal; agreement: "
    "Spearman of the weights of a row between seeds; deletion: accuracy that is lost "
    "without the expert of the highest weight, beyond that without any one",
)
UNTRAINED_NOTE = (
    "untrained: experts and weights as they were drawn, asked of the mechanisms that "
    "the trained model has learned"
)
RELEASED_NOTE = (
    "released losses: of classes they are those of I2MoE to the last bit, so that one "
    "training is both; they differ for scores alone, in the sign of the synergy loss "
    "and in what bounds the others"
)
NO_INTERACTION = "no_interaction"
NO_INTERACTION_NOTE = (
    "No-Interaction: its experts start alike and no loss names them, so that by their "
    "names it is at chance whatever they learn; what they do learn shows by the best "
    "names"
)
SURVIVES = (
    "survives: share of an expert's reaction to noise in place of modalities that it "
    "shows to values of other rows; near 0 it detects noise, and no information"
)


Means = Mapping[str, Resampled]  # tested scores of one explanation
# Such means over mechanisms that are chosen, one of the experts each.
MeansOf = Callable[[tuple[bool, ...]], Means]


def truth_block(
    params: Params,
    rows: PlantedRows,
    explanations: Mapping[str, Explanation],
    against: Sequence[str] = (),
    survival: Mapping[str, Float[np.ndarray, "seeds experts"]] | None = None,
) -> pd.DataFrame:
    """The rows of one mix: a row per explanation, and the ceiling.

    `explanations` are by code name. Each is set against those that `against` names,
    over the mechanisms that both models have learned, with Holm over all of them.
    `survival` has the surviving share of the sensitivity of experts, where probed.

    Raises:
        ValueError: explanations have other numbers of rows or seeds.
    """
    planned = params.interaction_simulation.sets[rows.dataset]
    entries = [
        Entry(CEILING, "greatest AUROC of codes and tags", f"{name}_told", mean=area)
        for name, area in auroc_ceilings(planned).items()
        if name in rows.experts and not np.isnan(area)
    ]
    drawn = {row: _means_of(params, of, rows) for row, of in explanations.items()}
    for row, found in explanations.items():
        entries += _scores(params, row, found, drawn[row], rows)
        probed = (survival or {}).get(row, np.full((1, len(rows.experts)), np.nan))
        for name, values in zip(rows.experts, probed.T, strict=True):
            if not np.isnan(values).any():
                title, metric = _title(params, row), f"{name}_survives"
                entries.append(summary_entry(row, title, metric, summary(values)))
    differences = _differences(params, explanations, drawn, rows, against)
    entries += holm_adjusted(list(differences))
    block = Block(
        dataset=rows.dataset,
        source="simulated",
        protocol="",
        simulated=True,
        modalities=", ".join(name[7:] for name in rows.experts[:-2]),
        notes=joined_notes(
            size_note(len(rows.ids), "samples", len(rows.ids), "samples"),
            *NOTES,
            *([SURVIVES] if survival else []),
            *([UNTRAINED_NOTE] if UNTRAINED in explanations else []),
            *([RELEASED_NOTE] if RELEASED in explanations else []),
            *([NO_INTERACTION_NOTE] if NO_INTERACTION in explanations else []),
        ),
    )
    return frame(block, entries)


def _title(params: Params, row: str) -> str:
    return params.names.get(row, row)


def _scores(
    params: Params,
    row: str,
    found: Explanation,
    means_of: MeansOf,
    rows: PlantedRows,
) -> Iterator[Entry]:
    kinds, title = learned(found, rows), _title(params, row)
    accuracy = 100 * accuracies(found, rows)
    told = areas(found.scores, rows, kinds)
    lost = [
        name
        for name, known, share in zip(rows.experts, kinds, rows.shares, strict=True)
        if share > 0 and not known
    ]
    is_own = row not in NO_MODEL
    remark = f"not learned: {', '.join(lost)}" if lost and is_own else ""
    if row == RELEASED:
        remark = "the same by construction"
    values = {
        **{f"{name}_told": told[:, e] for e, name in enumerate(rows.experts)},
        **local_scores(found, rows),
        **{f"{name}_rows": accuracy[:, e] for e, name in enumerate(rows.experts)},
        "agreement": np.array([agreement(found)]),
    }
    for metric, of_seeds in values.items():
        is_of_another = row in NO_MODEL and metric.endswith("_rows")
        if np.isnan(of_seeds).any() or is_of_another:
            continue
        entry = summary_entry(row, title, metric, summary(of_seeds))
        if metric in TESTED and len(of_seeds) >= LEAST_SEEDS:
            about = means_of(tuple(kinds.tolist()))[metric]
            entry = _with_interval(params, entry, about)
        yield replace(entry, remark=remark)


def _means_of(params: Params, of: Explanation, rows: PlantedRows) -> MeansOf:
    """Tested scores of an explanation, on resamples of the rows that are alike for all.

    Each is asked for once for every choice of mechanisms.
    """
    draw = partial(
        resampled,
        groups=len(rows.ids),
        resamples=params.statistics.auroc_resamples,
        seed=params.statistics.seed,
    )
    areas_drawn = draw(area_statistics(of, rows))

    @cache
    def means(chosen: tuple[bool, ...]) -> Means:
        kinds = np.array(chosen)
        found = {"told": mean_score(areas_drawn, rows, kinds)}
        if kinds.sum() >= LEAST_TO_LEAD:
            tops = draw(top_statistics(of, rows, kinds))
            found["top_one"] = mean_score(tops, rows, kinds)
        return found

    return means


def _with_interval(params: Params, entry: Entry, found: Resampled) -> Entry:
    statistics = params.statistics
    about = crossed_interval(
        found, confidence=statistics.confidence, seed=statistics.seed
    )
    return replace(entry, lower=about.lower, upper=about.upper)


def _differences(
    params: Params,
    explanations: Mapping[str, Explanation],
    drawn: Mapping[str, MeansOf],
    rows: PlantedRows,
    against: Sequence[str],
) -> Iterator[Entry]:
    """Mean scores of each explanation less those of each reference, on the same rows.

    Two references are set against each other once.
    """
    statistics, done = params.statistics, set[str]()
    for row, found in explanations.items():
        is_told = row in against
        for reference in against:
            if row == RELEASED or reference == row or (is_told and reference in done):
                continue
            other = explanations[reference]
            kinds = learned(found, rows) & learned(other, rows)
            seeds = max(len(found.scores), len(other.scores))
            if not kinds.any() or seeds < LEAST_SEEDS:
                continue
            own, others = (
                drawn[name](tuple(kinds.tolist())) for name in (row, reference)
            )
            for metric, mean in own.items():
                value = crossed_difference(
                    mean - others[metric],
                    confidence=statistics.confidence,
                    seed=statistics.seed,
                )
                name = difference_metric(metric, reference)
                yield difference_entry(row, _title(params, row), name, value, seeds)
        done.add(row)
