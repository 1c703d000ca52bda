"""A table's files: new blocks replace their own rows and leave the others alone."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from repro import paths
from repro.files import write_csv, write_json, write_text
from repro.params import Params
from repro.tables.rendering import (
    latex,
    latex_table,
    markdown,
    markdown_table,
    plain,
)
from repro.tables.rows import PRINTED_ALONE, TYPES, PlainTable, Table
from repro.tables.suppression import stale, suppressed

# Number in metrics/*.json -> column of plots/*/*.csv.
METRIC_COLUMNS = {
    "mean": "mean",
    "sd": "sd",
    "n": "n",
    "lower": "lower",
    "upper": "upper",
    "se_seeds": "se_seeds",
    "p": "p",
    "p_holm": "p_holm",
    "published": "published_mean",
    "difference": "difference",
}


def write_table(name: str, table: Table, params: Params) -> None:
    """Make a table and write its files; `name` starts with the paper: btw_table3."""
    content = table.make(params)
    if isinstance(content, PlainTable):
        write_plain(name, table.title, content)
    else:
        write_merged(name, table.title, content, params)


def write_merged(name: str, title: str, rows: pd.DataFrame, params: Params) -> None:
    """Write metrics/<name>.json and plots/<paper>/<item>.{csv,md,tex} from new rows.

    Blocks that are not in `rows` keep what they had, unless they tell of few patients.
    """
    csv = paths.plot(name, "csv")
    kept = read_rows(csv) if csv.is_file() else rows.iloc[:0]
    kept = kept[~stale(kept, params) & (kept["source"] != PRINTED_ALONE)]
    every = merged(kept, suppressed(rows, params))
    write_json(paths.table_metrics(name), metric_tree(every))
    write_csv(csv, every)
    write_text(paths.plot(name, "md"), markdown(title, every, params))
    write_text(paths.plot(name, "tex"), latex(name, title, every, params))


def write_plain(name: str, title: str, content: PlainTable) -> None:
    """Write a table of texts without metrics as plots/<paper>/<item>.{csv,md,tex}."""
    rows, csv = content.rows, paths.plot(name, "csv")
    write_csv(csv, rows)
    listed = "\n".join(f"- {plain(note)}" for note in content.notes)
    text = f"# {title}\n\n{markdown_table(rows)}\n\n{listed}\n"
    write_text(paths.plot(name, "md"), text)
    caption = f"{title}. {'. '.join(content.notes)}."
    write_text(paths.plot(name, "tex"), latex_table(rows, caption, name))


def merged(kept: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The kept rows of other blocks and the new rows, in a fixed order."""
    others = kept[~kept["block"].isin(set(rows["block"]))]
    every = pd.concat([others, rows], ignore_index=True).astype(TYPES)
    by = ["dataset", "source", "protocol", "block", "order"]
    return every.sort_values(by, kind="stable", ignore_index=True)


def read_rows(path: Path) -> pd.DataFrame:
    """Read plots/<paper>/<item>.csv back, to the last digit.

    Raises:
        ValueError: its columns are not those of a table.
    """
    text = [name for name, kind in TYPES.items() if kind == "str"]
    rows = pd.read_csv(
        path,
        dtype=dict.fromkeys(text, "str"),
        keep_default_na=False,
        na_values={name: [""] for name in TYPES if name not in text},
    )
    if list(rows.columns) != list(TYPES):
        raise ValueError(
            f"{path}: columns {list(rows.columns)} are not {list(TYPES)}; "
            "delete the file and run the stage again"
        )
    return rows.astype(TYPES)


def metric_tree(rows: pd.DataFrame) -> dict[str, dict]:  # type: ignore[type-arg]
    """block -> row -> metric -> numbers; an unknown number has no key.

    Numbers that are only printed have no metric, and simulated data bear no printed
    number.
    """
    tree: dict[str, dict] = {}  # type: ignore[type-arg]
    for record in rows[rows["mean"].notna()].to_dict("records"):
        row = tree.setdefault(record["block"], {}).setdefault(record["row"], {})
        row[record["metric"]] = _numbers(record)
    return tree


def _numbers(record: Mapping[str, object]) -> dict[str, float | int]:
    hidden = {"published", "difference"} if record["simulated"] else set()
    found: dict[str, float | int] = {}
    for name, column in METRIC_COLUMNS.items():
        value = record[column]
        if name in hidden or pd.isna(value):
            continue
        found[name] = int(value) if name == "n" else float(value)  # type: ignore[call-overload,arg-type]
    return found
