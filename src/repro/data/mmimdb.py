"""Reader of MM-IMDB: plots and posters of films as vectors, and their genres.

The file is `multimodal_imdb.hdf5`, as the authors' own script writes it with Fuel.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from repro.data.places import inside, regular_file
from repro.records import Dataset, Ragged, coded

if TYPE_CHECKING:
    import h5py

FILE = "multimodal_imdb.hdf5"
MODALITIES = {"text": "features", "image": "vgg_features"}  # and where each is stored
SETS = {"train": "train", "dev": "valid", "test": "test"}
# What repro.simulation.films calls its films.
_SIMULATED = r"sim\d{4}"


def read(root: Path, genres: Sequence[str], *, simulated: bool = False) -> Dataset:
    """A vector of the plot and one of the poster of every film, and its genres.

    The split is that which the file states. The label is `coded` genres, in the order
    of `genres`; every film is a group of its own.

    Source: Arevalo et al. 2017, arXiv:1702.01992.
    Departure: the loader of I2MoE cuts rows at fixed numbers, whatever the file says.
    Raises:
        ValueError: the file is missing or damaged, its arrays differ in length, its
            genres are not `genres`, its split leaves rows out or takes them twice, or
            it is called simulated and is not.
    """
    import h5py  # needed here alone

    path = regular_file(inside(root, FILE))
    try:
        with h5py.File(path, "r") as file:
            ids = _ids(file, path)
            rows = len(ids)
            values = {m: _array(file, n, 2, rows, path) for m, n in MODALITIES.items()}
            labels = _labels(file, genres, rows, path)
            split = _split(file, rows, path)
    except OSError as error:
        raise ValueError(
            f"{path}: not a whole HDF5 file ({error}); download it again"
        ) from None
    simulated = is_made_up(ids, path, simulated=simulated)
    bare = int((~labels.any(axis=1)).sum())
    offsets = np.arange(rows + 1)
    return Dataset(
        pd.DataFrame({"id": ids, "group": ids, "split": split, "y": coded(labels)}),
        {m: Ragged(v.astype(np.float32), offsets) for m, v in values.items()},
        source="simulated" if simulated else "mmimdb",
        simulated=simulated,
        task="multilabel",
        classes=len(genres),
        notes=(f"{bare} films have none of the genres",) if bare else (),
    )


def _stored(file: "h5py.File", name: str, path: Path) -> "h5py.Dataset":
    """An array that lies in the file itself.

    Raises:
        ValueError: there is none, or it is a link or lies in another file.
    """
    import h5py

    link = file.get(name, getlink=True)
    stored = file.get(name) if isinstance(link, h5py.HardLink) else None
    if not isinstance(stored, h5py.Dataset) or stored.external or stored.is_virtual:
        raise ValueError(
            f"{path}: holds no array {name} of its own among {sorted(file)[:20]}; give "
            f"{FILE} of MM-IMDB"
        )
    return stored


def _array(
    file: "h5py.File", name: str, dimensions: int, rows: int, path: Path
) -> np.ndarray:
    stored = _stored(file, name, path)
    if stored.ndim != dimensions or stored.shape[0] != rows or 0 in stored.shape:
        raise ValueError(
            f"{path}: {name} has shape {stored.shape}, but there are {rows} films of "
            f"imdb_ids, each with a row of {dimensions - 1} dimension; the file is "
            "damaged"
        )
    if stored.dtype.kind not in "fiu":
        raise ValueError(f"{path}: {name} holds {stored.dtype}, numbers are needed")
    return stored[()]


def _ids(file: "h5py.File", path: Path) -> list[str]:
    stored = _stored(file, "imdb_ids", path)
    if stored.ndim not in (1, 2) or stored.dtype.kind not in "SO" or not stored.size:
        raise ValueError(
            f"{path}: imdb_ids has shape {stored.shape} of {stored.dtype}; the names "
            "of films are needed"
        )
    try:
        return [str(name) for name in stored.asstr()[()].reshape(len(stored))]
    except (TypeError, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"{path}: imdb_ids are no names ({error})") from None


def _labels(
    file: "h5py.File", genres: Sequence[str], rows: int, path: Path
) -> Bool[np.ndarray, "films genres"]:
    """Which of `genres` every film has.

    Raises:
        ValueError: the file names others, or a value is neither 0 nor 1.
    """
    values = _array(file, "genres", 2, rows, path)
    named = file["genres"].attrs.get("target_names")
    found = [] if named is None else [_word(name) for name in np.ravel(named)]
    if len(found) != values.shape[1]:
        raise ValueError(
            f"{path}: genres has {values.shape[1]} columns and {len(found)} names in "
            "its attribute target_names; the file is damaged"
        )
    if sorted(found) != sorted(genres):
        odd = sorted(set(found) ^ set(genres)) or sorted(found)
        raise ValueError(
            f"{path}: the genre {odd[0]!r} stands in the file or in `classes` of "
            "params.yaml alone, or twice; list the genres of the file there"
        )
    if not np.isin(values, (0, 1)).all():
        raise ValueError(f"{path}: genres holds other values than 0 and 1")
    return values[:, [found.index(genre) for genre in genres]] == 1


def _split(file: "h5py.File", rows: int, path: Path) -> np.ndarray:
    """The split of every row, as the attribute of Fuel states it.

    Raises:
        ValueError: there is no such attribute, a set is unknown, arrays are divided
            in different ways, or a row is in no set or in two.
    """
    stated = file.attrs.get("split")
    fields = getattr(getattr(stated, "dtype", None), "names", None) or ()
    if not {"split", "source", "start", "stop"} <= set(fields):
        raise ValueError(
            f"{path}: has no attribute `split` with split, source, start and stop; "
            f"give {FILE} of MM-IMDB"
        )
    wanted = {*MODALITIES.values(), "genres"}
    bounds: dict[str, dict[str, tuple[int, int]]] = {name: {} for name in wanted}
    for entry in stated:
        source, name = _word(entry["source"]), _word(entry["split"])
        if source in wanted:
            bounds[source][name] = (int(entry["start"]), int(entry["stop"]))
    first = bounds["genres"]
    if set(first) != set(SETS) or any(other != first for other in bounds.values()):
        raise ValueError(
            f"{path}: the attribute `split` divides genres into {sorted(first)} and "
            f"other arrays in another way; it needs {', '.join(SETS)} for each"
        )
    return _filled(first, rows, path)


def _filled(bounds: Mapping[str, tuple[int, int]], rows: int, path: Path) -> np.ndarray:
    counts: Int[np.ndarray, " rows"] = np.zeros(rows, dtype=np.int64)
    split = np.full(rows, "", dtype="<U5")
    for name, (start, stop) in bounds.items():
        if not 0 <= start < stop <= rows:
            raise ValueError(
                f"{path}: the attribute `split` gives rows {start} to {stop} to "
                f"{name}, there are {rows}; the file is damaged"
            )
        counts[start:stop] += 1
        split[start:stop] = SETS[name]
    if (counts != 1).any():
        raise ValueError(
            f"{path}: the attribute `split` has {int((counts == 0).sum())} rows in no "
            f"set and {int((counts > 1).sum())} in several; the file is damaged"
        )
    return split


def _word(name: object) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def is_made_up(ids: Sequence[str], path: Path, *, simulated: bool) -> bool:
    """Whether the simulator wrote the file, by the ids of all films.

    Raises:
        ValueError: it is called simulated and is not.
    """
    made_up = pd.Series(ids).str.fullmatch(_SIMULATED).astype(bool)
    if simulated and not made_up.all():
        raise ValueError(
            f"{path}: the simulator did not write it, {int((~made_up).sum())} films "
            "are not its own; set source: own"
        )
    return bool(made_up.all())
