"""Reader of MM-IMDB as plots and posters: one JSON and one JPEG per film."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from repro.data.mmimdb import SETS, is_made_up
from repro.data.places import inside, regular_file
from repro.records import Dataset, Pictures, Texts, coded

FOLDER, SPLIT = "dataset", "split.json"
# Genres that the authors leave out, as too rare.
RARE = ("News", "Adult", "Talk-Show", "Reality-TV")


def read(root: Path, genres: Sequence[str], *, simulated: bool = False) -> Dataset:
    """The longest plot and the poster of every film of split.json, and its genres.

    The label is `coded` genres, in the order of `genres`; every film is a group of its
    own. A poster that is not there is absent; a film of none but rare genres is left
    out, which is a note.

    Source: Arevalo et al. 2017, arXiv:1702.01992; the layout of its mmimdb.tar.gz.
    Raises:
        ValueError: a file is missing or is no JSON of its kind, a film stands in two
            sets, a genre is unknown, or the files are called simulated and are not.
    """
    split = dict(_divided(root))
    films = [_film(root, film) for film in split]
    for film, (_, found) in zip(split, films, strict=True):
        _check_known(found, genres, film, root)
    kept = [not set(genres).isdisjoint(found) for _, found in films]
    own = [found for (_, found), has in zip(films, kept, strict=True) if has]
    labels = np.array([[genre in found for genre in genres] for found in own], bool)
    ids = [film for film, has in zip(split, kept, strict=True) if has]
    plots = [plot for (plot, _), has in zip(films, kept, strict=True) if has]
    simulated = is_made_up(list(split), root / SPLIT, simulated=simulated)
    bare = kept.count(False)
    rare = Counter(g for _, found in films for g in set(found) if g in RARE)
    told = ", ".join(f"{genre} {count}" for genre, count in sorted(rare.items()))
    return Dataset(
        pd.DataFrame(
            {
                "id": ids,
                "group": ids,
                "split": [split[film] for film in ids],
                "y": coded(labels.reshape(-1, len(genres))),
            }
        ),
        {"text": Texts(plots), "image": _posters(root, ids)},
        source="simulated" if simulated else "mmimdb_files",
        simulated=simulated,
        task="multilabel",
        classes=len(genres),
        notes=(
            *([f"{bare} films left out, of none of the genres"] if bare else []),
            *([f"genres left out as too rare: {told}"] if told else []),
        ),
    )


def _divided(root: Path) -> Iterator[tuple[str, str]]:
    """Every film with its split.

    Raises:
        ValueError: a set is missing or no list of names, or has a film again.
    """
    path = inside(root, SPLIT)
    sets, seen = _json(path), set[str]()
    for name, split in SETS.items():
        films = sets.get(name)
        if not isinstance(films, list) or not all(isinstance(f, str) for f in films):
            raise ValueError(
                f"{path}: {name} is no list of names of films; it needs "
                f"{', '.join(SETS)}"
            )
        for film in films:
            if film in seen:
                raise ValueError(f"{path}: film {film!r} stands twice; leave one")
            seen.add(film)
            yield film, split


def _film(root: Path, film: str) -> tuple[str, list[str]]:
    """The longest plot of a film, and its genres."""
    path = inside(root, f"{FOLDER}/{film}.json")
    content = _json(path)
    plots, genres = content.get("plot", []), content.get("genres")
    plots = [plots] if isinstance(plots, str) else plots
    for name, values in (("plot", plots), ("genres", genres)):
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            raise ValueError(f"{path}: {name} is no list of texts; download it again")
    return max(plots, key=len, default=""), list(genres or [])


def _check_known(
    found: Sequence[str], genres: Sequence[str], film: str, root: Path
) -> None:
    unknown = sorted(set(found) - {*genres, *RARE})
    if unknown:
        raise ValueError(
            f"{root / FOLDER / film}.json: the genre {unknown[0]!r} is neither in "
            f"`classes` of params.yaml nor one of {', '.join(RARE)}"
        )


def _posters(root: Path, ids: Sequence[str]) -> Pictures:
    found = [f"{FOLDER}/{film}.jpeg" for film in ids]
    there = [path if inside(root, path).is_file() else "" for path in found]
    if not any(there):
        raise ValueError(f"{root / FOLDER}: has no <film>.jpeg; unpack mmimdb.tar.gz")
    return Pictures(there)


def _json(path: Path) -> dict:
    try:
        content = json.loads(regular_file(path).read_text("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON ({error}); download it again") from None
    if not isinstance(content, dict):
        raise ValueError(
            f"{path}: holds a {type(content).__name__}, not an object; download it "
            "again"
        )
    return content
