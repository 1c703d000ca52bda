"""Reader of ENRICO: screenshots and wireframes of mobile apps in 20 design topics."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from repro.data.csv_files import csv_table
from repro.data.hierarchies import app_of
from repro.data.mimiciv.splits import dealt
from repro.data.places import inside
from repro.data.spelling import merged, plain
from repro.records import SPLITS, Dataset, Pictures

TOPICS, ISSUES = "design_topics.csv", "issues.csv"
HIERARCHIES = "hierarchies"
FOLDERS = {"screenshot": ("screenshots", "jpg"), "wireframe": ("wireframes", "png")}
SOURCES = (*FOLDERS, "hierarchy")
SEVERITIES = ("low", "medium", "high")
UNAVAILABLE = "not available"
SHARES = (0.65, 0.15, 0.20)  # of train, valid and test, as released
SEED = 42  # of the released split
# What repro.simulation.screens calls its screens.
_SIMULATED = r"sim\d{5}"


@dataclass(frozen=True)
class Rules:
    """How screens are dropped and divided.

    `grouped`: rows with a picture of high severity in the list of issues are dropped,
    and no app stands in two splits. `published`: the rows whose wireframe is not
    available are dropped, and the released split is drawn.
    """

    split: Literal["grouped", "published"]
    simulated: bool = False


def read(root: Path, topics: Sequence[str], rules: Rules) -> Dataset:
    """Two pictures of every screen, its topic and its app.

    The label is the place of the topic in `topics`. A screen whose hierarchy names no
    app is a group of its own; without the folder of hierarchies all are, which is a
    note. A picture that is not there is absent.

    Source: Leiva et al. 2020, doi:10.1145/3406324.3410710.
    Departure: the released loaders divide screens, so that an app may train and test,
    and keep wireframes that show another screen.
    Raises:
        ValueError: a file or folder is missing or bad, a screen stands twice, a topic,
            source or severity is unknown, or the files are called simulated and are
            not.
    """
    table = _topics(root, topics)
    simulated = _is_made_up(table["screen_id"], root, simulated=rules.simulated)
    dropped, notes = _dropped(table["screen_id"], root, rules)
    table = table[~dropped].reset_index(drop=True)
    ids = table["screen_id"].tolist()
    pictures = {name: _pictures(root, name, ids) for name in FOLDERS}
    apps, told = _apps(root, ids)
    if rules.split == "published":
        split = published_split(len(table))
    else:
        split = grouped_split(np.array(apps), table["y"].to_numpy())
    samples = pd.DataFrame({"id": ids, "group": apps, "split": split})
    return Dataset(
        samples.assign(y=table["y"].astype(np.float64)),
        pictures,
        source="simulated" if simulated else "enrico",
        simulated=simulated,
        task="classification",
        classes=len(topics),
        notes=(*notes, *told),
    )


def published_split(rows: int) -> np.ndarray:
    """The released split of rows in the order of the file, those dropped left out.

    Source: the loader of MultiBench, which I2MoE shares: the rows shuffled by Python's
    own generator of seed 42 and cut at int(0.65 n) and int(0.8 n).

    >>> [published_split(1458).tolist().count(split) for split in SPLITS]
    [947, 219, 292]
    """
    order = list(range(rows))
    random.Random(SEED).shuffle(order)
    first, second = int(rows * SHARES[0]), int(rows * (SHARES[0] + SHARES[1]))
    split = np.full(rows, SPLITS[1], dtype="<U5")
    split[order[:first]], split[order[second:]] = SPLITS[0], SPLITS[2]
    return split


def grouped_split(apps: np.ndarray, y: Int[np.ndarray, " screens"]) -> np.ndarray:
    """A split that keeps apps whole and spreads topics evenly, rare ones first.

    Shape: `apps` has one name per screen.
    Raises:
        ValueError: there are fewer than three apps.
    """
    if len(set(apps)) < len(SPLITS):
        raise ValueError(
            f"{len(set(apps))} apps cannot be divided into {', '.join(SPLITS)}; give "
            "the whole data set, or set split: published"
        )
    numbers = np.unique(apps, return_inverse=True)[1]
    return np.array(SPLITS)[dealt(numbers, y, SHARES, 0)]


def _topics(root: Path, topics: Sequence[str]) -> pd.DataFrame:
    """Screens and their labels, in the order of the file."""
    path = inside(root, TOPICS)
    table = csv_table(path, ("screen_id", "topic"))
    ids = table["screen_id"].str.strip()
    again = ids.map(plain).duplicated()
    if again.any():
        raise ValueError(
            f"{path}: screen_id has {int(again.sum())} screens again, first "
            f"{ids[again].iloc[0]!r}; leave one row of each"
        )
    places = {topic.lower(): k for k, topic in enumerate(topics)}
    y = table["topic"].str.strip().str.lower().map(places)
    if y.isna().any():
        raise ValueError(
            f"{path}: topic has {table['topic'][y.isna()].iloc[0]!r} in "
            f"{int(y.isna().sum())} rows, first screen {ids[y.isna()].iloc[0]!r}; the "
            f"classes in params.yaml are {', '.join(topics)}"
        )
    return pd.DataFrame({"screen_id": ids, "y": y.astype(np.int64)})


def _is_made_up(ids: pd.Series, root: Path, *, simulated: bool) -> bool:
    """Whether the simulator wrote the files, by the ids of all screens."""
    made_up = ids.str.fullmatch(_SIMULATED).astype(bool)
    if simulated and not made_up.all():
        raise ValueError(
            f"{root / TOPICS}: the simulator did not write it, {int((~made_up).sum())} "
            f"screens are not its own (first {ids[~made_up].iloc[0][:80]!r}); set "
            "source: own"
        )
    return bool(made_up.all())


def _dropped(
    ids: pd.Series, root: Path, rules: Rules
) -> tuple[Bool[np.ndarray, " screens"], list[str]]:
    """Screens that are dropped for an issue with one of their pictures, and notes."""
    path = inside(root, ISSUES)
    issues = csv_table(path, ("screen_id", "source", "description", "severity"))
    for column, known in (("source", SOURCES), ("severity", SEVERITIES)):
        odd = issues[~issues[column].isin(known)]
        if len(odd):
            raise ValueError(
                f"{path}: {column} has {odd[column].iloc[0]!r} for screen "
                f"{odd['screen_id'].iloc[0]!r}; use {', '.join(known)}"
            )
    grave = issues[(issues["severity"] == "high") & (issues["source"] != "hierarchy")]
    is_grave = ids.isin(grave["screen_id"].str.strip()).to_numpy()
    if rules.split == "grouped":
        counts = grave["source"][grave["screen_id"].isin(ids)].value_counts()
        told = ", ".join(f"{counts.get(name, 0)} {name}s" for name in FOLDERS)
        note = f"{is_grave.sum()} screens dropped for issues of high severity ({told})"
        return is_grave, [note]
    lost = grave["screen_id"][grave["description"] == UNAVAILABLE].str.strip()
    is_lost = ids.isin(lost).to_numpy()
    kept = int((is_grave & ~is_lost).sum())
    return is_lost, [
        f"{is_lost.sum()} screens dropped, their wireframe not available, {kept} kept "
        "with an issue of high severity, as published"
    ]


def _pictures(root: Path, name: str, ids: Sequence[str]) -> Pictures:
    """The files of a modality that are there.

    Raises:
        ValueError: their folder is missing or holds none of them, or an id leads out
            of it.
    """
    folder, suffix = FOLDERS[name]
    place = inside(root, folder)
    if not place.is_dir():
        raise ValueError(f"{place}: no such folder; unpack {folder}.zip there")
    found = [f"{folder}/{screen}.{suffix}" for screen in ids]
    there = [path if inside(root, path).is_file() else "" for path in found]
    if not any(there):
        raise ValueError(
            f"{place}: has no <screen_id>.{suffix} of {TOPICS}; unpack {folder}.zip "
            "there"
        )
    return Pictures(there)


def _apps(root: Path, ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """The app of every screen, or the screen itself, and a note on the latter."""
    folder = inside(root, HIERARCHIES)
    if not folder.is_dir():
        return list(ids), [
            f"no folder {HIERARCHIES}: every screen is taken for an app of its own, so "
            "that screens of one app may stand in two splits"
        ]
    paths = [inside(root, f"{HIERARCHIES}/{screen}.json") for screen in ids]
    named = [app_of(path) if path.exists() else "" for path in paths]
    apps, _ = merged([app or own for app, own in zip(named, ids, strict=True)])
    alone = named.count("")
    note = f"{alone} screens name no app and are taken for an app of their own each"
    return apps, [f"{len(set(named) - {''})} apps", *([note] if alone else [])]
