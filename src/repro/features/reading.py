"""What training reads: samples, modality order and the features of each modality."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from repro import files, paths
from repro.data.preparing import read_ragged
from repro.records import Ragged

MOST_LOST = 0.05  # share of samples a complete data set may have without a modality
OF_OBJECTS = ("documents", "objects")  # kinds of modalities that stays have
OF_STAYS = ("events", *OF_OBJECTS)
MAY_BE_LOST = (*OF_STAYS, "pictures")  # whose files may turn out unreadable


@dataclass(frozen=True)
class Features:
    """Samples with `present_<modality>` columns, features and meta of a data set.

    `modalities` is in the order of the data set; `hourly` has the series that also
    come on an hourly grid; `meta` is that of the prepared files, with the metas of the
    feature folders added.
    """

    samples: pd.DataFrame
    modalities: dict[str, Ragged]
    meta: dict[str, Any]
    hourly: dict[str, Ragged] = field(default_factory=dict)


def read_features(
    dataset: str, encoder: str | None = None, *, pooled: bool = False
) -> Features:
    """Features of every modality; texts are those of `encoder`.

    Of an encoder that is fine-tuned these are token ids, or, when `pooled`, the vectors
    of the encoder before any training.

    Raises:
        ValueError: a file is missing or cut short, does not have the samples of the
            prepared files, or too many samples of a complete data set have no object
            of a modality that can be read, or too many of any have no picture.
    """
    folder = paths.prepared(dataset)
    meta = files.read_json(folder / "meta.json")
    if "empty" in meta:
        raise ValueError(meta["empty"])
    samples = files.read_table(folder / "samples.parquet")
    if encoder is not None:
        path = paths.features(dataset, "text", encoder) / "meta.json"
        meta["text"] = files.read_json(path)
    else:  # stays have notes, whose meta takes this place, and pictures have none
        meta["text"] = {"absent": True}
    is_complete = bool(samples.filter(like="present_").to_numpy().all())
    modalities: dict[str, Ragged] = {}
    hourly: dict[str, Ragged] = {}
    for name in meta["modalities"]:
        path = _file(dataset, name, meta, encoder, pooled)
        modalities[name] = read_ragged(path)
        lost = _lost(samples, name, modalities[name], path)
        if lost.any():
            meta["notes"].append(_told(lost, name, meta, path, is_complete))
            samples[f"present_{name}"] &= ~lost
        if meta["kinds"][name] == "events":
            hourly[name] = read_ragged(path.with_stem(f"{name}_hourly"))
    return Features(samples, modalities, meta, hourly)


def _file(
    dataset: str, name: str, meta: dict[str, Any], encoder: str | None, pooled: bool
) -> Path:
    """The feature file of a modality; how objects were read goes into `meta`."""
    kind = meta["kinds"][name]
    if kind == "text" and encoder is not None:
        has_ids = meta["text"]["encoder"]["finetune"]
        stem = "pooled" if has_ids and pooled else name
        return paths.features(dataset, "text", encoder) / f"{stem}.safetensors"
    made_as = kind if kind in ("pictures", "text") else "series"
    folder = paths.features(dataset, name if kind in OF_OBJECTS else made_as)
    if kind in MAY_BE_LOST:
        meta[name] = files.read_json(folder / "meta.json")[name]
    return folder / f"{name}.safetensors"


def _lost(samples: pd.DataFrame, name: str, features: Ragged, path: Path) -> pd.Series:
    """Samples that have the modality but no features of it."""
    rows, present = features.lengths > 0, samples[f"present_{name}"]
    if len(rows) != len(samples) or (rows & ~present).any():
        raise ValueError(
            f"{path}: made from other samples than data/prepared has; run the stage "
            "that writes it again"
        )
    return present & ~rows


def _told(
    lost: pd.Series, name: str, meta: dict[str, Any], path: Path, is_complete: bool
) -> str:
    """A note on what was lost.

    Raises:
        ValueError: nothing may be lost of this kind, or not so much.
    """
    count = int(lost.sum())
    if meta["kinds"][name] not in MAY_BE_LOST:
        raise ValueError(
            f"{path}: {count} samples that have {name} have no features; run the stage "
            "that writes it again"
        )
    is_picture = meta["kinds"][name] == "pictures"
    whole = "samples" if is_picture else "stays of the complete cohort"
    if (is_complete or is_picture) and count > MOST_LOST * len(lost):
        raise ValueError(
            f"{path.parent}: {count} of {len(lost)} {whole} have "
            f"no readable {name}, more than {MOST_LOST:.0%}; correct the root or "
            "the files that its meta.json lists and run the stage again"
        )
    noun, thing = ("samples", "file") if is_picture else ("stays", "object")
    return f"{name}: {count} {noun} have no readable {thing}"
