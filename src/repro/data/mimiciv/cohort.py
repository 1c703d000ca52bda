"""Which stays are eligible, their labels, and who owns a moment of a patient."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl

from repro.data.mimiciv.admissions import read_stays
from repro.data.mimiciv.books import Book
from repro.data.mimiciv.layout import Source
from repro.data.mimiciv.settings import Settings

LOS_TOLERANCE_DAYS = 1 / 24  # releases may round to hours; another unit is far off
LABEL_EDGES_DAYS = (3, 7, 14)
CLASSES = len(LABEL_EDGES_DAYS) + 1
MODALITIES = ("timeseries", "text", "cxr", "ecg")
BEFORE_ALL, _AFTER_ALL = datetime(1, 1, 1), datetime(9999, 12, 31)


@dataclass(frozen=True)
class Eligible:
    """Stays that pass every rule before the data are read, and how many did not.

    `stays` has subject_id, hadm_id, stay_id, intime, outtime, end (of the window),
    los_days, days, y and died, sorted by stay_id. `everyone` are the patients of all
    stays. `books` has the counts of the two tables; those of the stays are open until
    the events are known.
    """

    stays: pl.DataFrame
    everyone: pl.Series
    attrition: list[dict[str, Any]]
    problems: dict[str, int]
    books: dict[str, Book]


def eligible(icustays: Source, admissions: Source, settings: Settings) -> Eligible:
    """The stays with valid times that last long enough.

    Source: length of stay is `icustays.los`, in days, which may differ from outtime -
    intime by an hour; the label is that of `label`. No stay is shorter than the window.

    Raises:
        ValueError: a cell that decides this cannot be read, or no stay is left; the
            message names the rule that removed the last.
    """
    books = {source.name: Book(source) for source in (icustays, admissions)}
    stays = read_stays(books[icustays.name], books[admissions.name])
    everyone = stays["subject_id"].unique().sort()
    stays = _labelled(stays, settings.window_hours)
    stays = stays.with_columns(fate=_fate(settings))
    counts = dict(stays["fate"].value_counts().iter_rows())
    attrition = _attrition(stays, settings, counts)
    refuse_empty(attrition, icustays)
    invalid = ("no_times", "ends_before_start")
    problems = {
        "invalid_stay_times": sum(counts.get(name, 0) for name in invalid),
        "stays_without_admission": int((~stays["has_admission"]).sum()),
        "stays_without_death_flag": int(
            stays.filter("has_admission")["hospital_expire_flag"].null_count()
        ),
        "los_not_of_times": counts.get("los_not_of_times", 0),
    }
    books[icustays.name].add(stays)
    others = ("los", "hospital_expire_flag", "has_admission", "fate")
    kept = stays.filter(pl.col("fate") == "used").sort("stay_id").drop(others)
    return Eligible(kept, everyone, attrition, problems, books)


def _fate(settings: Settings) -> pl.Expr:
    """Why a stay is left out: the first rule that it does not pass, or `used`."""
    los, lasts = pl.col("los").fill_nan(None), pl.col("outtime") - pl.col("intime")
    window = timedelta(hours=settings.window_hours)
    is_dead = pl.col("died") if settings.deaths == "exclude" else pl.lit(False)
    return (
        pl.when(lasts.is_null())
        .then(pl.lit("no_times"))
        .when(lasts <= timedelta())
        .then(pl.lit("ends_before_start"))
        .when(los.is_null())
        .then(pl.lit("no_los"))
        .when(~((los - pl.col("days")).abs() <= LOS_TOLERANCE_DAYS))
        .then(pl.lit("los_not_of_times"))
        .when((los < settings.min_los_days) | (lasts < window))
        .then(pl.lit("short"))
        .when(is_dead)
        .then(pl.lit("died"))
        .otherwise(pl.lit("used"))
    )


def _attrition(
    stays: pl.DataFrame, settings: Settings, counts: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Stays left after each rule; that of los and times where it removed any."""
    rules: dict[str, tuple[str, ...]] = {
        "outtime after intime": ("no_times", "ends_before_start")
    }
    if counts.get("los_not_of_times"):
        rules["los is outtime - intime in days"] = ("los_not_of_times",)
    rules[f"los >= {settings.min_los_days:g} days"] = ("no_los", "short")
    if settings.deaths == "exclude":
        rules["not died in hospital"] = ("died",)
    steps = [attrition_step("all ICU stays", stays)]
    for name, fates in rules.items():
        stays = stays.filter(~pl.col("fate").is_in(fates))
        steps.append(attrition_step(name, stays))
    return steps


def attrition_step(name: str, stays: pl.DataFrame) -> dict[str, Any]:
    """Stays and patients that are left after a rule."""
    patients = stays["subject_id"].n_unique()
    return {"step": name, "stays": stays.height, "patients": patients}


def refuse_empty(attrition: Iterable[dict[str, Any]], source: Source) -> None:
    """Stop when a rule left no stay.

    Raises:
        ValueError: it did; the message gives the rule and the stays before it.
    """
    before = 0
    for step in attrition:
        if step["stays"] == 0:
            raise ValueError(
                f"{source.path}: no stay is left by the rule {step['step']!r} "
                f"({before} before it); relax the rule or give other data"
            )
        before = step["stays"]


def label(days: pl.Expr) -> pl.Expr:
    """Class of a length of stay: 0 up to 3 days, 1 to 7, 2 to 14, 3 beyond.

    Units: days, not rounded; an edge belongs to the class below it.

    >>> days = pl.DataFrame({"days": [3.0, 3.1, 14.0, 15.0]})
    >>> days.select(label(pl.col("days"))).to_series().to_list()
    [0, 1, 2, 3]
    """
    return pl.sum_horizontal((days > edge).cast(pl.Int64) for edge in LABEL_EDGES_DAYS)


def class_counts(stays: pl.DataFrame) -> dict[str, list[int]]:
    """Stays of each class in the two cohorts: every modality present, and all."""
    present = pl.all_horizontal(f"has_{name}" for name in MODALITIES)
    cohorts = {"complete": stays.filter(present), "all": stays}
    return {
        name: [int((part["y"] == y).sum()) for y in range(CLASSES)]
        for name, part in cohorts.items()
    }


def windows(stays: pl.DataFrame) -> pl.DataFrame:
    """Which stay owns which moments of a patient; no moment has two owners.

    Every window is [intime, end]. Where windows of one patient overlap, the stay
    that was entered last owns the moment and `contested` is true.

    Shape: subject_id, stay_id, intime, outtime, start (included), stop (excluded).
    """
    rows = stays.sort("subject_id", "intime", "stay_id").with_columns(
        start=pl.col("intime"), stop=pl.col("end") + timedelta(microseconds=1)
    )
    following = pl.col("start").shift(-1).over("subject_id")
    crossed = rows.filter((following < pl.col("stop")).any().over("subject_id"))
    alone = rows.filter(~pl.col("stay_id").is_in(crossed["stay_id"].to_list()))
    names = ("subject_id", "stay_id", "intime", "outtime", "start", "stop")
    plain = alone.select(*names, contested=pl.lit(False))
    parts = [
        piece
        for _, group in crossed.group_by("subject_id", maintain_order=True)
        for piece in _pieces(group.select(names).to_dicts())
    ]
    return pl.concat([plain, pl.DataFrame(parts, schema=plain.schema)])


def timeline(windows: pl.DataFrame, patients: pl.Series) -> pl.DataFrame:
    """Every moment of every patient in one row: the windows, and what lies between.

    Where no stay owns the moment, stay_id is null and intime and outtime are those of
    the stay that owned a moment last, if one did.

    Shape: the columns of `windows`.
    """
    by_patient = windows.sort("subject_id", "start")
    following = pl.col("start").shift(-1).over("subject_id").fill_null(_AFTER_ALL)
    unowned = {"stay_id": pl.lit(None, pl.Int64), "contested": pl.lit(False)}
    after = by_patient.with_columns(
        start=pl.col("stop"), stop=following, **unowned
    ).filter(pl.col("start") < pl.col("stop"))
    firsts = by_patient.group_by("subject_id").agg(stop=pl.col("start").min())
    before = (
        patients.unique()
        .sort()
        .to_frame("subject_id")
        .join(firsts, "subject_id", "left")
    ).with_columns(start=pl.lit(BEFORE_ALL), stop=pl.col("stop").fill_null(_AFTER_ALL))
    return pl.concat(
        [windows, after, before.with_columns(**unowned)], how="diagonal"
    ).select(windows.columns)


def _pieces(rows: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    bounds = sorted({moment for row in rows for moment in (row["start"], row["stop"])})
    for low, high in pairwise(bounds):
        here = [row for row in rows if row["start"] <= low and row["stop"] >= high]
        if here:
            owner = max(here, key=lambda row: (row["start"], row["stay_id"]))
            yield owner | {"start": low, "stop": high, "contested": len(here) > 1}


def _labelled(stays: pl.DataFrame, window_hours: float) -> pl.DataFrame:
    days = (pl.col("outtime") - pl.col("intime")).dt.total_microseconds() / 86.4e9
    window = pl.col("intime") + timedelta(hours=window_hours)
    in_stay = pl.col("deathtime") <= pl.col("outtime")
    return stays.with_columns(
        los_days=pl.col("los"),
        days=days,
        y=label(days),
        died=(pl.col("hospital_expire_flag") == 1).fill_null(False)
        | in_stay.fill_null(False),
        end=pl.min_horizontal("outtime", window),
    ).drop("deathtime")
