"""What training reads: samples, modality order and the features of each modality."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from repro import files, paths
from repro.data.preparing import read_ragged
from repro.records import Ragged


@dataclass(frozen=True)
class Features:
    """Samples with `present_<modality>` columns, features and meta of a data set.

    `modalities` is in the order of the data set; `meta` is that of the prepared files,
    with `series` and `text`, the metas of the two feature folders, added.
    """

    samples: pd.DataFrame
    modalities: dict[str, Ragged]
    meta: dict[str, Any]

    @property
    def order(self) -> tuple[str, ...]:
        """Names of the modalities, in order."""
        return tuple(self.modalities)


def read_features(dataset: str, encoder: str) -> Features:
    """Features of every modality; texts are those of `encoder`.

    Raises:
        ValueError: a file is missing or cut short, or does not have the samples of the
            prepared files.
    """
    folder = paths.prepared(dataset)
    meta = files.read_json(folder / "meta.json")
    samples = files.read_table(folder / "samples.parquet")
    modalities = {}
    for name in meta["modalities"]:
        is_text = meta["kinds"][name] == "text"
        path = paths.features(dataset, name, encoder if is_text else None)
        modalities[name] = read_ragged(path)
        rows = modalities[name].lengths > 0
        if len(rows) != len(samples) or (rows != samples[f"present_{name}"]).any():
            raise ValueError(
                f"{path}: made from other samples than {folder}; run the stage that "
                "writes it again"
            )
    meta["series"] = files.read_json(paths.features_meta(dataset))
    meta["text"] = files.read_json(paths.features_meta(dataset, encoder))
    return Features(samples, modalities, meta)
