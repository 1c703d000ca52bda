"""Rows as Markdown and LaTeX: one section per block, ours first, then the printed."""

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from repro.metrics.scores import SCORES
from repro.params import Params
from repro.tables.labels import (
    DIFFERS_FROM,
    HOLM_P,
    INTERVAL,
    TESTED,
    VERSUS,
    is_detail,
    is_difference,
    metric_label,
    rank,
)
from repro.tables.rows import NOTE_SEPARATOR, PRINTED_ALONE, told_apart
from repro.tables.texts import SIGNIFICANT, own_text, printed_text

BOTH_DRAWN = (
    "[interval]: {level:g} %, seeds and test groups ({groups}) both drawn, for each "
    "difference by itself"
)
SEED_SE = "seed SE: sd over seeds of the difference, by the root of their number"
ONE_SEED = "not tested: one seed (differences without an interval)"
JUDGED = ("reproduced", "higher", "lower")
VERDICT = (
    "verdict: reproduced = within two standard errors over seeds plus half a printed "
    "digit, higher or lower = outside; a standard deviation that is not printed counts "
    "as zero"
)
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_STARRED = re.compile(r"[\d\s.±+-]+\*")  # a number whose star means something
_SIGNS = {  # of LaTeX; the others take a backslash
    "<": "$<$",
    ">": "$>$",
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
}
_BRACKET = re.compile(r"^(\s*)\[", re.MULTILINE)  # after \\ it would be an option
LATEX = (
    ("±", r"$\pm$"),
    ("↓", r"$\downarrow$"),
    ("↑", r"$\uparrow$"),
)


def markdown(title: str, rows: pd.DataFrame, params: Params) -> str:
    """The whole table as Markdown, one section per block."""
    sections = [f"# {plain(title)}"]
    for _, block in rows.groupby("block", sort=False):
        sections.append(f"## {plain(block_title(block, params))}")
        sections += [markdown_table(part) for part in ours(block, params)]
        beside = printed(block, params)
        if not beside.empty:
            sections += [f"{printed_title(block)}:", markdown_table(beside)]
        told = notes(block, params)
        sections.append("\n".join(f"- {plain(note)}" for note in told))
    return "\n\n".join(sections) + "\n"


def latex(name: str, title: str, rows: pd.DataFrame, params: Params) -> str:
    """The whole table as LaTeX floats, for a document with booktabs."""
    floats = []
    for key, block in rows.groupby("block", sort=False):
        heading = f"{title}. {block_title(block, params)}"
        caption = f"{heading}. {'. '.join(notes(block, params))}."
        parts = ours(block, params) or [pd.DataFrame({"": ["nothing is told"]})]
        floats.append(latex_table(parts[0], caption, f"{name}:{key}"))
        for number, part in enumerate(parts[1:], 1):
            more = f"{heading}. More metrics."
            floats.append(latex_table(part, more, f"{name}:{key}:more{number}"))
        beside = printed(block, params)
        if not beside.empty:
            caption = f"{heading}. {printed_title(block)}."
            floats.append(latex_table(beside, caption, f"{name}:{key}:printed"))
    return "\n".join(floats)


def block_title(block: pd.DataFrame, params: Params) -> str:
    """Data set, simulated or not, modalities, seeds, test samples, protocol, preset."""
    first = block.iloc[0]
    kind = "simulated data" if first["simulated"] else f"{first['source']} files"
    if first["source"] == PRINTED_ALONE:
        kind = PRINTED_ALONE
    seeds, protocol = block["n"].max(), first["protocol"].replace("_", " ")
    facts = [first["modalities"]]
    if pd.notna(seeds):
        facts += [f"{seeds} {'seed' if seeds == 1 else 'seeds'}"]
    facts += [*_tested_notes(block), *([f"protocol {protocol}"] if protocol else [])]
    facts += [told for told in told_apart(first["block"]) if told[:7] == "preset "]
    return f"{dataset_title(first['dataset'], params)}, {kind} ({'; '.join(facts)})"


def dataset_title(dataset: str, params: Params) -> str:
    """Title of a data set; its name where params.yaml knows it no longer."""
    known = params.datasets.every().get(dataset)
    return dataset.replace("_", " ") if known is None else known.title


def printed_title(block: pd.DataFrame) -> str:
    """Heading of the printed numbers; on simulated data they are no comparison."""
    if block.iloc[0]["simulated"]:
        return "Printed in the paper, on real data; not to be compared with the above"
    if block.iloc[0]["source"] == PRINTED_ALONE:
        return "Printed in the paper"
    return "Printed in the paper (ours minus printed; verdict)"


def notes(block: pd.DataFrame, params: Params) -> list[str]:
    """Notes of the block, the conditions that fail, and what numbers and marks mean."""
    found = [note for note in _stored_notes(block) if not TESTED.fullmatch(note)]
    shown = set(block["metric"])
    known = params.datasets.every().get(block.iloc[0]["dataset"])
    scores = SCORES.values() if known is None else [SCORES[known.task]]
    found += filter(None, (score.notes(shown) for score in scores))
    if block["sd"].notna().any():
        found.append("± sd over seeds")
    if block.loc[block["sd"].notna(), "verdict"].isin(JUDGED).any():
        found.append(VERDICT)
    for condition, rows in block[block["condition"] != ""].groupby("condition"):
        names = ", ".join(dict.fromkeys(rows["name"]))
        found.append(f"not comparable with the paper ({names}): {condition}")
    if block["lower"].notna().any():
        groups = "groups" if known is None else known.groups
        level = 100 * params.statistics.confidence
        found.append(BOTH_DRAWN.format(level=level, groups=groups))
    if block["se_seeds"].notna().any():
        found.append(SEED_SE)
    own = block[block["mean"].notna()]
    if (own["metric"].map(is_difference).astype(bool) & own["lower"].isna()).any():
        found.append(ONE_SEED)
    tested = block.loc[block["p_holm"].notna(), "metric"]
    if not tested.empty:
        against = dict.fromkeys(_compared_with(metric, params) for metric in tested)
        other = next(iter(against)) if len(against) == 1 else "what its column names"
        found.append(
            f"* = differs from {other}, Holm-adjusted "
            f"p < {SIGNIFICANT} over all tested differences of this table and data "
            "set, paired bootstrap over seeds and groups"
        )
    return found


def _compared_with(metric: str, params: Params) -> str:
    against = metric.partition(VERSUS)[2] or "moe"  # gains are over the MoE
    return DIFFERS_FROM.get(against) or params.names.get(against, against)


def ours(block: pd.DataFrame, params: Params) -> list[pd.DataFrame]:
    """Methods by metrics, each cell as text; empty where a number is undefined."""
    return [
        _wide(part, [own_text(row) for row in part.to_dict("records")], params)
        for part in parts(block[block["mean"].notna()])
    ]


def parts(block: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of each table that a block takes.

    The first table has the main metrics; others, if there are any, have details and,
    where methods are tested in several metrics, the differences.
    """
    detail = block["metric"].map(is_detail).astype(bool)
    apart = block["metric"].str.contains(VERSUS, regex=False)
    apart &= block.loc[apart, "metric"].nunique() > 1
    every = [block[~detail & ~apart], block[detail], block[apart]]
    return [part for part in every if not part.empty]


def printed(block: pd.DataFrame, params: Params) -> pd.DataFrame:
    """The printed numbers in the same layout, with difference and verdict if any."""
    block = block[block["published_mean"].notna()]
    texts = [printed_text(row) for row in block.to_dict("records")]
    # Alpha, remarks ("not converged") and tests are about our runs alone.
    unknown = dict.fromkeys(("alpha", "lower", "p_holm"), float("nan"))
    return _wide(block.assign(**unknown, remark=""), texts, params)


def markdown_table(rows: pd.DataFrame) -> str:
    """A frame of texts as a Markdown table."""
    shown = rows.map(lambda cell: plain(cell) if isinstance(cell, str) else cell)
    shown.columns = [plain(str(name)) for name in rows.columns]
    return shown.to_markdown(index=False, disable_numparse=True)


def latex_table(rows: pd.DataFrame, caption: str, label: str) -> str:
    """A frame of texts as a LaTeX float with horizontal rules."""
    style = rows.style.hide(axis="index")
    style = style.format(escape="latex").format_index(axis="columns", escape="latex")
    text = style.to_latex(
        hrules=True,
        caption=_escaped(caption),
        label=f"tab:{label}",
        position_float="centering",
        column_format="l" + "r" * (rows.shape[1] - 1),
    )
    text = _BRACKET.sub(r"\1{[}", text)
    for symbol, command in LATEX:
        text = text.replace(symbol, command)
    return text


def _wide(block: pd.DataFrame, texts: list[str], params: Params) -> pd.DataFrame:
    """One line per row, one column per metric, in the order of their ranks."""
    heading = row_heading(block)
    lines: dict[str, dict[str, str]] = {}
    has_alpha = block["alpha"].notna().any()
    for (_, row), text in zip(block.iterrows(), texts, strict=True):
        line = lines.setdefault(row["row"], {heading: shown_name(row)})
        if has_alpha:
            line["alpha"] = "" if pd.isna(row["alpha"]) else f"{row['alpha']:g}"
        line[row["metric"]] = text
    wide = pd.DataFrame(list(lines.values())).fillna("")
    first = [name for name in (heading, "alpha") if name in wide]
    metrics = sorted((name for name in wide if name not in first), key=rank)
    labels = {metric: column_label(block, metric, params) for metric in metrics}
    return wide[[*first, *metrics]].rename(columns=labels)


def row_heading(block: pd.DataFrame) -> str:
    """Heading of the names of rows."""
    return "length of stay" if (block["metric"] == "stays").any() else "method"


def shown_name(row: Mapping[str, Any] | pd.Series) -> str:
    """Name of a row and what is remarked on it."""
    return ", ".join(part for part in (row["name"], row["remark"]) if part)


def column_label(block: pd.DataFrame, metric: str, params: Params) -> str:
    """Column heading of a metric, without what its differences do not have."""
    known = params.datasets.every().get(block.iloc[0]["dataset"])
    label = metric_label(metric, params.names, known.classes if known else ())
    rows = block[block["metric"] == metric]
    if is_difference(metric) and rows["p_holm"].isna().all():
        label = label.removesuffix(HOLM_P)
    if is_difference(metric) and rows["lower"].isna().all():
        label = label.removesuffix(INTERVAL)
    return label


def _stored_notes(block: pd.DataFrame) -> list[str]:
    return [note for note in block.iloc[0]["notes"].split(NOTE_SEPARATOR) if note]


def _tested_notes(block: pd.DataFrame) -> list[str]:
    return [note for note in _stored_notes(block) if TESTED.fullmatch(note)]


def plain(text: str) -> str:
    """Text that Markdown shows as it is: no emphasis, cell, code, link or tag.

    >>> plain("a|b <i>c</i>"), plain("0.31 ± 0.02*")
    ('a\\\\|b &lt;i>c&lt;/i>', '0.31 ± 0.02*')
    """
    if _STARRED.fullmatch(text):
        return text
    text = re.sub(r"[\\`|*]", r"\\\g<0>", " ".join(text.split()))
    return _TAG.sub("&lt;", text).replace("](", r"]\(")


def _escaped(text: str) -> str:
    """Text that LaTeX shows as it is."""
    return re.sub(r"[&%$#_{}<>\\^~]", lambda m: _SIGNS.get(m[0], rf"\{m[0]}"), text)
