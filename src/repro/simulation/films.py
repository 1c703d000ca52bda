"""A simulated file in the layout of MM-IMDB: vectors of plots and posters, genres.

A genre follows latents that both vectors show, some that the plot alone shows and some
that the poster alone shows, so that neither vector tells all of it.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from repro import files
from repro.params.datasets import FilmSimulation

TEXT, IMAGE = 300, 512  # widths of the vectors; the real posters have 4,096
LATENTS = 4  # of each kind: shared, of the plot, of the poster
# Films of the 23 genres, most frequent first, of 25,959: about those of the real data,
# whose first is 13,967 (Drama) and last 338 (Film-Noir).
COUNTS = (
    *(13967, 8592, 5364, 5192, 3838, 3550, 2710, 2703, 2082, 2057),
    *(1991, 1933, 1668, 1343, 1335, 1143, 1045, 997, 841, 705),
    *(634, 471, 338),
)
SETS = (("train", 0.6), ("dev", 0.1), ("test", 0.3))  # in this order, as released
KINDS = ("shared", "text", "image")
MOST = 9999  # films that four digits name


@dataclass(frozen=True)
class Plan:
    """Latents of every film by kind, and the genres they lead to."""

    latents: dict[str, Float[np.ndarray, "films latents"]]
    genres: Bool[np.ndarray, "films genres"]

    def named(self, genres: Sequence[str]) -> list[str]:
        """The ids of the films, once the titles of genres are as many as were drawn.

        Raises:
            ValueError: they are not, or there are more films than four digits name.
        """
        count = len(self.genres)
        if len(genres) != len(COUNTS) or count > MOST:
            raise ValueError(
                f"{len(genres)} classes and {count} simulated films; MM-IMDB has "
                f"{len(COUNTS)} genres, and {MOST} films can be named"
            )
        return [f"sim{number:04d}" for number in range(count)]


def drawn_plan(
    planted: FilmSimulation, count: int, generator: np.random.Generator
) -> Plan:
    """Draw latents and genres; every film has one at least."""
    latents = {kind: generator.standard_normal((count, LATENTS)) for kind in KINDS}
    strengths = dict(zip(KINDS, (planted.shared, *planted.unique), strict=True))
    score = planted.label_noise * generator.logistic(size=(count, len(COUNTS)))
    for kind, values in latents.items():
        loadings = generator.standard_normal((LATENTS, len(COUNTS))) / np.sqrt(LATENTS)
        score += strengths[kind] * values @ loadings
    shares = np.array(COUNTS) / 25_959
    ranks = score.argsort(axis=0).argsort(axis=0)
    genres = ranks >= np.round((1 - shares) * count)
    alone = ~genres.any(axis=1)
    genres[alone, score[alone].argmax(axis=1)] = True
    return Plan(latents, genres)


def write_file(
    planted: FilmSimulation, genres: Sequence[str], count: int, folder: Path
) -> None:
    """Write multimodal_imdb.hdf5, and `truth.parquet` beside it.

    Raises:
        ValueError: there are not 23 genres, or more films than four digits can name.
    """
    plan = drawn_plan(planted, count, np.random.default_rng([planted.seed, 0]))
    ids = plan.named(genres)
    generator = np.random.default_rng([planted.seed, 1])
    text = _seen(plan, "text", TEXT, planted.noise[0], generator)
    image = _seen(plan, "image", IMAGE, planted.noise[1], generator)
    arrays = {
        "features": text,
        "vgg_features": np.maximum(image, 0.0),  # after a ReLU, as the real ones
        "genres": plan.genres.astype(np.int32),
        "imdb_ids": np.array(ids, dtype="S7"),
    }
    files.write_bytes(folder / "multimodal_imdb.hdf5", _hdf5(arrays, genres, count))
    files.write_table(folder / "truth.parquet", truth(plan, ids))


def cuts(count: int) -> dict[str, tuple[int, int]]:
    """First row and the one after the last of every set.

    >>> cuts(10)
    {'train': (0, 6), 'dev': (6, 7), 'test': (7, 10)}
    """
    ends = np.round(np.cumsum([share for _, share in SETS]) * count).astype(int)
    starts = [0, *ends[:-1].tolist()]
    names = [name for name, _ in SETS]
    return dict(zip(names, zip(starts, ends.tolist(), strict=True), strict=True))


def _seen(
    plan: Plan, kind: str, width: int, noise: float, generator: np.random.Generator
) -> Float[np.ndarray, "films features"]:
    """What a vector shows: the shared latents and its own, mixed, and noise."""
    both = np.hstack([plan.latents["shared"], plan.latents[kind]])
    mixed = both @ generator.standard_normal((2 * LATENTS, width))
    values = mixed / np.sqrt(2 * LATENTS)
    values += noise * generator.standard_normal(values.shape)
    return values.astype(np.float32)


def _hdf5(arrays: dict[str, np.ndarray], genres: Sequence[str], count: int) -> bytes:
    """The bytes of the file, with the attributes that Fuel gives it."""
    import h5py  # needed here and in the reader alone

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
        named = np.array([genre.encode() for genre in genres])
        file["genres"].attrs["target_names"] = named
        rows = [
            (name.encode(), source.encode(), *bounds)
            for name, bounds in cuts(count).items()
            for source in arrays
        ]
        kinds = [("split", "S5"), ("source", "S12"), ("start", "<i8"), ("stop", "<i8")]
        file.attrs["split"] = np.array(rows, dtype=kinds)
    return buffer.getvalue()


def truth(plan: Plan, ids: Sequence[str]) -> pd.DataFrame:
    """The latents of every film."""
    columns: dict[str, object] = {"id": list(ids)}
    for kind, values in plan.latents.items():
        for k in range(LATENTS):
            columns[f"{kind}_{k}"] = values[:, k]
    return pd.DataFrame(columns)
