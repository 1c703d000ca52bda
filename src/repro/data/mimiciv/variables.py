"""The measured variables: item ids, units, conversions, plausible ranges."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

TABLE = Path(__file__).with_name("variables.csv")
PRESETS = ("corrected", "published")
KINDS = ("vitals", "labs")
DICTIONARIES = {"icu/chartevents": "icu/d_items", "hosp/labevents": "hosp/d_labitems"}
AGGREGATIONS = ("mean",)
_BOUNDS = ("()", "(]", "[)", "[]")


@dataclass(frozen=True)
class Conversion:
    """From the unit of an item to the unit of its variable: `scale * x + offset`.

    `only_up_to` limits the change to values that are no greater. `source_labels`
    are the unit labels that the item itself may carry.
    """

    scale: float
    offset: float
    source_labels: tuple[str, ...]
    only_up_to: float = float("inf")


# A charted oxygen fraction of at most 1 is a fraction; above, it is a percentage.
CONVERSIONS = {
    "none": Conversion(1.0, 0.0, ()),
    "fahrenheit_to_celsius": Conversion(
        5 / 9, -160 / 9, ("°F", "F", "?F", "\ufffdF", "deg F")
    ),
    "pound_to_kilogram": Conversion(0.45359237, 0.0, ("lb", "lbs", "lbs.", "pounds")),
    "fraction_to_percent": Conversion(100.0, 0.0, ("fraction", "%"), only_up_to=1.0),
}


@dataclass(frozen=True)
class Variable:
    """One column of the time series and the items that it comes from.

    Units: `low` and `high` are in `unit`; an infinite bound is no bound. `bounds`
    is interval notation: `(` and `)` exclude the bound, `[` and `]` include it.
    """

    name: str
    kind: str
    table: str
    itemids: tuple[int, ...]
    unit: str
    unit_labels: tuple[str, ...]
    conversions: tuple[str, ...]
    low: float
    high: float
    bounds: str
    missing_value: str
    aggregation: str
    row: int


def load(preset: str, path: Path = TABLE) -> tuple[Variable, ...]:
    """The variables of a preset, in the order of the table.

    Source: item ids of MIMIC-IV; ranges of the mimic-code concepts, ricu and the
    MIMIC-III benchmark. `published` lists the ids as the study used them: glucose
    and hemoglobin of the blood-gas analyzer, potassium of other body fluids, cuff
    pressures only, no ranges.

    Raises:
        ValueError: the preset is unknown, or a row is bad; the message names it.

    >>> [v.itemids for v in load("published") if v.name == "Potassium"]
    [(50833,)]
    """
    if preset not in PRESETS:
        raise ValueError(
            f"variables={preset!r} is no preset; choose one of {', '.join(PRESETS)}"
        )
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    chosen = tuple(
        _variable(row, line, path)
        for line, row in enumerate(rows, start=2)
        if row["preset"] == preset
    )
    _check_unique(chosen, path)
    return chosen


def check_items(
    variables: Iterable[Variable],
    labels: Mapping[str, Mapping[int, str]],
    path: Path = TABLE,
) -> list[str]:
    """A line per item with its label; `labels` holds a dictionary per table.

    Raises:
        ValueError: an item is in no row of its dictionary.
    """
    lines = []
    for variable in variables:
        for item in variable.itemids:
            known = labels[variable.table]
            if item not in known:
                raise ValueError(
                    f"{path.name} row {variable.row} ({variable.name}): itemid {item} "
                    f"is not in {DICTIONARIES[variable.table]}; correct the itemid"
                )
            lines.append(f"{variable.name}: {item} {known[item]}")
    return lines


def item_table(variables: tuple[Variable, ...], table: str) -> pl.DataFrame:
    """One row per item of a table: its variable's number, conversion and range."""
    rows = []
    for number, variable in enumerate(variables):
        if variable.table != table:
            continue
        for item, name in zip(variable.itemids, variable.conversions, strict=True):
            conversion = CONVERSIONS[name]
            rows.append(
                {
                    "itemid": item,
                    "variable": number,
                    "scale": conversion.scale,
                    "offset": conversion.offset,
                    "only_up_to": conversion.only_up_to,
                    "low": variable.low,
                    "high": variable.high,
                    "low_open": variable.bounds[0] == "(",
                    "high_open": variable.bounds[1] == ")",
                    "missing_value": variable.missing_value,
                }
            )
    return pl.DataFrame(rows, schema=_ITEM_SCHEMA)


def converted() -> pl.Expr:
    """The value in the unit of the variable, of columns value and `item_table`."""
    changed = pl.col("value") * pl.col("scale") + pl.col("offset")
    within = pl.col("value") <= pl.col("only_up_to")
    return pl.when(within).then(changed).otherwise(pl.col("value"))


def plausible() -> pl.Expr:
    """Whether a converted value lies in its variable's range; NaN does not."""
    value, low, high = pl.col("value"), pl.col("low"), pl.col("high")
    above = (value > low) | ((value == low) & ~pl.col("low_open"))
    below = (value < high) | ((value == high) & ~pl.col("high_open"))
    return above & below & value.is_finite()


def accepted_labels(variable: Variable, itemid: int) -> frozenset[str]:
    """Unit labels, in lower case, that the rows of an item may carry.

    >>> temperature = next(v for v in load("corrected") if v.name == "Temperature")
    >>> "°f" in accepted_labels(temperature, 223762)
    False
    """
    conversion = variable.conversions[variable.itemids.index(itemid)]
    labels = CONVERSIONS[conversion].source_labels or variable.unit_labels
    return frozenset(label.lower() for label in labels)


_ITEM_SCHEMA = {
    "itemid": pl.Int64,
    "variable": pl.Int16,
    "scale": pl.Float64,
    "offset": pl.Float64,
    "only_up_to": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "low_open": pl.Boolean,
    "high_open": pl.Boolean,
    "missing_value": pl.String,
}


def _variable(row: Mapping[str, str], line: int, path: Path) -> Variable:
    where = f"{path.name} row {line} ({row['name']})"
    itemids = tuple(int(_whole(item, where)) for item in row["itemids"].split(";"))
    conversions = tuple(row["conversions"].split(";"))
    if conversions == ("",):
        conversions = ("none",) * len(itemids)
    others = [label for label in row["other_unit_labels"].split(";") if label]
    for name, value, accepted in (
        ("kind", row["kind"], KINDS),
        ("table", row["table"], tuple(DICTIONARIES)),
        ("aggregation", row["aggregation"], AGGREGATIONS),
        ("bounds", row["bounds"] or "()", _BOUNDS),
        *(("conversions", name, tuple(CONVERSIONS)) for name in conversions),
    ):
        if value not in accepted:
            raise ValueError(
                f"{where}: {name} is {value!r}; use one of {', '.join(accepted)}"
            )
    if len(conversions) != len(itemids):
        raise ValueError(
            f"{where}: {len(conversions)} conversions for {len(itemids)} itemids; "
            "give one for each"
        )
    return Variable(
        name=row["name"],
        kind=row["kind"],
        table=row["table"],
        itemids=itemids,
        unit=row["unit"],
        unit_labels=(row["unit"], *others),
        conversions=conversions,
        low=float(row["low"] or "-inf"),
        high=float(row["high"] or "inf"),
        bounds=row["bounds"] or "()",
        missing_value=row["missing_value"],
        aggregation=row["aggregation"],
        row=line,
    )


def _whole(text: str, where: str) -> str:
    if not text.strip().isdigit():
        raise ValueError(f"{where}: itemid {text!r} is no whole number; correct it")
    return text


def _check_unique(variables: tuple[Variable, ...], path: Path) -> None:
    seen: dict[tuple[str, int], str] = {}
    for variable in variables:
        for item in variable.itemids:
            other = seen.setdefault((variable.table, item), variable.name)
            if other != variable.name:
                raise ValueError(
                    f"{path.name} row {variable.row} ({variable.name}): itemid {item} "
                    f"belongs to {other} already; list it once"
                )
