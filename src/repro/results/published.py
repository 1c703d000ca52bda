"""The numbers printed in the paper, as one tidy frame."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from repro import paths

# Printed name -> code name; the last two are the wording of Table 10.
METHODS = {
    "MoE": "moe",
    "BTW-global (KL)": "averaged_instance",
    "BTW-global (MI)": "modality",
    "BTW-local (KL)": "instance",
    "BTW-local": "instance",
    "BTW": "bi_level",
    "MulT": "mult",
    "MMIM": "mmim",
    "ITHP": "ithp",
    "HAIM": "haim",
    "FuseMoE": "fusemoe",
    "Baseline": "moe",
    "BTW (KL+MI)": "bi_level",
}
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
]
CLINICAL = "los"  # the clinical tables print no data-set name


def published(path: Path = paths.PUBLISHED) -> pd.DataFrame:
    """Every printed result of Tables 3 to 10, one row per number.

    `alpha` is NaN except in Table 6, `without` is empty except in Tables 8 and 9,
    `sd` is NaN where none is printed.

    Raises:
        ValueError: the file is missing or names a method that has no code name.
    """
    content = contents(path)
    rows: list[dict[str, Any]] = []
    for table in ("table3", "table5", "table6", "table10"):
        for dataset in ("mosi", "mosei"):
            rows += _rows(path, table, dataset, content[table][dataset])
    for table in ("table4", "table7", "table8", "table9"):
        rows += _rows(path, table, CLINICAL, content[table])
    return pd.DataFrame(rows, columns=COLUMNS)


def contents(path: Path = paths.PUBLISHED) -> dict[str, Any]:
    """The file of printed numbers as it stands.

    Raises:
        ValueError: the file is missing.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file; restore it from git")
    with path.open() as handle:
        return yaml.load(handle, Loader=yaml.CSafeLoader)


def decimals(metric: str) -> int:
    """Digits printed after the point: three for mae and corr, two for percentages.

    >>> decimals("mae"), decimals("acc7")
    (3, 2)
    """
    return 3 if metric in ("mae", "corr") else 2


def _rows(
    path: Path, table: str, dataset: str, methods: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    for name, block in methods.items():
        if name not in METHODS:
            raise ValueError(
                f"{path}: {table}.{dataset}: {name!r} has no code name; "
                "add it to repro.published.METHODS"
            )
        for option, metrics in _options(block):
            for metric, value in metrics.items():
                if value is None or metric == "as_printed":
                    continue
                mean, sd = value if isinstance(value, list) else (value, None)
                yield {
                    "table": table,
                    "dataset": dataset,
                    "method": METHODS[name],
                    "name": name,
                    "alpha": float(option) if table == "table6" else float("nan"),
                    "without": "" if table == "table6" else option[len("w/o ") :],
                    "metric": metric,
                    "mean": float(mean),
                    "sd": float("nan") if sd is None else float(sd),
                }


def _options(block: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Blocks below an alpha (Table 6) or a removed modality (8, 9), else the block."""
    if all(isinstance(value, dict) for value in block.values()):
        return list(block.items())
    return [("", block)]
