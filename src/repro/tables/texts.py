"""The numbers of a table as text: ours, the printed one and their difference."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from repro.results.verdict import printed_decimals
from repro.tables.labels import digits, is_difference

SIGNIFICANT = 0.05


def p_text(p: float) -> str:
    """A p value, never rounded to nothing.

    >>> p_text(0.0312), p_text(1e-7)
    ('0.031', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def own_text(row: Mapping[str, Any]) -> str:
    """Our number: mean, sd, interval, standard error and p, as far as there are any."""
    shown = digits(row["metric"])
    signed = "+" if is_difference(row["metric"]) else ""
    text = f"{row['mean']:{signed}.{shown}f}"
    if pd.notna(row["sd"]):
        text += f" ± {row['sd']:.{shown}f}"
    if pd.notna(row["lower"]):
        lower, upper = (f"{row[k]:{signed}.{shown}f}" for k in ("lower", "upper"))
        text += f" [{lower}, {upper}]"
    if pd.notna(row["se_seeds"]):
        text += f" {row['se_seeds']:.{shown}f}"
    if pd.notna(row["p_holm"]):
        mark = "*" if row["p_holm"] < SIGNIFICANT else ""
        text += f", {p_text(row['p_holm'])}{mark}"
    return text


def printed_number(row: Mapping[str, Any]) -> str:
    """The printed mean and sd, with as many digits as the paper gives."""
    shown, mean = digits(row["metric"]), row["published_mean"]
    sd = None if pd.isna(row["published_sd"]) else row["published_sd"]
    text = f"{mean:.{printed_decimals(shown, mean, sd)}f}"
    return text if sd is None else f"{text} ± {sd:.{shown}f}"


def difference_text(row: Mapping[str, Any]) -> str:
    """Ours minus the printed number."""
    return f"{row['difference']:+.{digits(row['metric'])}f}"


def printed_text(row: Mapping[str, Any]) -> str:
    """The printed number and, on real data, the difference with its verdict."""
    text = printed_number(row)
    if pd.isna(row["difference"]):
        return text
    return f"{text} ({difference_text(row)}; {row['verdict']})"
