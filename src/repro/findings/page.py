"""docs/results.md and the findings of the README, from metrics/*.json alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType

from repro import paths
from repro.findings.chosen import HEADLINES, OWN_CONTROLS, SILENT, Headline
from repro.findings.comparisons import Comparison, Tree, comparisons, row_name
from repro.findings.provenance import Provenance
from repro.findings.sentences import control_sentence, is_negative, sentence
from repro.params import Params
from repro.tables.labels import HOLM_P, INTERVAL, metric_label
from repro.tables.naming import table as named_table
from repro.tables.rendering import dataset_title, plain
from repro.tables.rows import is_simulated, told_apart

BEGIN, END = (
    "<!-- findings: written by dvc repro results -->",
    "<!-- end of findings -->",
)
INTRODUCTION = """\
# Results

Written by `dvc repro results` from `metrics/*.json`; every sentence has its numbers
from there, and an edit here is overwritten.

- **worse**, **better**: Holm-adjusted p below 0.05, over all tested differences of the
  table and data set; **higher**, **lower**: the same where neither is better. **No
  difference seen**: not below. **Not tested**: no claim.
- [interval]: {level:g} %, seeds and test groups both drawn, for each difference by
  itself. Seed SE: sd over seeds of the difference, by the root of their number.
- A control is the row whose weights are the planted reliability: 1 or 0, so that
  unreliable modalities are left out; of explanations, the exact posterior of what a
  row needs. Where it gains nothing, a table says nothing about any weighting.
- Seeds vary the training, not the training set: a sentence is about this draw of data.
- Simulated data test the method and the code; they say nothing about the printed
  numbers.
"""
NO_PROVENANCE = (
    "Not stated: no metrics/provenance/{block}.json says where these numbers come from."
)
NOTHING_KNOWN: Mapping[str, Provenance] = MappingProxyType({})
NO_FIGURES: Mapping[str, Sequence[str]] = MappingProxyType({})
FIGURES_HEAD = "## Figures of real data"
NO_CONTROL = "No oracle row: this table has no positive control."


def page(
    trees: Mapping[str, Tree],
    params: Params,
    known: Mapping[str, Provenance] = NOTHING_KNOWN,
    figures: Mapping[str, Sequence[str]] = NO_FIGURES,
) -> str:
    """The whole of docs/results.md; `trees` are the contents of metrics by table.

    Real data are stated with their provenance, which `known` has by block, or not.
    `figures` are the names of those of real data, by block.

    Raises:
        ValueError: a table is unknown or its numbers are incomplete.
    """
    level = 100 * params.statistics.confidence
    sections = [INTRODUCTION.format(level=level)]
    for table in sorted(set(trees) - SILENT, key=_place):
        for block in sorted(trees[table]):
            found = stated(table, block, trees[table], params, known)
            if found is not None:
                title = named_table(params, table).title
                head = f"## {plain(title)}. {plain(block_title(block, params))}"
                before = [f"{plain(line)}\n" for line in found.before]
                told = [f"- {plain(line)}" for line in found.sentences]
                sections.append("\n".join([head, "", *before, *told]) + "\n")
    if lines := [_figures_line(b, figures[b], params) for b in figures if b in known]:
        sections.append("\n".join([FIGURES_HEAD, "", *lines]) + "\n")
    return "\n".join(sections)


def _figures_line(block: str, names: Sequence[str], params: Params) -> str:
    places = [(name, paths.plot(name, "svg", block).as_posix()) for name in names]
    links = ", ".join(f"[{name}](../{place})" for name, place in places)
    return f"- {plain(block_title(block, params))}: {links}"


@dataclass(frozen=True)
class Stated:
    """What is said of a block of a table: what holds before, then the sentences."""

    before: Sequence[str]
    sentences: Sequence[str]


def stated(
    table: str,
    block: str,
    tree: Tree,
    params: Params,
    known: Mapping[str, Provenance] = NOTHING_KNOWN,
) -> Stated | None:
    """The sentences about a block of a table, as plain text; None where it tests none.

    Raises:
        ValueError: as for `page`.
    """
    found = comparisons(table, block, tree, params)
    if not found:
        return None
    before = []
    if not is_simulated(block):
        if block not in known:
            return Stated([NO_PROVENANCE.format(block=block)], [])
        before.append(f"Provenance: {known[block]}.")
        before += [known[block].remark] if known[block].remark else []
    if not any(c.is_control for c in found):
        row, says = OWN_CONTROLS.get(table, ("", ""))
        before.append(says if row in tree[block] else NO_CONTROL)
    return Stated(before, list(_sentences(found)))


def headlines(
    trees: Mapping[str, Tree],
    params: Params,
    wanted: Sequence[Headline] = HEADLINES,
    known: Mapping[str, Provenance] = NOTHING_KNOWN,
) -> str:
    """The findings of the README: one line each, a negative one with its control.

    Those of real data need their provenance.

    Raises:
        ValueError: as for `page`.
    """
    told = told_headlines(trees, params, wanted, known)
    return "\n".join([BEGIN, *(f"- {plain(line)}" for line in told), END])


def told_headlines(
    trees: Mapping[str, Tree],
    params: Params,
    wanted: Sequence[Headline] = HEADLINES,
    known: Mapping[str, Provenance] = NOTHING_KNOWN,
) -> list[str]:
    """The same findings as plain text."""
    shown = _shown(trees, known)
    return [line for one in wanted for line in _headline(one, shown, params)]


def _shown(
    trees: Mapping[str, Tree], known: Mapping[str, Provenance]
) -> dict[str, Tree]:
    return {
        table: {b: rows for b, rows in tree.items() if is_simulated(b) or b in known}
        for table, tree in trees.items()
    }


def with_headlines(text: str, block: str) -> str:
    """A README whose findings are replaced.

    Raises:
        ValueError: it does not have each marker once, in order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in after:
        raise ValueError(
            f"README.md: needs {BEGIN!r} and {END!r} once each, in this order; put "
            "them where the findings belong"
        )
    return f"{before}{block}{after}"


def block_title(block: str, params: Params) -> str:
    """Data set, simulated or real, protocol and preset where they are not the default.

    >>> from repro.params import load
    >>> block_title("mosi__simulated", load())
    'MOSI, simulated data'
    >>> block_title("mosi__mmsa__published", load())
    'MOSI, real data (mmsa files), protocol published'
    >>> block_title("mosi__mmsa__preset_paper", load())
    'MOSI, real data (mmsa files), preset paper'
    """
    dataset, source, *_ = block.split("__")
    kind = "simulated data" if is_simulated(block) else f"real data ({source} files)"
    return ", ".join([dataset_title(dataset, params), kind, *told_apart(block)])


def _sentences(found: Sequence[Comparison]) -> Iterator[str]:
    """Sentences of a block; those of a group are followed by their control."""
    has_control = any(c.is_control for c in found)
    for _, members in groupby(found, key=lambda c: c.group):
        group = list(members)
        controls = [c for c in group if c.is_control]
        claims = [c for c in group if not c.is_control]
        yield from (sentence(c) for c in claims)
        yield from (control_sentence(c) for c in controls)
        if has_control and not controls and any(map(is_negative, claims)):
            yield _no_control_in(group[0])


def _no_control_in(one: Comparison) -> str:
    """What stands where other groups of the block have a control."""
    return f"No control against {one.reference}: no oracle row there."


def _headline(
    wanted: Headline, trees: Mapping[str, Tree], params: Params
) -> Iterator[str]:
    tree = trees.get(wanted.table, {})
    own = (b for b in sorted(tree) if b.split("__")[0] == wanted.dataset)
    # Real data first, and of them what is not in the default preset.
    blocks = sorted(own, key=lambda b: (is_simulated(b), "__preset_" not in b))
    if wanted.real_first:
        real = [b for b in blocks if not is_simulated(b) and wanted.row in tree[b]]
        blocks = real or blocks
    if not blocks:
        yield f"{wanted.dataset}: {_without_metric(wanted, params)}"
    for block in blocks:
        found = comparisons(wanted.table, block, tree, params)
        where = f"{wanted.table}.{block}.{wanted.row}.{wanted.metric}"
        one = next((c for c in found if c.where == where), None)
        title = named_table(params, wanted.table).title
        start = f"{title}, {block_title(block, params)}: "
        if one is None:
            # A study of real data trains what it can afford.
            if is_simulated(block) or wanted.row in tree[block]:
                yield f"{start}{_without_metric(wanted, params)}"
            continue
        controls = [c for c in found if c.is_control and c.group == one.group]
        has_any = any(c.is_control for c in found)
        missing = _no_control_in(one) if has_any else NO_CONTROL
        more = [control_sentence(c) for c in controls] or [missing]
        more = more if is_negative(one) else []
        yield " ".join([f"{start}{sentence(one)}", *more])


def _without_metric(wanted: Headline, params: Params) -> str:
    name, title = (
        row_name(wanted.row, params),
        metric_label(wanted.metric, params.names),
    )
    return f"{name}: not tested (no metric {title.removesuffix(INTERVAL + HOLM_P)})."


def _place(table: str) -> tuple[str, int, str]:
    """Tables of a paper by their numbers, then the others."""
    paper, _, item = table.partition("_")
    number = item.removeprefix("table")
    return paper, int(number) if number.isdigit() else 1000, item
