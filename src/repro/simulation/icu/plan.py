"""The plan of a simulated tree: patients, stays, times, classes and the truth."""

import zlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Shaped

from repro.simulation.icu import latents
from repro.simulation.icu.settings import (
    EDGES,
    LEAST_DAYS,
    MODALITIES,
    Signals,
    Size,
    check,
)
from repro.simulation.planted import LATENTS, Planted, drawn, score_parts
from repro.simulation.posterior import reliability

LONGEST_DAYS = 60
CHARTED_HOURS = 51  # rows go on a little after the window, as in the real tables


@dataclass(frozen=True)
class Plan:
    """One row per ICU stay of the tree, in the order of stay_id.

    `stays`: subject_id, hadm_id, stay_id, kind (eligible | short | reversed |
    silent), intime, outtime, admittime, dischtime, died, y (-1 where not eligible),
    charted (hours with chart rows). `truth`: the eligible stays only.
    """

    stays: pd.DataFrame
    seen: Float[np.ndarray, "stays modalities latents"]
    present: Bool[np.ndarray, "stays modalities"]
    truth: pd.DataFrame


def generator_of(seed: int, part: str) -> np.random.Generator:
    """The generator of one part of the tree, so that parts do not disturb others."""
    return np.random.default_rng([seed, zlib.crc32(part.encode())])


def drawn_plan(size: Size, signals: Signals, seed: int) -> Plan:
    """Draw everything that is known before a file is written.

    Raises:
        ValueError: a size or a strength is out of range.
    """
    check(size, signals)
    generator = generator_of(seed, "plan")
    kind = _kinds(size, generator)
    planted = drawn(signals.law, len(kind), generator)
    parts = score_parts(latents.parts_of(signals), MODALITIES, planted)
    eligible = kind == "eligible"
    y = np.full(len(kind), -1)
    score = np.sum(list(parts.values()), axis=0)
    y[eligible] = latents.classes(score[eligible], size.mix)
    # Stays outside the cohort have notes, but no images and no ECGs.
    present = np.tile(np.array([True, True, False, False]), (len(kind), 1))
    present[eligible] = latents.presence(size, y[eligible], generator)
    stays = _stays(kind, y, size.second_stays, generator)
    truth = _truth(signals, planted, parts, present).assign(y=y)
    truth.insert(0, "stay_id", stays["stay_id"])
    return Plan(stays, planted.seen, present, truth[eligible].reset_index(drop=True))


def at(
    plan: Plan, owner: Int[np.ndarray, " rows"], hours: Float[np.ndarray, " rows"]
) -> Shaped[np.ndarray, " rows"]:
    """Clock time of rows that lie `hours` after the intime of their stay."""
    seconds = np.rint(hours * 3600).astype("timedelta64[s]")
    return plan.stays["intime"].to_numpy()[owner] + seconds


def objects(
    plan: Plan, modality: str, most: int, generator: np.random.Generator
) -> tuple[Int[np.ndarray, " objects"], Float[np.ndarray, " objects"]]:
    """Stay (row number) and hours of every object of a modality, in this order.

    A stay that has the modality has 1 to `most` objects inside the window. A few
    eligible stays have one after it, whether they have the modality or not.
    """
    present = plan.present[:, MODALITIES.index(modality)]
    charted = plan.stays["charted"].to_numpy()
    has = np.flatnonzero(present & (charted > 0))
    counts = generator.integers(1, most + 1, len(has))
    owner = np.repeat(has, counts)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    # The first object is early enough for its report to be stored in the window.
    latest = np.where(np.isin(np.arange(len(owner)), first), 30.0, 47.0)
    latest = np.minimum(latest, charted[owner] - 0.5).clip(0.6)
    hours = generator.uniform(0.5, latest)
    long = np.flatnonzero(plan.stays["y"].to_numpy() > 0)
    after = long[generator.random(len(long)) < 0.03]
    owner = np.concatenate([owner, after])
    hours = np.concatenate([hours, generator.uniform(49, 70, len(after))])
    order = np.lexsort((hours, owner))
    return owner[order], hours[order]


def identifiers(
    first_digit: int, count: int, generator: np.random.Generator
) -> Int[np.ndarray, " ids"]:
    """Different eight-digit numbers with the given first digit, ascending."""
    chosen = generator.choice(9_999_999, size=count, replace=False, shuffle=False)
    return first_digit * 10_000_000 + 1 + np.sort(chosen)


def chosen(
    pool: Int[np.ndarray, " pool"], count: int, generator: np.random.Generator
) -> Int[np.ndarray, " chosen"]:
    """`count` different members of the pool, or all of them where it is smaller."""
    return np.sort(generator.choice(pool, min(count, len(pool)), replace=False))


def _kinds(size: Size, generator: np.random.Generator) -> Shaped[np.ndarray, " stays"]:
    counts = {
        "eligible": size.stays,
        "short": size.short_stays,
        "reversed": size.dirt.reversed_stays,
        "silent": size.dirt.silent_stays,
    }
    return generator.permutation(np.repeat(list(counts), list(counts.values())))


def _days(
    kind: Shaped[np.ndarray, " stays"],
    y: Int[np.ndarray, " stays"],
    generator: np.random.Generator,
) -> Float[np.ndarray, " stays"]:
    """Length of stay, a little away from the edges; negative where reversed."""
    bounds = np.array([LEAST_DAYS, *EDGES, LONGEST_DAYS], dtype=float)
    fraction = generator.uniform(0.005, 0.995, len(y))
    # The longest class thins out towards its end.
    fraction = np.where(y == 3, fraction**3, fraction).clip(0.0005)
    days = bounds[y] + fraction * (bounds[y + 1] - bounds[y])
    days = np.where(kind == "short", 0.3 + 1.6 * fraction, days)
    days = np.where(kind == "reversed", -0.1 - fraction, days)
    return np.where(kind == "silent", 2.1 + 6 * fraction, days)


def _stays(
    kind: Shaped[np.ndarray, " stays"],
    y: Int[np.ndarray, " stays"],
    second: float,
    generator: np.random.Generator,
) -> pd.DataFrame:
    count = len(kind)
    patients = int(np.ceil(count / (1 + second)))
    again = generator.choice(patients, count - patients, replace=False)
    owner = np.concatenate([np.arange(patients), again])
    span = (_days(kind, y, generator) * 86400).round().astype("timedelta64[s]")
    seconds = generator.integers(0, 90 * 365 * 86400, patients)
    start = np.datetime64("2110-01-01", "s") + seconds
    # The second stay of a patient comes a month to a year after the first.
    gap = generator.integers(100 * 86400, 400 * 86400, count - patients)
    intime = np.concatenate([start, start[again] + gap])
    outtime = intime + span
    leave = np.maximum(intime, outtime)
    died = (generator.random(count) < 0.08) & (kind == "eligible")
    died[again] = False
    rest = np.where(died, 0, generator.integers(3600, 5 * 86400, count))
    days = np.where(kind == "reversed", 1.0, span / np.timedelta64(1, "D"))
    charted = np.where(kind == "silent", 0.0, np.minimum(24 * days, CHARTED_HOURS))
    return pd.DataFrame(
        {
            "subject_id": generator.permutation(identifiers(1, patients, generator))[
                owner
            ],
            "hadm_id": generator.permutation(identifiers(2, count, generator)),
            "stay_id": identifiers(3, count, generator),
            "kind": kind,
            "intime": intime,
            "outtime": outtime,
            "admittime": intime - generator.integers(600, 20 * 3600, count),
            "dischtime": leave + rest.astype("timedelta64[s]"),
            "died": died,
            "y": y,
            "charted": charted,
        }
    )


def _truth(
    signals: Signals,
    planted: Planted,
    parts: dict[str, np.ndarray],
    present: Bool[np.ndarray, "stays modalities"],
) -> pd.DataFrame:
    columns = {f"part_{name}": part for name, part in parts.items()}
    columns["score"] = np.sum(list(parts.values()), axis=0)
    scale = latents.score_scale(signals) / (1 + signals.latent_noise**2)
    certain = reliability(signals.law, planted.seen, present)
    for m, name in enumerate(MODALITIES):
        seen = planted.seen[:, m]
        expected = signals.unique[m] * seen[:, 0] + signals.shared * seen[:, 1]
        informs = planted.reliable[:, m] & present[:, m]
        columns[f"present_{name}"] = present[:, m]
        columns[f"reliable_{name}"] = informs
        columns[f"posterior_{name}"] = certain[:, m]
        columns[f"information_{name}"] = np.where(informs, scale * abs(expected), 0.0)
        columns[f"latent_{name}_unique"] = planted.unique[:, m]
        columns[f"latent_{name}_synergy"] = planted.synergy[:, m]
        for k, latent in enumerate(LATENTS):
            columns[f"seen_{name}_{latent}"] = seen[:, k]
    columns["latent_shared"] = planted.shared
    return pd.DataFrame(columns)
