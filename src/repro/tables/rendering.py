"""Rows as Markdown and LaTeX: one section per block, ours first, then the printed."""

import re

import pandas as pd

from repro.results.titles import COHORTS, dataset_title
from repro.tables.labels import (
    AGAINST_FUSEMOE,
    AGAINST_UNWEIGHTED,
    DETAILS,
    HOLM_P,
    LABELS,
    TESTED,
    TITLES,
    digits,
    metric_label,
)
from repro.tables.rows import NOTE_SEPARATOR

SIGNIFICANT = 0.05
AGAINST = {AGAINST_FUSEMOE: "FuseMoE", AGAINST_UNWEIGHTED: "its unweighted fusion"}
INTERVAL = (
    "[interval]: over test groups ({groups}), for these trained models; the noise of "
    "training itself (another seed, another run) is not in it, the sd over seeds hints "
    "at it"
)
LATEX = (
    ("±", r"$\pm$"),
    ("↓", r"$\downarrow$"),
    ("↑", r"$\uparrow$"),
)


def markdown(table: str, rows: pd.DataFrame) -> str:
    """The whole table as Markdown, one section per block."""
    sections = [f"# {TITLES[table]}"]
    for _, block in rows.groupby("block", sort=False):
        sections.append(f"## {block_title(block)}")
        sections += [markdown_table(part) for part in ours(block)]
        beside = printed(block)
        if not beside.empty:
            sections += [f"{printed_title(block)}:", markdown_table(beside)]
        sections.append("\n".join(f"- {_plain(note)}" for note in notes(block)))
    return "\n\n".join(sections) + "\n"


def latex(table: str, rows: pd.DataFrame) -> str:
    """The whole table as LaTeX floats, for a document with booktabs."""
    floats = []
    for key, block in rows.groupby("block", sort=False):
        heading = f"{TITLES[table]}. {block_title(block)}"
        caption = f"{heading}. {'. '.join(notes(block))}."
        main, *details = ours(block)
        floats.append(latex_table(main, caption, f"{table}:{key}"))
        for part in details:
            more = f"{heading}. More metrics."
            floats.append(latex_table(part, more, f"{table}:{key}:more"))
        beside = printed(block)
        if not beside.empty:
            caption = f"{heading}. {printed_title(block)}."
            floats.append(latex_table(beside, caption, f"{table}:{key}:printed"))
    return "\n".join(floats)


def block_title(block: pd.DataFrame) -> str:
    """Data set, whether simulated, modalities, seeds, test stays, protocol."""
    first = block.iloc[0]
    kind = "simulated data" if first["simulated"] else f"{first['source']} files"
    seeds, protocol = block["n"].max(), first["protocol"].replace("_", " ")
    facts = [first["modalities"]]
    if pd.notna(seeds) and first["dataset"] in COHORTS:
        facts += [f"{seeds} {'seed' if seeds == 1 else 'seeds'}"]
    elif pd.notna(seeds):
        facts += [f"n = {seeds}"]
    facts += [note for note in _stored_notes(block) if TESTED.fullmatch(note)]
    facts += [f"protocol {protocol}"] if protocol else []
    return f"{dataset_title(first['dataset'])}, {kind} ({'; '.join(facts)})"


def printed_title(block: pd.DataFrame) -> str:
    """Heading of the printed numbers; on simulated data they are no comparison."""
    if block.iloc[0]["simulated"]:
        return "Printed in the paper, on real data; not to be compared with the above"
    return "Printed in the paper (ours minus printed; verdict)"


def notes(block: pd.DataFrame) -> list[str]:
    """Notes of the block, the conditions that fail, and what the mark means."""
    first = block.iloc[0]
    found = [note for note in _stored_notes(block) if not TESTED.fullmatch(note)]
    for condition, rows in block[block["condition"] != ""].groupby("condition"):
        names = ", ".join(dict.fromkeys(rows["name"]))
        found.append(f"not comparable with the paper ({names}): {condition}")
    if block["lower"].notna().any():
        groups = "patients" if first["dataset"] in COHORTS else "videos"
        found.append(INTERVAL.format(groups=groups))
    tested = block[block["p_holm"].notna()]
    if not tested.empty:
        metrics = tested["metric"]
        against = next(
            (who for m, who in AGAINST.items() if m in set(metrics)), "the MoE"
        )
        found.append(
            f"* = differs from {against}, Holm-adjusted p < {SIGNIFICANT} within "
            "this table and data set, paired bootstrap over groups"
        )
    return found


def ours(block: pd.DataFrame) -> list[pd.DataFrame]:
    """Methods by metrics, each cell as text; empty where a number is undefined.

    The first table has the main metrics, a second one, if there are any, the rest.
    """
    block = block[block["mean"].notna()]
    is_detail = block["metric"].isin(DETAILS)
    parts = [block[~is_detail], block[is_detail]]
    return [
        _wide(part, [_own_text(row) for row in part.to_dict("records")])
        for part in parts
        if not part.empty
    ]


def printed(block: pd.DataFrame) -> pd.DataFrame:
    """The printed numbers in the same layout, with difference and verdict if any."""
    block = block[block["published_mean"].notna()]
    texts = [_printed_text(row) for row in block.to_dict("records")]
    # Alpha and remarks ("not converged") are about our runs, not the printed ones.
    return _wide(block.assign(alpha=float("nan"), remark=""), texts)


def markdown_table(rows: pd.DataFrame) -> str:
    """A frame of texts as a Markdown table."""
    return rows.to_markdown(index=False, disable_numparse=True)


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
    for symbol, command in LATEX:
        text = text.replace(symbol, command)
    return text


def _wide(block: pd.DataFrame, texts: list[str]) -> pd.DataFrame:
    """One line per row, one column per metric, in order of first appearance."""
    heading = "length of stay" if (block["metric"] == "stays").any() else "method"
    lines: dict[str, dict[str, str]] = {}
    has_alpha = block["alpha"].notna().any()
    for (_, row), text in zip(block.iterrows(), texts, strict=True):
        name = ", ".join(part for part in (row["name"], row["remark"]) if part)
        line = lines.setdefault(row["row"], {heading: name})
        if has_alpha:
            line["alpha"] = "" if pd.isna(row["alpha"]) else f"{row['alpha']:g}"
        line[row["metric"]] = text
    wide = pd.DataFrame(list(lines.values())).fillna("")
    known = [metric for metric in LABELS if metric in wide]
    others = [column for column in wide if column not in known]
    labels = {m: _label(block, m) for m in wide if m not in (heading, "alpha")}
    return wide[[*others, *known]].rename(columns=labels)


def _label(block: pd.DataFrame, metric: str) -> str:
    """Column heading of a metric, without the p of differences that have none."""
    label = metric_label(metric)
    tested = block.loc[block["metric"] == metric, "p_holm"].notna().any()
    if metric == AGAINST_FUSEMOE and not tested:
        return label.removesuffix(HOLM_P)
    return label


def _own_text(row: dict) -> str:  # type: ignore[type-arg]
    shown = digits(row["metric"])
    # A difference has a p, unless the stays are too few for one.
    is_difference = pd.notna(row["p"]) or row["metric"] == AGAINST_FUSEMOE
    signed = "+" if is_difference else ""
    text = f"{row['mean']:{signed}.{shown}f}"
    if pd.notna(row["sd"]):
        text += f" ± {row['sd']:.{shown}f}"
    if pd.notna(row["lower"]):
        lower, upper = (f"{row[k]:{signed}.{shown}f}" for k in ("lower", "upper"))
        text += f" [{lower}, {upper}]"
    if pd.notna(row["p_holm"]):
        mark = "*" if row["p_holm"] < SIGNIFICANT else ""
        text += f", {row['p_holm']:.3f}{mark}"
    return text


def _printed_text(row: dict) -> str:  # type: ignore[type-arg]
    shown = digits(row["metric"])
    text = f"{row['published_mean']:.{shown}f}"
    if pd.notna(row["published_sd"]):
        text += f" ± {row['published_sd']:.{shown}f}"
    if pd.notna(row["difference"]):
        text += f" ({row['difference']:+.{shown}f}; {row['verdict']})"
    return text


def _stored_notes(block: pd.DataFrame) -> list[str]:
    return [note for note in block.iloc[0]["notes"].split(NOTE_SEPARATOR) if note]


def _plain(note: str) -> str:
    """A note whose stars do not start Markdown emphasis."""
    return note.replace("*", r"\*")


def _escaped(text: str) -> str:
    return re.sub(r"([&%$#_{}])", r"\\\1", text).replace("<", "$<$").replace(">", "$>$")
