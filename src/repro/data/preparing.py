"""The prepared files that every later stage reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool

from repro import files
from repro.records import SPLITS, Dataset, Modality, Pictures, Ragged, Texts


@dataclass(frozen=True)
class Prepared:
    """Prepared files of a data set: samples, modalities in order, meta.

    `samples` has the columns id, group, split, y and `present_<modality>`.
    """

    samples: pd.DataFrame
    modalities: Mapping[str, Modality]
    meta: dict[str, Any]


def presence(modality: Modality) -> Bool[np.ndarray, " samples"]:
    """Whether each sample has the modality: a row, a file, or a character that is no
    space.

    >>> presence(Texts(["a", " "])).tolist()
    [True, False]
    """
    if isinstance(modality, Texts):
        return np.array([bool(text.strip()) for text in modality.values], dtype=bool)
    if isinstance(modality, Pictures):
        return np.array([path != "" for path in modality.paths], dtype=bool)
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


def _file(folder: Path, name: str, modality: Modality) -> Path:
    suffix = "safetensors" if isinstance(modality, Ragged) else "parquet"
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
    return "sequence" if (modality.lengths > 1).any() else "vector"
