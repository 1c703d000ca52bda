"""Reader of a user's own data: one CSV of samples and one .npy per modality."""

from pathlib import Path

import numpy as np
import pandas as pd

from repro.data import csv_files, padding
from repro.data.npy_files import npy_array
from repro.data.places import check_name, inside
from repro.data.spelling import plain
from repro.params.datasets import TableMapping
from repro.records import SPLITS, Dataset, Ragged, Texts

MOST_CLASSES = 20  # so many distinct integers may be meant as classes
SIMULATED_ID = r"simulated-interaction-\d{5,}"  # of rows that a simulator writes


def read(
    root: Path, mapping: TableMapping, keep: str = "all", classes: int = 0
) -> Dataset:
    """Samples and modalities of a folder.

    Row `i` of every array belongs to row `i` of the CSV. A 2-D array gives one vector
    per sample, a 3-D array sequences, whose all-zero rows at the end are padding.
    A vector of nothing but NaN means that the modality is absent in its sample.
    `keep` is `all`, `column=value` or `file.csv:column=value`, where the file has the
    same id column; the other rows are dropped. With `classes`, labels are class numbers
    from 0; without, a regression, also where they look like classes: that is a warning
    of the data set. Ids that are all of the simulator make it simulated, wherever it
    lies.

    Raises:
        ValueError: a file is missing or damaged, a column is missing, a split or
            label is unknown, the arrays and the CSV differ in length, or a vector is
            NaN in some features only.
    """
    path = inside(root, mapping.samples)
    columns = _columns(mapping, path)
    table = csv_files.csv_table(path, columns)
    samples = _samples(table, mapping, path)
    kept = _kept(table, mapping, keep, root)
    check_apart(table[mapping.id].where(kept), mapping.id, path)
    modalities: dict[str, Ragged | Texts] = {}
    notes: list[str] = []
    if mapping.text != "none":
        modalities["text"] = Texts(table[mapping.text][kept].str.strip().tolist())
    for name, file in mapping.arrays.items():
        array = matching(inside(root, file), len(table))
        array = array if kept.all() else array[kept]
        ids = samples["id"][kept]
        modalities[name], told = gathered(array, name, root / file, ids)
        notes += told
    if not modalities:
        raise ValueError(f"{root}: the table mapping names no modality; add one")
    if not kept.all():
        notes.insert(0, f"kept {kept.sum()} of {len(kept)} rows ({keep})")
    made_up = bool(samples["id"].str.fullmatch(SIMULATED_ID).all())
    return Dataset(
        samples[kept].reset_index(drop=True),
        modalities,
        source="simulated" if made_up else "table",
        simulated=made_up,
        task="classification" if classes else "regression",
        classes=classes,
        notes=tuple(notes),
        warnings=() if classes else _class_warnings(samples["y"][kept], mapping.label),
    )


def _columns(mapping: TableMapping, path: Path) -> list[str]:
    """The columns that are read, once names and roles are not taken twice."""
    for name in mapping.arrays:
        check_name(name, f"{path}: array")
    names = [*mapping.arrays, *(["text"] if mapping.text != "none" else [])]
    twice = {
        repr(a) for k, a in enumerate(names) if a.lower() in map(str.lower, names[:k])
    }
    if twice:
        raise ValueError(
            f"{path}: {', '.join(sorted(twice))} is both a text column and an "
            "array, or an array twice; drop one of them from the table mapping"
        )
    others = [mapping.id, mapping.group, mapping.text]
    for column in (mapping.label, mapping.split):
        if others.count(column) or mapping.label == mapping.split:
            raise ValueError(
                f"{path}: column {column} is given as the label or split and as "
                "something else; name another column in the table mapping"
            )
    columns = [mapping.id, mapping.group, mapping.split, mapping.label]
    return columns if mapping.text == "none" else [*columns, mapping.text]


def _samples(table: pd.DataFrame, mapping: TableMapping, path: Path) -> pd.DataFrame:
    ids = table[mapping.id]
    unknown = table[~table[mapping.split].isin(SPLITS)]
    if len(unknown):
        raise ValueError(
            f"{path}: column {mapping.split} has "
            f"{sorted(set(unknown[mapping.split]))[:5]} in {len(unknown)} rows, first "
            f"id {unknown[mapping.id].iloc[0]!r}; use {', '.join(SPLITS)}"
        )
    for column in (mapping.id, mapping.group):
        empty = np.flatnonzero(table[column].str.strip() == "")
        if len(empty):
            raise ValueError(
                f"{path}: column {column} is empty in {len(empty)} rows, first row "
                f"{empty[0] + 1}; fill it"
            )
    labels = pd.to_numeric(table[mapping.label], errors="coerce")
    words = table[mapping.label].str.strip().str.lower()
    bad = ids[labels.isna() & (words != "nan")]
    if len(bad):
        raise ValueError(
            f"{path}: column {mapping.label} is no number in {len(bad)} rows, first "
            f"ids {', '.join(bad[:5])}; write numbers, of a classification those of "
            "its classes, from 0 in their order"
        )
    return pd.DataFrame(
        {
            "id": ids,
            "group": table[mapping.group],
            "split": table[mapping.split],
            "y": labels.astype(np.float64),
        }
    )


def check_apart(ids: pd.Series, column: str, path: Path) -> None:
    """Stop at an id that another row has, too; rows without one are not looked at.

    Raises:
        ValueError: one has; names it and its row.
    """
    twice = (ids.map(plain, na_action="ignore").duplicated() & ids.notna()).to_numpy()
    if twice.any():
        raise ValueError(
            f"{path}: column {column} has {int(twice.sum())} ids again, first "
            f"{ids[twice].iloc[0]!r} in row {int(np.argmax(twice)) + 1} (spaces and "
            "unseen characters do not count); give every sample its own"
        )


def _kept(
    table: pd.DataFrame, mapping: TableMapping, keep: str, root: Path
) -> np.ndarray:
    if keep == "all":
        return np.ones(len(table), dtype=bool)
    file, _, condition = keep.rpartition(":")
    column, equals, value = condition.partition("=")
    if not equals:
        raise ValueError(
            f"keep={keep!r}: write all, column=value or file.csv:column=value"
        )
    path = inside(root, file or mapping.samples)
    values = table
    if file:
        values = _joined(table[mapping.id], mapping.id, column, path)
    csv_files.check_named(values, [column], path)
    kept = (values[column] == value).to_numpy(dtype=bool)
    if not kept.any():
        raise ValueError(
            f"{path}: no row has {column}={value!r}; the column has "
            f"{sorted(set(values[column].dropna()))[:5]}"
        )
    return kept


def _joined(ids: pd.Series, name: str, column: str, path: Path) -> pd.DataFrame:
    """The column of another file, in the order of `ids`; NaN where it has none."""
    other = csv_files.csv_table(path, (name, column))
    keys = other[name].map(plain)
    values = csv_files.only_values(keys.tolist(), other[column], f"{path}: {column}")
    return pd.DataFrame({column: ids.map(plain).map(values)})


def _class_warnings(labels: pd.Series, column: str) -> tuple[str, ...]:
    distinct = labels.dropna().unique()
    if len(distinct) > MOST_CLASSES or (distinct % 1 != 0).any():
        return ()
    return (
        f"column {column} has {len(distinct)} distinct integers; they are treated as a "
        "regression, not as classes",
    )


def matching(path: Path, rows: int) -> np.ndarray:
    """The array of a file, once it has a vector or a sequence for each of the rows.

    Raises:
        ValueError: it has not; names the file and its shape.
    """
    array = npy_array(path)
    if array.ndim not in (2, 3):
        raise ValueError(
            f"{path}: has shape {array.shape}; save (samples, features) or "
            "(samples, time, features)"
        )
    if len(array) != rows:
        raise ValueError(
            f"{path}: has {len(array)} rows, the samples have {rows}; row i of the "
            "array must belong to row i of the samples"
        )
    return array


def gathered(
    array: np.ndarray, name: str, path: Path, ids: pd.Series
) -> tuple[Ragged, list[str]]:
    """The array as sequences, and what was met in it.

    Raises:
        ValueError: it has no feature, or a vector is NaN in some features only.
    """
    if not array.shape[-1]:
        raise ValueError(f"{path}: has shape {array.shape}, without a feature; drop it")
    if array.ndim == 3:
        rows = padding.kept_rows(array, front=False)
        found = padding.gathered([padding.Part(array, rows)])
        return found.ragged, list(found.notes(name))
    unknown = np.zeros(len(array), dtype=np.int64)
    for piece in padding.pieces(array):
        unknown[piece] = np.isnan(array[piece]).sum(axis=1)
    absent = unknown == array.shape[1]
    partly = (unknown > 0) & ~absent
    if partly.any():
        raise ValueError(
            f"{path}: {partly.sum()} vectors are NaN in some features only (first ids "
            f"{', '.join(ids[partly].head(5))}); fill them, or make the whole vector "
            "NaN where the modality is absent"
        )
    vectors = padding.vectors(array, ~absent)
    told = [f"{name}: {absent.sum()} vectors of NaN, taken as absent"]
    zero = int(len(vectors.values) - padding.filled(vectors.values).sum())
    zeros = f"{name}: {zero} vectors are nothing but 0 once read, taken as present"
    return vectors, (told if absent.any() else []) + ([zeros] if zero else [])
