"""From narrow rows to one value per stay, moment and variable."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from repro import files
from repro.data.mimiciv.variables import (
    Variable,
    accepted_labels,
    converted,
    item_table,
    plausible,
)

ROWS_PER_BUCKET = 2_000_000
_EVENTS = pa.schema(
    [
        ("stay_id", pa.int64()),
        ("hours", pa.float32()),
        ("variable", pa.int16()),
        ("value", pa.float32()),
    ]
)


@dataclass(frozen=True)
class Tally:
    """What was counted on the way from rows to events.

    `used` and `out_of_range` are by variable, `units` by item and label.
    """

    stays: set[int] = field(default_factory=set)
    used: Counter[int] = field(default_factory=Counter)
    out_of_range: Counter[int] = field(default_factory=Counter)
    units: Counter[tuple[int, str]] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)


def write_events(
    path: Path,
    narrow: dict[str, Path],
    variables: tuple[Variable, ...],
    stay_ids: Sequence[int],
) -> Tally:
    """Write one row per stay, hour and variable, sorted; a bucket of stays at a time.

    `narrow` has the file of a pass for each table. Values are converted, those out of
    range are dropped, and what remains of a variable at one moment is averaged. A value
    of an item given twice for one moment counts once, whenever it was stored. A moment
    is when a value was charted or drawn; all that was before the stay is its hour 0.

    Departure: the study kept the first of several values and every impossible one.

    Units: hours since intime; values in the unit of their variable.
    """
    tally = Tally()
    rows = sum(pq.read_metadata(file).num_rows for file in narrow.values())
    items = pl.concat(item_table(variables, table) for table in narrow)
    with (
        files.replacing(path) as temporary,
        pq.ParquetWriter(temporary, _EVENTS) as out,
    ):
        for low, high in _buckets(stay_ids, rows):
            parts = [
                _distinct(_bucket(file, low, high), table, tally)
                for table, file in narrow.items()
            ]
            events = _events(pl.concat(parts), items, tally)
            tally.stays.update(events["stay_id"].unique().to_list())
            out.write_table(events.to_arrow().cast(_EVENTS))
    return tally


def unit_disagreements(
    units: Counter[tuple[int, str]], variables: tuple[Variable, ...]
) -> dict[str, dict[str, int]]:
    """Rows per variable and unit label where the label is not one of its item's."""
    found: dict[str, dict[str, int]] = {}
    for variable in variables:
        for item in variable.itemids:
            accepted = accepted_labels(variable, item)
            for (other, label), count in sorted(units.items()):
                if other == item and label.lower() not in accepted:
                    counts = found.setdefault(variable.name, {})
                    counts[label] = counts.get(label, 0) + count
    return found


def _buckets(stay_ids: Sequence[int], rows: int) -> Iterator[tuple[int, int]]:
    count = max(1, min(len(stay_ids), -(-rows // ROWS_PER_BUCKET)))
    for block in np.array_split(np.sort(np.asarray(stay_ids)), count):
        yield int(block[0]), int(block[-1])


def _bucket(file: Path, low: int, high: int) -> pl.DataFrame:
    rows = pl.scan_parquet(file).filter(pl.col("stay_id").is_between(low, high))
    return rows.collect(engine="streaming")


def _distinct(rows: pl.DataFrame, table: str, tally: Tally) -> pl.DataFrame:
    labels = rows.drop_nulls("valueuom").group_by("itemid", "valueuom").len()
    for item, label, count in labels.iter_rows():
        if label.strip():
            tally.units[item, label.strip()] += count
    keys = ["stay_id", "charted", "itemid", "value"]
    distinct = rows.drop("valueuom").unique(keys)
    tally.duplicates[table] += rows.height - distinct.height
    return distinct


def _events(rows: pl.DataFrame, items: pl.DataFrame, tally: Tally) -> pl.DataFrame:
    rows = rows.join(items, on="itemid", how="inner")
    rows = rows.with_columns(
        value=converted(), moment=pl.max_horizontal("charted", 0)
    ).with_columns(plausible=plausible())
    counts = rows.group_by("variable", "plausible").len()
    for variable, good, count in counts.iter_rows():
        (tally.used if good else tally.out_of_range)[variable] += count
    moments = ["stay_id", "moment", "variable"]
    # Sorted by value too, so that a mean adds in the same order in every run.
    means = (
        rows.filter("plausible")
        .sort(*moments, "value")
        .group_by(moments, maintain_order=True)
        .agg(pl.col("value").mean())
    )
    return means.select(
        "stay_id",
        (pl.col("moment") / 3.6e9).cast(pl.Float32).alias("hours"),
        "variable",
        pl.col("value").cast(pl.Float32),
    )
