"""Table of both methods: weights of modalities inside experts, and two explanations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from repro.metrics.bootstrap import Resampled
from repro.params import Params
from repro.results.runs import Run, refuse_unpaired, trained_run
from repro.tables.blocks import block_of, left_out, tested_note
from repro.tables.labels import UNWEIGHTED, difference_metric
from repro.tables.lines import Line, line, lines
from repro.tables.rows import (
    Entry,
    frame,
    holm_adjusted,
    joined,
    joined_notes,
)
from repro.tables.tested import metrics_of, resampled_rows, tested_difference
from repro.tables.texts import SIGNIFICANT
from repro.tables.two_explanations import two_explanations

DATASET, FUSION = "mosi", "concat_transformer"
WEIGHTED = ("instance", "bi_level", "oracle")
EXPERTS = "i2moe"
INSIDE, OUTSIDE, MINUS = "inside", "outside", "minus"
CONTROL = "planted"  # as findings call the oracle where it is no model
WEIGHT_NOTES = (
    "weights act at the contribution of every expert, in all passes, and on what the "
    "experts are weighted by, so that weight 0 is absence; ahead of the fusion it is "
    "not, and that site is left out",
    "each weighted row is set against its own unweighted model; inside minus outside: "
    "what weights change in I2MoE less what they change without experts",
    "no change seen: neither without experts nor inside; seen inside alone: none "
    "without, one inside, whether or not the two differ; undone: none is seen inside, "
    "and the difference of the two is; undone in part: both are, and that inside is "
    "smaller; turned round: it has the other sign inside; more inside: it is larger "
    "there; not undone: it is seen inside, too, no difference of the two is, and the "
    "interval of that leaves out that nothing is left; no undoing seen: the same, but "
    "the interval holds it; else undecided; one seed: not tested; seen: Holm-adjusted "
    "p < 0.05",
    "weights reach the experts and the re-weighter of their outputs: which of the two "
    "undoes or adds something this table cannot tell",
)


def coupling(params: Params) -> pd.DataFrame:
    """What becomes of weights inside experts; and what two kinds of weights tell."""
    blocks = [_inside(params)]
    if params.plants(DATASET):
        _, outside, experts, inside = _runs(params)
        blocks.append(two_explanations(params, outside, experts, inside, FUSION))
    return joined(blocks)


def _runs(params: Params) -> tuple[Run, Run, Run, Run]:
    """Unweighted and weighted, without experts and with them."""
    return (
        trained_run(params, f"fusions/{DATASET}"),
        trained_run(params, f"sites/{DATASET}/{FUSION}_contribution"),
        trained_run(params, f"experts/{DATASET}/{EXPERTS}"),
        trained_run(params, f"coupling/{DATASET}/{EXPERTS}"),
    )


def _inside(params: Params) -> pd.DataFrame:
    plain, outside, experts, inside = _runs(params)
    name = params.names[FUSION]
    of_experts = f"{params.names[EXPERTS]} of {name}"
    found = [
        line(params, plain, FUSION),
        *_weighted(params, outside, FUSION, name),
        line(params, experts, FUSION, row=EXPERTS, name=of_experts),
        *_weighted(params, inside, EXPERTS, of_experts),
    ]
    block = block_of([row.run for row in found])
    notes = joined_notes(
        tested_note(params, plain, found[0].predictions),
        block.notes,
        *WEIGHT_NOTES,
        *left_out(params, [outside, inside]),
    )
    return frame(replace(block, notes=notes), weighted_entries(params, found))


def _weighted(params: Params, run: Run, start: str, name: str) -> list[Line]:
    return [
        replace(
            row,
            row=f"{start}_{row.method}",
            name=f"{name}, {row.name}",
            reference=start,
        )
        for row in lines(params, run, WEIGHTED)
    ]


def weighted_entries(params: Params, found: Sequence[Line]) -> list[Entry]:
    """Metrics, differences to the unweighted models, and differences of those.

    Rows are `concat_transformer` and `i2moe`, alone and followed by a method.

    Raises:
        ValueError: samples, labels or seeds of two rows differ.
    """
    for row in found:
        refuse_unpaired(row.predictions, found[0].predictions)
    drawn = resampled_rows(found, params.statistics)
    headline = found[0].run.score.headline.name
    entries = [
        replace(entry, remark=row.remark, alpha=row.alpha)
        for row in found
        for entry in metrics_of(row, drawn[row.row], params.statistics)
        if entry.metric == headline
    ]
    effects = {
        row.row: drawn[row.row].scores[headline] - drawn[row.reference].scores[headline]
        for row in found
        if row.reference
    }
    names = {row.row: row.name for row in found}
    tested = _tested(params, names, effects, headline)
    return [*entries, *_answered(holm_adjusted(tested), headline)]


def _tested(
    params: Params,
    names: Mapping[str, str],
    effects: Mapping[str, Resampled],
    headline: str,
) -> list[Entry]:
    """What weights change in each row, and by how much more inside experts."""
    statistics = params.statistics
    own, between = (difference_metric(headline, a) for a in (UNWEIGHTED, OUTSIDE))
    found = [
        tested_difference(statistics, row, names[row], own, effect)
        for row, effect in effects.items()
    ]
    for method in WEIGHTED:
        inside, outside = f"{EXPERTS}_{method}", f"{FUSION}_{method}"
        if inside in effects and outside in effects:
            row, name = _between(params, method)
            gap = effects[inside] - effects[outside]
            found.append(tested_difference(statistics, row, name, between, gap))
    return found


def _between(params: Params, method: str) -> tuple[str, str]:
    """Code and name of the row of a difference of differences."""
    code = CONTROL if method == "oracle" else method
    row = f"{INSIDE}_{code}_{MINUS}_{OUTSIDE}_{code}"
    return row, f"{params.names[method]}: inside experts minus without"


def _answered(tested: Sequence[Entry], headline: str) -> Iterator[Entry]:
    known = {entry.row: entry for entry in tested}
    for entry in tested:
        if entry.metric != difference_metric(headline, OUTSIDE):
            yield entry
            continue
        code = entry.row.rpartition(f"{OUTSIDE}_")[2]
        method = "oracle" if code == CONTROL else code
        pair = known[f"{FUSION}_{method}"], known[f"{EXPERTS}_{method}"]
        yield replace(entry, remark=answer(*pair, entry))


def answer(outside: Entry, inside: Entry, between: Entry) -> str:
    """Whether experts undo what weights change, from three tested differences.

    >>> seen = Entry("a", "a", "mae_vs_unweighted", mean=0.1, p_holm=0.01)
    >>> unseen = replace(seen, mean=0.01, p_holm=0.9)
    >>> answer(seen, unseen, replace(seen, mean=-0.09))
    'undone'
    >>> narrow = replace(unseen, lower=-0.02, upper=0.04)
    >>> answer(seen, seen, narrow), answer(seen, seen, replace(narrow, lower=-0.2))
    ('not undone', 'no undoing seen')
    """
    found = (outside, inside, between)
    if any(entry.p_holm is None for entry in found):
        return "not tested"
    before, after, change = (_sign(entry) for entry in found)
    if before == 0:
        return "seen inside alone" if after else "no change seen"
    if change == -before:
        return {before: "undone in part", 0: "undone"}.get(after, "turned round")
    if after != before:
        return "undecided"
    if change == before:
        return "more inside"
    return "not undone" if _is_some_left(outside, between) else "no undoing seen"


def _is_some_left(outside: Entry, between: Entry) -> bool:
    """Whether the interval of a gap leaves out that all of a change is undone."""
    if outside.mean is None or between.lower is None or between.upper is None:
        return False
    return not between.lower <= -outside.mean <= between.upper


def _sign(entry: Entry) -> int:
    """1 or -1 of a difference that is seen, else 0."""
    if entry.mean is None or entry.p_holm is None or entry.p_holm >= SIGNIFICANT:
        return 0
    return 1 if entry.mean > 0 else -1
