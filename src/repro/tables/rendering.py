"""Rows as Markdown and LaTeX: one section per block, ours first, then the printed."""

import re

import pandas as pd

from repro.tables.rows import NOTE_SEPARATOR

TITLES = {
    "table3": "Table 3. Sentiment regression",
    "table6": "Table 6. Smoothing factor",
    "table10": "Table 10. Time",
    "attribution": "Attribution. What each shortcut is worth",
    "noise": "Noise. Added modalities that carry nothing",
    "hyperparameters": "Hyper-parameters of the MoE",
}
LABELS = {
    "mae": "MAE ↓",
    "corr": "Corr ↑",
    "acc7": "Acc-7 ↑",
    "acc5": "Acc-5 ↑",
    "acc2_has0": "Acc-2 has0 ↑",
    "acc2_non0": "Acc-2 non0 ↑",
    "f1_has0": "F1 has0 ↑",
    "f1_non0": "F1 non0 ↑",
    "mae_vs_moe": "MAE minus MoE [interval], Holm p",
    "main_training_s": "main training (s)",
    "total_s": "total (s)",
    "peak_memory_mib": "peak memory (MiB)",
}
METHOD_LABELS = {
    "moe": "MoE",
    "averaged_instance": "BTW-global (KL)",
    "modality": "BTW-global (MI)",
    "instance": "BTW-local (KL)",
    "bi_level": "BTW",
    "uniform": "uniform",
}
SUFFIX_LABELS = {
    "_mae": "MAE ↓",
    "_gain": "gain ↑ [interval], Holm p",
    "_noise_share": "noise share",
}
OVERHEAD = "_overhead_s"  # after the name of a modality
SIGNIFICANT = 0.05
INTERVAL = (
    "[interval]: over test groups (videos), for these trained models; the noise of "
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
        sections += [f"## {block_title(block)}", markdown_table(ours(block))]
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
        floats.append(latex_table(ours(block), caption, f"{table}:{key}"))
        beside = printed(block)
        if not beside.empty:
            caption = f"{heading}. {printed_title(block)}."
            floats.append(latex_table(beside, caption, f"{table}:{key}:printed"))
    return "\n".join(floats)


def block_title(block: pd.DataFrame) -> str:
    """Data set, whether simulated, modalities, seeds, protocol."""
    first = block.iloc[0]
    kind = "simulated data" if first["simulated"] else f"{first['source']} files"
    seeds = block["n"].max()
    count = "" if pd.isna(seeds) else f"; n = {seeds}"
    return (
        f"{first['dataset'].upper()}, {kind} ({first['modalities']}{count}; "
        f"protocol {first['protocol'].replace('_', ' ')})"
    )


def printed_title(block: pd.DataFrame) -> str:
    """Heading of the printed numbers; on simulated data they are no comparison."""
    if block.iloc[0]["simulated"]:
        return "Printed in the paper, on real data; not to be compared with the above"
    return "Printed in the paper (ours minus printed; verdict)"


def notes(block: pd.DataFrame) -> list[str]:
    """Notes of the block, the conditions that fail, and what the mark means."""
    first = block.iloc[0]
    found = [note for note in first["notes"].split(NOTE_SEPARATOR) if note]
    for condition, rows in block[block["condition"] != ""].groupby("condition"):
        names = ", ".join(dict.fromkeys(rows["name"]))
        found.append(f"not comparable with the paper ({names}): {condition}")
    if block["lower"].notna().any():
        found.append(INTERVAL)
    if block["p_holm"].notna().any():
        found.append(
            f"* = differs from the MoE, Holm-adjusted p < {SIGNIFICANT} within "
            "this table and data set, paired bootstrap over groups"
        )
    return found


def ours(block: pd.DataFrame) -> pd.DataFrame:
    """Methods by metrics, each cell as text; empty where a number is undefined."""
    block = block[block["mean"].notna()]
    return _wide(block, [_own_text(row) for row in block.to_dict("records")])


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


def metric_label(metric: str) -> str:
    """Column heading of a metric.

    >>> metric_label("text_overhead_s"), metric_label("instance_gain")
    ('text (s)', 'BTW-local (KL) gain ↑ [interval], Holm p')
    """
    if metric in LABELS:
        return LABELS[metric]
    if metric.endswith(OVERHEAD):
        return f"{metric.removesuffix(OVERHEAD)} (s)"
    for suffix, label in SUFFIX_LABELS.items():
        method = metric.removesuffix(suffix)
        if method != metric and method in METHOD_LABELS:
            return f"{METHOD_LABELS[method]} {label}"
    raise ValueError(f"metric {metric!r} has no label; add it to rendering.LABELS")


def _wide(block: pd.DataFrame, texts: list[str]) -> pd.DataFrame:
    """One line per row, one column per metric, in order of first appearance."""
    lines: dict[str, dict[str, str]] = {}
    has_alpha = block["alpha"].notna().any()
    for (_, row), text in zip(block.iterrows(), texts, strict=True):
        name = ", ".join(part for part in (row["name"], row["remark"]) if part)
        line = lines.setdefault(row["row"], {"method": name})
        if has_alpha:
            line["alpha"] = "" if pd.isna(row["alpha"]) else f"{row['alpha']:g}"
        line[row["metric"]] = text
    wide = pd.DataFrame(list(lines.values())).fillna("")
    known = [metric for metric in LABELS if metric in wide]
    others = [column for column in wide if column not in known]
    labels = {m: metric_label(m) for m in wide if m not in ("method", "alpha")}
    return wide[[*others, *known]].rename(columns=labels)


def _own_text(row: dict) -> str:  # type: ignore[type-arg]
    digits = _digits(row["metric"])
    signed = "+" if pd.notna(row["lower"]) else ""
    text = f"{row['mean']:{signed}.{digits}f}"
    if pd.notna(row["sd"]):
        text += f" ± {row['sd']:.{digits}f}"
    if pd.notna(row["lower"]):
        text += f" [{row['lower']:+.{digits}f}, {row['upper']:+.{digits}f}]"
    if pd.notna(row["p_holm"]):
        mark = "*" if row["p_holm"] < SIGNIFICANT else ""
        text += f", {row['p_holm']:.3f}{mark}"
    return text


def _printed_text(row: dict) -> str:  # type: ignore[type-arg]
    digits = _digits(row["metric"])
    text = f"{row['published_mean']:.{digits}f}"
    if pd.notna(row["published_sd"]):
        text += f" ± {row['published_sd']:.{digits}f}"
    if pd.notna(row["difference"]):
        text += f" ({row['difference']:+.{digits}f}; {row['verdict']})"
    return text


def _digits(metric: str) -> int:
    if metric.endswith(("_s", "_mib")):
        return 1
    return 2 if metric.startswith(("acc", "f1")) else 3


def _plain(note: str) -> str:
    """A note whose stars do not start Markdown emphasis."""
    return note.replace("*", r"\*")


def _escaped(text: str) -> str:
    return re.sub(r"([&%$#_{}])", r"\\\1", text).replace("<", "$<$")
