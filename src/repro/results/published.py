"""The numbers that a paper prints, as one tidy frame."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import yaml

from repro import paths

COLUMNS = [
    "table",
    "dataset",
    "method",
    "name",
    "alpha",
    "without",
    "metric",
    "mean",
    "sd",
    "variance",
]
WITHOUT = "w/o "  # before the name of a removed modality


def printed(paper: str) -> pd.DataFrame:
    """Every printed result of a paper, one row per number.

    `dataset` is empty in a table of one data set, `alpha` NaN and `without` empty in a
    table that varies neither, `sd` NaN where none is printed. Data sets have their
    names in params.yaml and metrics our units. A printed variance is in `variance`, not
    in `sd`: rounded to two digits its root says little.

    Raises:
        ValueError: the file is missing or names a method that has no code name.
    """
    content = contents(paper)
    rows = [
        {"table": table} | row
        for table, levels in content["levels"].items()
        for row in _rows(paper, content["methods"], content[table], levels, {})
    ]
    return _in_our_terms(pd.DataFrame(rows, columns=COLUMNS), content)


def keys_of_datasets(paper: str) -> dict[str, str]:
    """Names of data sets in params.yaml by what a paper calls them, in its order."""
    told = contents(paper).get("datasets", {})
    return {name: about["key"] for name, about in told.items()}


def _in_our_terms(rows: pd.DataFrame, content: Mapping[str, Any]) -> pd.DataFrame:
    keys = {name: told["key"] for name, told in content.get("datasets", {}).items()}
    headline = rows["metric"].str.partition("_vs_")[0]
    factor = headline.map(content.get("scales", {})).astype(np.float64).fillna(1.0)
    is_variance = rows["table"].isin(content.get("variances", []))
    variance = rows["sd"].where(is_variance) * factor**2
    sd = rows["sd"].mask(is_variance)
    dataset = rows["dataset"].map(lambda name: keys.get(name, name))
    mean, sd = rows["mean"] * factor, sd * factor
    return rows.assign(dataset=dataset, mean=mean, sd=sd, variance=variance)


def contents(paper: str) -> dict[str, Any]:
    """The file of printed numbers and conditions as it stands.

    Raises:
        ValueError: the file is missing.
    """
    path = paths.printed(paper)
    if not path.is_file():
        raise ValueError(f"{path}: no such file; restore it from git")
    with path.open() as handle:
        return yaml.load(handle, Loader=yaml.CSafeLoader)


def paper_title(paper: str) -> str:
    """What a paper is called and where it is printed.

    Raises:
        ValueError: its file is missing or does not tell.
    """
    told = contents(paper).get("meta", {}).get("paper")
    if not isinstance(told, str):
        raise ValueError(
            f"{paths.printed(paper)}: meta.paper is {told!r}; write title and source"
        )
    return told


def _rows(
    paper: str,
    methods: Mapping[str, str],
    block: Mapping[str, Any],
    levels: Sequence[str],
    known: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    """Rows below `block`, whose keys stand for the first of `levels`."""
    if not levels:
        yield from _numbers(block, known)
        return
    for key, inner in block.items():
        if not isinstance(inner, dict):
            continue  # a note beside the data sets or methods
        if levels[0] == "method" and key not in methods:
            raise ValueError(
                f"{paths.printed(paper)}: {key!r} has no code name; add it to methods"
            )
        is_method = levels[0] == "method"
        found = {"method": methods[key], "name": key} if is_method else {levels[0]: key}
        yield from _rows(paper, methods, inner, levels[1:], {**known, **found})


def _numbers(
    block: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    for metric, value in block.items():
        if value is None or metric == "as_printed":
            continue
        mean, sd = value if isinstance(value, list) else (value, None)
        yield {
            "dataset": "",
            **known,
            "without": known.get("without", "").removeprefix(WITHOUT),
            "alpha": float(known.get("alpha", "nan")),
            "metric": metric,
            "mean": float(mean),
            "sd": float("nan") if sd is None else float(sd),
        }
