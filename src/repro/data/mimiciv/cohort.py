"""Which stays are eligible, their labels, and who owns a moment of a patient."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl

from repro.data.mimiciv.layout import Source
from repro.data.mimiciv.reading import csv_frame, timestamp
from repro.data.mimiciv.settings import Settings

LABEL_EDGES_DAYS = (3, 7, 14)
CLASSES = len(LABEL_EDGES_DAYS) + 1
MODALITIES = ("timeseries", "text", "cxr", "ecg")
BEFORE_ALL, _AFTER_ALL = datetime(1, 1, 1), datetime(9999, 12, 31)


@dataclass(frozen=True)
class Eligible:
    """Stays that pass every rule before the data are read, and how many did not.

    `stays` has subject_id, hadm_id, stay_id, intime, outtime, end (of the window),
    los_days, days, y and died, sorted by stay_id. `everyone` are the patients of all
    stays.
    """

    stays: pl.DataFrame
    everyone: pl.Series
    attrition: list[dict[str, Any]]
    problems: dict[str, int]


def eligible(icustays: Source, admissions: Source, settings: Settings) -> Eligible:
    """The stays with valid times that last long enough.

    Source: length of stay is `icustays.los`; the label is that of `label`.

    Raises:
        ValueError: no stay is left; the message names the rule that removed the
            last.
    """
    stays = _read_stays(icustays, admissions)
    everyone = stays["subject_id"].unique().sort()
    attrition = [attrition_step("all ICU stays", stays)]
    problems = {
        "invalid_stay_times": int((~_valid_times(stays)).sum()),
        "stays_without_admission": int(stays["hospital_expire_flag"].is_null().sum()),
    }
    shortest = settings.min_los_days
    rules = [
        ("outtime after intime", _valid_times(stays)),
        (f"los >= {shortest:g} days", stays["los"] >= shortest),
    ]
    stays = _labelled(stays, settings.window_hours)
    if settings.deaths == "exclude":
        rules.append(("not died in hospital", ~stays["died"]))
    kept = pl.Series([True] * stays.height, dtype=pl.Boolean)
    for name, passes in rules:
        kept = kept & passes.fill_null(False)
        attrition.append(attrition_step(name, stays.filter(kept)))
    refuse_empty(attrition, icustays)
    stays = stays.filter(kept).sort("stay_id").drop("los", "hospital_expire_flag")
    return Eligible(stays, everyone, attrition, problems)


def attrition_step(name: str, stays: pl.DataFrame) -> dict[str, Any]:
    """Stays and patients that are left after a rule."""
    patients = stays["subject_id"].n_unique()
    return {"step": name, "stays": stays.height, "patients": patients}


def refuse_empty(attrition: Iterable[dict[str, Any]], icustays: Source) -> None:
    """Stop when a rule left no stay.

    Raises:
        ValueError: it did; the message gives the rule and the stays before it.
    """
    before = 0
    for step in attrition:
        if step["stays"] == 0:
            raise ValueError(
                f"{icustays.path}: no stay is left by the rule {step['step']!r} "
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


def _read_stays(icustays: Source, admissions: Source) -> pl.DataFrame:
    stays = csv_frame(
        icustays, ("subject_id", "hadm_id", "stay_id", "intime", "outtime", "los")
    ).select(
        pl.col("subject_id", "hadm_id", "stay_id").cast(pl.Int64, strict=False),
        timestamp("intime"),
        timestamp("outtime"),
        pl.col("los").cast(pl.Float64, strict=False),
    )
    deaths = csv_frame(
        admissions, ("hadm_id", "deathtime", "hospital_expire_flag")
    ).select(
        pl.col("hadm_id").cast(pl.Int64, strict=False),
        timestamp("deathtime"),
        pl.col("hospital_expire_flag").cast(pl.Int64, strict=False),
    )
    if stays.select("subject_id", "stay_id").null_count().sum_horizontal().item():
        raise ValueError(
            f"{icustays.path}: a subject_id or stay_id is no whole number; use the "
            "file as it was released"
        )
    repeated = stays["stay_id"].is_duplicated()
    if repeated.any():
        raise ValueError(
            f"{icustays.path}: stay_id {stays['stay_id'].filter(repeated)[0]} stands "
            "in several rows; use the file as it was released"
        )
    deaths = deaths.unique("hadm_id", keep="first", maintain_order=True)
    return stays.join(deaths, on="hadm_id", how="left", maintain_order="left")


def _valid_times(stays: pl.DataFrame) -> pl.Series:
    return (stays["outtime"] > stays["intime"]).fill_null(False)


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
