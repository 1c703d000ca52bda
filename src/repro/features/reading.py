"""What training reads: samples, modality order and the features of each modality."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from repro import files, paths
from repro.data.preparing import read_ragged
from repro.records import Ragged


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


def read_features(dataset: str, encoder: str, *, pooled: bool = False) -> Features:
    """Features of every modality; texts are those of `encoder`.

    Of an encoder that is fine-tuned these are token ids, or, when `pooled`, the vectors
    of the encoder before any training.

    Raises:
        ValueError: a file is missing or cut short, or does not have the samples of the
            prepared files.
    """
    folder = paths.prepared(dataset)
    meta = files.read_json(folder / "meta.json")
    samples = files.read_table(folder / "samples.parquet")
    text_meta = files.read_json(paths.features_meta(dataset, encoder))
    has_ids = not text_meta["absent"] and text_meta["encoder"]["finetune"]
    modalities = {}
    for name in meta["modalities"]:
        is_text = meta["kinds"][name] == "text"
        path = paths.features(dataset, name, encoder if is_text else None)
        if is_text and has_ids and pooled:
            path = paths.pooled_text(dataset, encoder)
        modalities[name] = read_ragged(path)
        rows = modalities[name].lengths > 0
        if len(rows) != len(samples) or (rows != samples[f"present_{name}"]).any():
            raise ValueError(
                f"{path}: made from other samples than {folder}; run the stage that "
                "writes it again"
            )
    meta["series"] = files.read_json(paths.features_meta(dataset))
    meta["text"] = text_meta
    return Features(samples, modalities, meta)
