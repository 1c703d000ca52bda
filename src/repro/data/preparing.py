"""Checks on a data set, and the prepared files that every later stage reads."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool

from repro import files
from repro.records import SPLITS, Dataset, Ragged, Texts


@dataclass(frozen=True)
class Prepared:
    """Prepared files of a data set: samples, modalities in order, meta.

    `samples` has the columns id, group, split, y and `present_<modality>`.
    """

    samples: pd.DataFrame
    modalities: Mapping[str, Ragged | Texts]
    meta: dict[str, Any]


def check(
    dataset: Dataset, where: str, shared_groups: Literal["refuse", "report"]
) -> Dataset:
    """The data set with notes on what was met, once nothing in it is bad.

    Raises:
        ValueError: NaN or infinite features or labels, duplicate ids, an empty split
            or class, a group in two splits (unless `shared_groups` is `report`),
            lengths that disagree, or a sample without any modality. The message
            gives `where`, the count and the first ids.
    """
    samples = dataset.samples.reset_index(drop=True)
    _check_samples(samples, where)
    _check_labels(dataset, where)
    notes = list(dataset.notes)
    notes += _shared_group_notes(samples, where, shared_groups)
    for name, modality in dataset.modalities.items():
        _check_modality(name, modality, samples["id"], where)
    present = {name: presence(m) for name, m in dataset.modalities.items()}
    empty = ~np.any(list(present.values()), axis=0)
    if empty.any():
        raise ValueError(
            f"{where}: {_counted(samples['id'], empty)} have no modality at all; "
            "remove them from the data"
        )
    for name, there in present.items():
        if not there.all():
            notes.append(f"{name}: absent in {int((~there).sum())} samples")
    return replace(dataset, samples=samples, notes=tuple(notes))


def presence(modality: Ragged | Texts) -> Bool[np.ndarray, " samples"]:
    """Whether each sample has the modality: a row or a character that is no space.

    >>> presence(Texts(["a", " "])).tolist()
    [True, False]
    """
    if isinstance(modality, Texts):
        return np.array([bool(text.strip()) for text in modality.values], dtype=bool)
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
    modalities: dict[str, Ragged | Texts] = {}
    for name in meta["modalities"]:
        if meta["kinds"][name] == "text":
            table = files.read_table(folder / f"{name}.parquet")
            modalities[name] = Texts(table["text"].tolist())
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


def _file(folder: Path, name: str, modality: Ragged | Texts) -> Path:
    suffix = "parquet" if isinstance(modality, Texts) else "safetensors"
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


def _kind(modality: Ragged | Texts) -> str:
    if isinstance(modality, Texts):
        return "text"
    return "sequence" if (modality.lengths > 1).any() else "vector"


def _counted(ids: pd.Series, bad: np.ndarray) -> str:
    first = ", ".join(ids[bad].head(5))
    return f"{int(bad.sum())} samples (first ids {first})"


def _check_samples(samples: pd.DataFrame, where: str) -> None:
    duplicated = samples["id"].duplicated().to_numpy()
    if duplicated.any():
        raise ValueError(
            f"{where}: {_counted(samples['id'], duplicated)} repeat an id; "
            "give every sample its own"
        )
    for split in SPLITS:
        if not (samples["split"] == split).any():
            raise ValueError(f"{where}: split {split} is empty; give it samples")


def _check_labels(dataset: Dataset, where: str) -> None:
    samples = dataset.samples.reset_index(drop=True)
    y = samples["y"].to_numpy()
    bad = ~np.isfinite(y)
    if bad.any():
        raise ValueError(
            f"{where}: labels of {_counted(samples['id'], bad)} are NaN or infinite; "
            "correct or remove them"
        )
    if dataset.task == "regression":
        return
    odd = (y != np.floor(y)) | (y < 0) | (y >= dataset.classes)
    if odd.any():
        raise ValueError(
            f"{where}: labels of {_counted(samples['id'], odd)} are not among "
            f"the classes 0 to {dataset.classes - 1}; correct them"
        )
    for split in SPLITS:
        seen = set(y[(samples["split"] == split).to_numpy()].astype(int))
        empty = sorted(set(range(dataset.classes)) - seen)
        if empty:
            raise ValueError(
                f"{where}: split {split} has no sample of class {empty}; "
                "merge classes or split again"
            )


def _shared_group_notes(
    samples: pd.DataFrame, where: str, shared_groups: str
) -> list[str]:
    splits = samples.groupby("group", sort=True)["split"].nunique()
    shared = splits[splits > 1].index.tolist()
    if not shared:
        return []
    message = f"{len(shared)} groups stand in two splits, first {', '.join(shared[:5])}"
    if shared_groups == "refuse":
        raise ValueError(
            f"{where}: {message}; split by group, or set shared_groups: report where "
            "the published split asks for it"
        )
    return [message]


def _check_modality(
    name: str, modality: Ragged | Texts, ids: pd.Series, where: str
) -> None:
    count = len(modality.values if isinstance(modality, Texts) else modality.lengths)
    if count != len(ids):
        raise ValueError(
            f"{where}: {name} has {count} samples, the labels have {len(ids)}; "
            "they must be the same samples in the same order"
        )
    if isinstance(modality, Texts):
        return
    lengths, rows = modality.lengths, len(modality.values)
    if (lengths < 0).any() or lengths.sum() != rows or modality.offsets[0] != 0:
        raise ValueError(
            f"{where}: {name} has {rows} rows, its lengths sum to {lengths.sum()}; "
            "the file is damaged"
        )
    finite = np.isfinite(modality.values)
    if not finite.all():
        owner = np.repeat(np.arange(len(ids)), lengths)
        bad = np.zeros(len(ids), dtype=bool)
        bad[owner[~finite.all(axis=1)]] = True
        raise ValueError(
            f"{where}: {name} has {int((~finite).sum())} NaN or infinite values in "
            f"{_counted(ids, bad)}; correct or remove them"
        )
