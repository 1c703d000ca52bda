"""The items of the simulated chart and laboratory tables and how each one behaves.

`items.csv` is the table. A value is mean + sd * (level + trend * time + patient +
noise), where level and trend load on the latents of the time series and time runs
from -1 to 1 over the window. `rows` is the share of charting times or specimens that
have the item, `stays` the share of stays in which it is used at all. The ids, labels,
categories and units are those of the real dictionaries.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from repro.simulation.icu.plan import Plan
from repro.simulation.icu.settings import MODALITIES, WINDOW_HOURS

LEVELS = ["level_unique", "level_shared", "level_synergy"]
TRENDS = ["trend_unique", "trend_shared", "trend_synergy"]
PATIENT_SD = 0.3  # in sds of the item: what sets one stay apart for no reason
NOISE_SD = 0.6  # in sds of the item: one reading

# What the codes of a charted text mean; 0 of verbal means intubated.
WORDS = {
    220739: ("", "None", "To Pain", "To Speech", "Spontaneously"),
    223900: (
        "No Response-ETT",
        "No Response",
        "Incomprehensible sounds",
        "Inappropriate Words",
        "Confused",
        "Oriented",
    ),
    223901: (
        "",
        "No response",
        "Abnormal extension",
        "Abnormal Flexion",
        "Flex-withdraws",
        "Localizes Pain",
        "Obeys Commands",
    ),
    220048: (
        "SR (Sinus Rhythm)",
        "ST (Sinus Tachycardia) ",
        "AF (Atrial Fibrillation)",
    ),
    224650: ("None", "PVC's", 'PVC "couplets", rare'),
    227969: ("Bed locked in low position", "Call light within reach", "Side rails, up"),
}


@cache
def items(table: str) -> pl.DataFrame:
    """The items of one table (chart or lab).

    >>> items("chart").row(0, named=True)["label"]
    'Heart Rate'
    """
    path = Path(__file__).with_name("items.csv")
    found = pl.read_csv(path, infer_schema_length=None)
    loadings = pl.col(*LEVELS, *TRENDS).cast(pl.Float64).fill_null(0.0)
    return found.with_columns(loadings).filter(pl.col("table") == table)


def dictionary(table: str) -> pl.DataFrame:
    """Items of one table that stand in its dictionary, those without rows included."""
    path = Path(__file__).with_name("unused_items.csv")
    unused = pl.read_csv(path, infer_schema_length=None)
    columns = ("itemid", "label", "fluid", "category", "unit", "kind")
    kind = pl.when(pl.col("panel") == "words").then(pl.lit("Text"))
    used = items(table).with_columns(
        pl.lit("Blood" if table == "lab" else None, pl.String).alias("fluid"),
        kind.otherwise(pl.lit("Numeric")).alias("kind"),
    )
    unused = unused.filter(pl.col("table") == table)
    ends = ("itemid", "normal_low", "normal_high")
    both = pl.concat([used.select(columns), unused.select(columns)])
    return both.join(
        used.select(ends), on="itemid", how="left", maintain_order="left"
    ).sort("itemid")


def readings(
    plan: Plan,
    table: pl.DataFrame,
    owner: Int[np.ndarray, " times"],
    hours: Float[np.ndarray, " times"],
    generator: np.random.Generator,
) -> tuple[
    Int[np.ndarray, " rows"], Int[np.ndarray, " rows"], Float[np.ndarray, " rows"]
]:
    """Every reading of every item: its time (row number), item (row number), value.

    `owner` and `hours` are the stay and the hour of each charting time or specimen.
    """
    seen = plan.seen[:, MODALITIES.index("timeseries")]
    clock = 2 * hours / WINDOW_HOURS - 1
    stays = len(plan.stays)
    variables = table["variable"].unique(maintain_order=True).to_list()
    shifts = generator.standard_normal((len(variables), stays))
    baseline = dict(zip(variables, PATIENT_SD * shifts, strict=True))
    times, numbers, values = [], [], []
    for number, item in enumerate(table.iter_rows(named=True)):
        chosen = _times(item, owner, stays, generator)
        whose = owner[chosen]
        level = seen @ [item[name] for name in LEVELS]
        trend = seen @ [item[name] for name in TRENDS]
        shift = level[whose] + trend[whose] * clock[chosen]
        shift += baseline[item["variable"]][whose]
        shift += NOISE_SD * generator.standard_normal(len(chosen))
        value = np.clip(item["mean"] + item["sd"] * shift, item["least"], item["most"])
        times.append(chosen)
        numbers.append(np.full(len(chosen), number))
        values.append(np.round(value, item["decimals"]))
    return np.concatenate(times), np.concatenate(numbers), np.concatenate(values)


def _times(
    item: dict[str, Any],
    owner: Int[np.ndarray, " times"],
    stays: int,
    generator: np.random.Generator,
) -> Int[np.ndarray, " rows"]:
    uses: Bool[np.ndarray, " stays"] = generator.random(stays) < item["stays"]
    return np.flatnonzero(uses[owner] & (generator.random(len(owner)) < item["rows"]))
