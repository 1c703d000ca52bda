"""icu/chartevents and icu/d_items."""

from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float, Int, Shaped

from repro.simulation.icu.items import WORDS, dictionary, items, readings
from repro.simulation.icu.plan import Plan, at, chosen
from repro.simulation.icu.raw_files import (
    clock,
    numbers_as_text,
    whole_minutes,
    write_csv,
)
from repro.simulation.icu.settings import Dirt, Size

HEART_RATE, FAHRENHEIT, CELSIUS = 220045, 223761, 223762
UNSTORED = 0.05  # share of rows without a storetime


def write_charts(
    plan: Plan, size: Size, folder: Path, generator: np.random.Generator
) -> None:
    """Write icu/chartevents.csv.gz and icu/d_items.csv.gz."""
    table = items("chart")
    owner, hours = charting_times(plan, size.hours_between_vitals, generator)
    times, numbers, values = readings(plan, table, owner, hours, generator)
    itemid = table["itemid"].to_numpy()[numbers]
    charted = whole_minutes(at(plan, owner, hours))
    delay = generator.integers(0, 40, len(owner)).astype("timedelta64[m]")
    stored = charted + delay
    stored[generator.random(len(owner)) < UNSTORED] = np.datetime64("NaT")
    caregiver = generator.integers(10_000, 99_999, len(owner))
    frame = pl.DataFrame(
        {
            "stay": owner[times],
            "caregiver_id": caregiver[times],
            "charttime": clock(charted[times]),
            "storetime": clock(stored[times]),
            "itemid": itemid,
            "valuenum": values,
            "number": numbers,
        }
    )
    frame = _spoiled(frame, size.dirt, generator)
    frame = frame.sort("stay", "charttime", "number", maintain_order=True)
    write_csv(folder / "icu" / "chartevents.csv.gz", _raw(frame, plan, table))
    _write_dictionary(folder / "icu" / "d_items.csv.gz")


def charting_times(
    plan: Plan, step: float, generator: np.random.Generator
) -> tuple[Int[np.ndarray, " times"], Float[np.ndarray, " times"]]:
    """Stay (row number) and hours of the charting times, about every `step` hours."""
    charted = plan.stays["charted"].to_numpy()
    counts = np.ceil(charted / step).astype(np.int64)
    owner = np.repeat(np.arange(len(charted)), counts)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    hours = (place + generator.uniform(0.1, 0.9, len(owner))) * step
    inside = hours < charted[owner]
    return owner[inside], hours[inside]


def _spoiled(
    frame: pl.DataFrame, dirt: Dirt, generator: np.random.Generator
) -> pl.DataFrame:
    """Plant impossible values, wrong years and duplicates; no row gets two defects."""
    itemid = frame["itemid"].to_numpy()
    values = frame["valuenum"].to_numpy().copy()
    years = np.zeros(len(frame), "timedelta64[us]")
    clean = np.ones(len(frame), bool)

    def drawn(candidates: Shaped[np.ndarray, " rows"], count: int) -> np.ndarray:
        rows = chosen(np.flatnonzero(candidates & clean), count, generator)
        clean[rows] = False
        return rows

    rates = drawn(itemid == HEART_RATE, dirt.impossible_rates)
    values[rates[::2]], values[rates[1::2]] = 10_000_000.0, -1.0
    warm = drawn(itemid == CELSIUS, dirt.celsius)
    values[warm] = np.round(1.8 * values[warm] + 32, 1)
    years[drawn(clean, dirt.year_off)] = np.timedelta64(365, "D")
    copies = frame[drawn(clean, dirt.duplicates)]
    shift = pl.Series(years)
    spoiled = frame.with_columns(
        pl.Series("valuenum", values),
        (pl.col("charttime") + shift).alias("charttime"),
        (pl.col("storetime") + shift).alias("storetime"),
    )
    return pl.concat([spoiled, copies])


def _raw(frame: pl.DataFrame, plan: Plan, table: pl.DataFrame) -> pl.DataFrame:
    """The columns of chartevents in their order."""
    ids = plan.stays[["subject_id", "hadm_id", "stay_id"]].to_numpy()[frame["stay"]]
    frame = frame.with_columns(
        pl.Series("subject_id", ids[:, 0]),
        pl.Series("hadm_id", ids[:, 1]),
        pl.Series("stay_id", ids[:, 2]),
        table["unit"][frame["number"]].alias("valueuom"),
        (table["panel"] == "words")[frame["number"]].alias("is_text"),
        numbers_as_text("valuenum").alias("digits"),
    ).join(_words(), on=["itemid", "valuenum"], how="left", maintain_order="left")
    number = pl.when(~pl.col("is_text")).then(
        # The real table gives an intubated patient the score 1.
        pl.when(pl.col("words") == "No Response-ETT")
        .then(1.0)
        .otherwise(pl.col("valuenum"))
    )
    return frame.select(
        "subject_id",
        "hadm_id",
        "stay_id",
        "caregiver_id",
        "charttime",
        "storetime",
        "itemid",
        pl.coalesce("words", "digits").alias("value"),
        number.alias("valuenum"),
        "valueuom",
        pl.when(~pl.col("is_text")).then(0).alias("warning"),
    )


def _words() -> pl.DataFrame:
    rows = [
        (itemid, float(code), word)
        for itemid, words in WORDS.items()
        for code, word in enumerate(words)
        if word
    ]
    return pl.DataFrame(rows, schema=["itemid", "valuenum", "words"], orient="row")


def _write_dictionary(path: Path) -> None:
    frame = dictionary("chart").select(
        "itemid",
        "label",
        pl.col("label").alias("abbreviation"),
        pl.lit("chartevents").alias("linksto"),
        "category",
        pl.col("unit").alias("unitname"),
        pl.col("kind").alias("param_type"),
        pl.col("normal_low").alias("lownormalvalue"),
        pl.col("normal_high").alias("highnormalvalue"),
    )
    write_csv(path, frame)
