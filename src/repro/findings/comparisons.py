"""Differences of metrics/*.json as comparisons of two named rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from repro.findings.chosen import (
    CONTROL,
    EVERY,
    EXCHANGED,
    KNOWN,
    MORE_CONTROLS,
    PLANTED,
    STATED,
    WORDS,
)
from repro.metrics.scores import SCORES, Metric, known_metric, metric_names
from repro.params import Params
from repro.tables.labels import GAIN, OWN, UNWEIGHTED, VERSUS, is_difference

MINUS = "_minus_"
OUTSIDE = "outside"  # without experts, of what weights change there and inside
# block -> row -> metric -> numbers
Tree = Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]


@dataclass(frozen=True)
class Comparison:
    """One difference of a table: what is set against what, in which metric.

    `numbers` are those of metrics/*.json, as the row minus its reference: a gain, which
    is stored the other way round, is turned. `group` holds what shares a metric, a
    reference and, of other fusions, a site, and so a positive control. What is a change
    is no difference of two models but of what the weights of one method, the subject,
    change in two places.
    """

    where: str
    metric: Metric
    subject: str
    reference: str
    numbers: Mapping[str, float]
    is_control: bool
    group: tuple[str, str, str]
    is_change: bool = False

    @property
    def is_lower_better(self) -> bool:
        """Whether a negative difference is an improvement."""
        return self.metric.lower_is_better


def comparisons(table: str, block: str, tree: Tree, params: Params) -> list[Comparison]:
    """The stated differences of a block of a table, by metric, then reference.

    Raises:
        ValueError: a difference is of no known metric.
    """
    chosen = STATED.get(table, EVERY)
    rows = tree[block]
    found = [
        _comparison(table, block, row, name, rows, params)
        for row in _ordered(rows, params)
        for name in sorted(rows[row])
        if is_difference(name) and (not chosen.rows or row in chosen.rows)
    ]
    kept = [c for c in found if not chosen.metrics or c.metric.name in chosen.metrics]
    places = metric_names()
    groups = list(dict.fromkeys(c.group for c in kept))
    return sorted(
        kept, key=lambda c: (places.index(c.metric.name), groups.index(c.group))
    )


def row_name(row: str, params: Params) -> str:
    """The code of a row in words, each part by the longest name that it has.

    >>> from repro.params import load
    >>> row_name("late_fusion_bi_level", load())
    'late fusion, BTW'
    >>> row_name("instance_03", load()), row_name("fusemoe_without_ecg", load())
    ('BTW-local (KL), alpha 0.3', 'FuseMoE, without ecg')
    """
    known = {**params.names, **WORDS, **_factors(params)}
    parts, words, plain = row.split("_"), list[str](), False
    while parts:
        ends = range(len(parts), 0, -1)
        end = next((k for k in ends if "_".join(parts[:k]) in known), 0)
        if end:
            words.append(known["_".join(parts[:end])])
        elif plain:
            words[-1] += f" {parts[0]}"
        else:
            words.append(parts[0])
        plain, parts = not end, parts[max(end, 1) :]
    return ", ".join(words)


def _comparison(
    table: str,
    block: str,
    row: str,
    name: str,
    rows: Mapping[str, Mapping[str, Mapping[str, float]]],
    params: Params,
) -> Comparison:
    where, numbers = f"{table}.{block}.{row}.{name}", rows[row][name]
    place = ""
    if name.endswith(GAIN):
        method = name.removesuffix(GAIN)
        metric = next(
            (m for m in _headlines() if f"{method}_{m.name}" in rows[row]), None
        )
        subject, numbers = _gaining(method, row, params), _turned(numbers)
        reference, key = "its MoE", row
        is_control = method == CONTROL
    else:
        headline, _, against = name.partition(VERSUS)
        metric = known_metric(headline)
        key = _reference(row, against, rows)
        reference = row_name(key, params) if key else "its unweighted fusion"
        subject, is_control = row_name(row, params), _is_control(table, row)
        place = _without_method(row, params) if against == UNWEIGHTED else ""
        if against == OUTSIDE and MINUS in row:
            code = row.rpartition(f"{MINUS}{OUTSIDE}_")[2]
            subject, reference, key = row_name(code, params), against, against
            is_control = code == PLANTED
        elif MINUS in row:  # the code names both
            code, _, key = row.partition(MINUS)
            subject, reference = row_name(code, params), row_name(key, params)
    if metric is None:
        raise ValueError(
            f"metrics/{table}.json: {where}: difference of no known metric; add it to "
            "repro.metrics.scores"
        )
    return Comparison(
        where=where,
        metric=metric,
        subject=subject,
        reference=reference,
        numbers=numbers,
        is_control=is_control,
        group=(metric.name, key, place),
        is_change=key == OUTSIDE,
    )


def _turned(gain: Mapping[str, float]) -> dict[str, float]:
    """MoE minus method as method minus MoE, so that all differences read alike.

    >>> _turned({"mean": 0.25, "lower": -0.5, "upper": 1.0, "n": 3})
    {'mean': -0.25, 'lower': -1.0, 'upper': 0.5, 'n': 3}
    """
    ends = {"mean": "mean", "lower": "upper", "upper": "lower"}
    known = {name: gain[own] for name, own in ends.items() if own in gain}
    # Damaged numbers may be null; whoever reads them says so.
    return {**gain, **{n: v if v is None else -v for n, v in known.items()}}


def _gaining(method: str, row: str, params: Params) -> str:
    start, _, percent = row.partition("_")
    if start != EXCHANGED:
        return f"{row_name(method, params)} ({row.replace('_', ' ')})"
    name = KNOWN if method == CONTROL else row_name(method, params)
    return f"{name} ({percent} % of each modality exchanged)"


def _is_control(table: str, row: str) -> bool:
    return CONTROL in row.split("_") or row in MORE_CONTROLS.get(table, ())


def _without_method(row: str, params: Params) -> str:
    """What a row of another fusion or site starts with, before its method.

    >>> from repro.params import load
    >>> _without_method("late_fusion_embedding_bi_level", load())
    'late_fusion_embedding'
    """
    ends = [name for name in params.names if row.endswith(f"_{name}")]
    return row.removesuffix(f"_{max(ends, key=len)}") if ends else row


def _headlines() -> Iterator[Metric]:
    return (score.headline for score in SCORES.values())


def _reference(row: str, against: str, rows: Mapping[str, object]) -> str:
    """The row that one is set against; empty where the block does not hold it.

    Against its own unweighted fusion: the row whose code it starts with. Else the row
    of that name that ends alike: bi_level_zero against fusemoe_zero.
    """
    parts = row.split("_")
    starts = ["_".join(parts[:k]) for k in range(len(parts) - 1, 0, -1)]
    ends = ["_".join([against, *parts[k:]]) for k in range(1, len(parts) + 1)]
    wanted = starts if against in OWN else ends
    found = next((name for name in wanted if name in rows and name != row), "")
    return found or ("" if against in OWN else against)


def _ordered(rows: Mapping[str, object], params: Params) -> Sequence[str]:
    """Rows in the order of params.yaml: names, then what they start with."""
    codes = list(params.names)

    def place(row: str) -> tuple[int, str]:
        starts = [k for k, code in enumerate(codes) if f"{row}_".startswith(f"{code}_")]
        longest = max(starts, key=lambda k: len(codes[k]), default=len(codes))
        return longest, row

    return sorted(rows, key=place)


def _factors(params: Params) -> dict[str, str]:
    """Smoothing factors by the ends of their rows: 03 is alpha 0.3."""
    pinned = {a: r.alpha for a, r in params.recipes.items() if r.alpha is not None}
    return {
        address.rpartition("/alpha_")[2]: f"alpha {alpha:g}"
        for address, alpha in pinned.items()
        if "/alpha_" in address
    }
