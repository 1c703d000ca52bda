"""The prepared files that every later stage reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool

from repro import files
from repro.records import (
    SPLITS,
    Dataset,
    Fields,
    Modality,
    Pictures,
    Ragged,
    Texts,
)


@dataclass(frozen=True)
class Prepared:
    """Prepared files of a data set: samples, modalities in order, meta.

    `samples` has the columns id, group, split, y and `present_<modality>`.
    """

    samples: pd.DataFrame
    modalities: Mapping[str, Modality]
    meta: dict[str, Any]


def presence(modality: Modality) -> Bool[np.ndarray, " samples"]:
    """Whether each sample has the modality: a row, a file, a field that is stated, or
    a character that is no space.

    >>> presence(Texts(["a", " "])).tolist()
    [True, False]
    """
    if isinstance(modality, Texts):
        return np.array([bool(text.strip()) for text in modality.values], dtype=bool)
    if isinstance(modality, Pictures):
        return np.array([path != "" for path in modality.paths], dtype=bool)
    if isinstance(modality, Fields):
        has_word = (modality.words != "").to_numpy().any(axis=1)
        return has_word | ~np.isnan(modality.numbers).all(axis=1)
    return modality.lengths > 0


def write(dataset: Dataset, folder: Path) -> None:
    """Write samples.parquet, meta.json and one file per modality.

    Files of modalities that the data set no longer has are removed.
    """
    samples = dataset.samples[["id", "group", "split", "y"]].copy()
    for name, modality in dataset.modalities.items():
        samples[f"present_{name}"] = presence(modality)
    written = {"samples.parquet", "meta.json"}
    for name, modality in dataset.modalities.items():
        path = _file(folder, name, modality)
        written.add(path.name)
        if isinstance(modality, Fields):
            written |= {place.name for place in _write_fields(path, modality)}
            continue
        if isinstance(modality, Texts):
            table = pd.DataFrame({"id": samples["id"], "text": modality.values})
            files.write_table(path, table)
        elif isinstance(modality, Pictures):
            table = pd.DataFrame({"id": samples["id"], "path": modality.paths})
            files.write_table(path, table)
        else:
            write_ragged(path, modality)
    files.write_table(folder / "samples.parquet", samples)
    files.write_json(folder / "meta.json", _meta(dataset))
    for path in folder.iterdir():
        if path.suffix in (".parquet", ".safetensors") and path.name not in written:
            path.unlink()


def read_prepared(folder: Path) -> Prepared:
    """What `write` wrote.

    Raises:
        ValueError: a file is missing or cut short.
    """
    meta = files.read_json(folder / "meta.json")
    modalities: dict[str, Modality] = {}
    for name in meta["modalities"]:
        if meta["kinds"][name] == "text":
            table = files.read_table(folder / f"{name}.parquet")
            modalities[name] = Texts(table["text"].tolist())
        elif meta["kinds"][name] == "pictures":
            table = files.read_table(folder / f"{name}.parquet")
            modalities[name] = Pictures(table["path"].tolist())
        elif meta["kinds"][name] == "fields":
            modalities[name] = _read_fields(folder / f"{name}.safetensors")
        else:
            modalities[name] = read_ragged(folder / f"{name}.safetensors")
    return Prepared(files.read_table(folder / "samples.parquet"), modalities, meta)


def write_ragged(path: Path, ragged: Ragged) -> None:
    """Write the arrays `values`, `offsets` and, where given, `times`."""
    arrays = {"values": ragged.values, "offsets": ragged.offsets}
    if ragged.times is not None:
        arrays["times"] = ragged.times
    files.write_arrays(path, arrays)


def read_ragged(path: Path) -> Ragged:
    """Read what `write_ragged` wrote.

    Raises:
        ValueError: the file is missing or cut short.
    """
    arrays = files.read_arrays(path)
    return Ragged(arrays["values"], arrays["offsets"], arrays.get("times"))


def _write_fields(path: Path, fields: Fields) -> tuple[Path, Path]:
    """Write the names of numbers and the words beside the array, and say where."""
    names, words = _beside(path)
    files.write_arrays(path, {"numbers": fields.numbers})
    files.write_table(names, pd.DataFrame({"name": list(fields.names)}, dtype="str"))
    files.write_table(words, fields.words)
    return names, words


def _read_fields(path: Path) -> Fields:
    numbers = files.read_arrays(path)["numbers"]
    names, words = (files.read_table(place) for place in _beside(path))
    if words.empty:  # Parquet keeps no rows of a table without columns
        words = pd.DataFrame(index=range(len(numbers)))
    return Fields(tuple(names["name"]), numbers, words)


def _beside(path: Path) -> tuple[Path, Path]:
    return (
        path.with_name(f"{path.stem}_names.parquet"),
        path.with_name(f"{path.stem}_words.parquet"),
    )


def _file(folder: Path, name: str, modality: Modality) -> Path:
    suffix = "parquet" if isinstance(modality, Texts | Pictures) else "safetensors"
    return folder / f"{name}.{suffix}"


def _meta(dataset: Dataset) -> dict[str, Any]:
    counts = dataset.samples["split"].value_counts()
    return {
        "task": dataset.task,
        "classes": dataset.classes,
        "modalities": list(dataset.modalities),
        "kinds": {name: _kind(m) for name, m in dataset.modalities.items()},
        "features": {
            name: int(m.values.shape[1])
            for name, m in dataset.modalities.items()
            if isinstance(m, Ragged)
        },
        "units": {"y": "label units", "times": "hours"},
        "source": dataset.source,
        "simulated": dataset.simulated,
        "sizes": {split: int(counts[split]) for split in SPLITS},
        "notes": list(dataset.notes),
        "warnings": list(dataset.warnings),
    }


def _kind(modality: Modality) -> str:
    if isinstance(modality, Texts):
        return "text"
    if isinstance(modality, Pictures):
        return "pictures"
    if isinstance(modality, Fields):
        return "fields"
    return "sequence" if (modality.lengths > 1).any() else "vector"
