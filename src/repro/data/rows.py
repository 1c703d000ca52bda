"""New rows for a trained model: a CSV with ids and texts, one .npy per modality."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from repro.data import checking, csv_files, table
from repro.data.places import inside
from repro.params.datasets import TableMapping
from repro.params.naming import unknown
from repro.records import Ragged, Texts

Modalities = Mapping[str, Ragged | Texts]


def read_rows(path: Path, mapping: TableMapping) -> tuple[pd.Series, Modalities]:
    """Ids and modalities of the rows of a CSV and of the arrays that lie beside it.

    They are read as those of a data set are (`repro.data.table`), without group, split
    and label: where these columns stand, nobody looks at them. The order of columns
    does not matter.

    Raises:
        ValueError: a column or file is missing, damaged or not known, an id is empty
            or stands twice, there is no row, the arrays have another number of rows, a
            value is NaN or infinite, or a row has no modality at all.
    """
    samples = csv_files.csv_table(path, ())
    _check_columns(list(samples.columns), mapping, path)
    ids = samples[mapping.id]
    _check_ids(ids, mapping.id, path)
    modalities: dict[str, Ragged | Texts] = {}
    if mapping.text != "none":
        modalities["text"] = Texts(samples[mapping.text].str.strip().tolist())
    for name, file in mapping.arrays.items():
        place = inside(path.parent, file)
        array = table.matching(place, len(ids))
        modalities[name], _ = table.gathered(array, name, place, ids)
        checking.check_modality(name, modalities[name], ids, str(place))
    return ids, modalities


def _check_columns(found: list[str], mapping: TableMapping, path: Path) -> None:
    needed = [mapping.id] if mapping.text == "none" else [mapping.id, mapping.text]
    if missing := [name for name in needed if name not in found]:
        raise ValueError(
            f"{path}: has no column {', '.join(missing)} among {found}; the run reads "
            f"{', '.join(needed)}"
        )
    unread = {mapping.group, mapping.split, mapping.label}
    if extra := [name for name in found if name not in {*needed, *unread}]:
        raise ValueError(
            f"{path}: {unknown('column', extra[0], {*needed, *unread})}; drop it: the "
            "run knows nothing of it"
        )


def _check_ids(ids: pd.Series, column: str, path: Path) -> None:
    if ids.empty:
        raise ValueError(f"{path}: has no row below the header; give some")
    empty = np.flatnonzero(ids.str.strip() == "")
    if len(empty):
        raise ValueError(
            f"{path}: column {column} is empty in {len(empty)} rows, first row "
            f"{empty[0] + 1}; fill it"
        )
    table.check_apart(ids, column, path)
