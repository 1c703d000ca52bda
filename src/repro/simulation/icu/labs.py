"""hosp/labevents and hosp/d_labitems."""

from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from repro.simulation.icu.items import dictionary, items, readings
from repro.simulation.icu.plan import Plan, at, chosen
from repro.simulation.icu.raw_files import (
    clock,
    numbers_as_text,
    whole_minutes,
    write_csv,
)
from repro.simulation.icu.settings import WINDOW_HOURS, Dirt, Size

RELABELED = (50983, 50971)  # sodium and potassium: mmol/L equals mEq/L
WITHHELD = 0.05  # share of values replaced by ___ in the text column
PROVIDERS = 50


def write_labs(
    plan: Plan, size: Size, folder: Path, generator: np.random.Generator
) -> None:
    """Write hosp/labevents.csv.gz and hosp/d_labitems.csv.gz."""
    table = items("lab")
    owner, hours = specimen_times(plan, size.hours_between_labs, generator)
    specimens = _specimens(plan, size.dirt, owner, hours, generator)
    times, numbers, values = readings(plan, table, owner, hours, generator)
    frame = specimens[times].with_columns(
        pl.Series("number", numbers),
        pl.Series("itemid", table["itemid"].to_numpy()[numbers]),
        pl.Series("valuenum", values),
        pl.Series("withheld", generator.random(len(times)) < WITHHELD),
    )
    frame = frame.with_columns(_units(frame, table, size.dirt, generator))
    frame = frame.sort("subject_id", "charttime", "number", maintain_order=True)
    frame = frame.with_row_index("labevent_id", offset=1)
    copies = chosen(np.arange(len(frame)), size.dirt.duplicates, generator)
    frame = pl.concat([frame, frame[copies]]).sort("labevent_id", maintain_order=True)
    write_csv(folder / "hosp" / "labevents.csv.gz", _raw(frame, table))
    known = dictionary("lab").select("itemid", "label", "fluid", "category")
    write_csv(folder / "hosp" / "d_labitems.csv.gz", known)


def specimen_times(
    plan: Plan, step: float, generator: np.random.Generator
) -> tuple[Int[np.ndarray, " times"], Float[np.ndarray, " times"]]:
    """Stay and hours of the specimens, from up to 8 hours before the intime on."""
    charted = plan.stays["charted"].to_numpy()
    start = generator.uniform(-8, 2, len(charted))
    counts = np.ceil((charted - start) / step).astype(np.int64)
    counts = np.where(charted > 0, counts.clip(1), 0)
    owner = np.repeat(np.arange(len(charted)), counts)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    jitter = generator.uniform(0, 0.4, len(owner))
    hours = start[owner] + (place + jitter) * step
    inside = hours < charted[owner]
    return owner[inside], hours[inside]


def _specimens(
    plan: Plan,
    dirt: Dirt,
    owner: Int[np.ndarray, " times"],
    hours: Float[np.ndarray, " times"],
    generator: np.random.Generator,
) -> pl.DataFrame:
    """What all rows of one specimen share."""
    count = len(owner)
    charted = whole_minutes(at(plan, owner, hours))
    delay = generator.integers(30, 150, count)
    stored = charted + delay.astype("timedelta64[m]")
    inside = np.flatnonzero((hours > 24) & (hours < WINDOW_HOURS - 0.5))
    late = chosen(inside, dirt.late_specimens, generator)
    hour = generator.uniform(WINDOW_HOURS + 1, WINDOW_HOURS + 12, len(late))
    stored[late] = whole_minutes(at(plan, owner[late], hour))
    admission = plan.stays["hadm_id"].to_numpy()[owner]
    unknown = generator.random(count) < dirt.labs_without_admission
    provider = [f"P{number:02d}XYZ" for number in range(PROVIDERS)]
    return pl.DataFrame(
        {
            "subject_id": plan.stays["subject_id"].to_numpy()[owner],
            "hadm_id": pl.Series(admission).set(pl.Series(unknown), None),
            "specimen_id": generator.permutation(np.arange(count)) + 1_000_000,
            "order_provider_id": np.array(provider)[
                generator.integers(0, PROVIDERS, count)
            ],
            "charttime": clock(charted),
            "storetime": clock(stored),
            "priority": np.where(generator.random(count) < 0.4, "STAT", "ROUTINE"),
        }
    )


def _units(
    frame: pl.DataFrame, table: pl.DataFrame, dirt: Dirt, generator: np.random.Generator
) -> pl.Series:
    """The unit of each row, a few of them labeled otherwise."""
    relabeled = np.flatnonzero(np.isin(frame["itemid"].to_numpy(), RELABELED))
    relabeled = chosen(relabeled, dirt.units, generator)
    units = table["unit"][frame["number"]]
    return units.scatter(relabeled, "mmol/L").alias("valueuom")


def _raw(frame: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """The columns of labevents in their order."""
    frame = frame.with_columns(
        table["normal_low"][frame["number"]].alias("ref_range_lower"),
        table["normal_high"][frame["number"]].alias("ref_range_upper"),
    )
    value, normal = pl.col("valuenum"), ("ref_range_lower", "ref_range_upper")
    withheld = pl.when(pl.col("withheld"))
    return frame.select(
        "labevent_id",
        "subject_id",
        "hadm_id",
        "specimen_id",
        "itemid",
        "order_provider_id",
        "charttime",
        "storetime",
        withheld.then(pl.lit("___"))
        .otherwise(numbers_as_text("valuenum"))
        .alias("value"),
        "valuenum",
        "valueuom",
        *normal,
        pl.when(~value.is_between(*normal)).then(pl.lit("abnormal")).alias("flag"),
        "priority",
        withheld.then(pl.lit("___")).alias("comments"),
    )
