"""Reader of a user's own data: one CSV of samples and one .npy per modality."""

from pathlib import Path

import numpy as np
import pandas as pd

from repro.data import layout, padding
from repro.params.datasets import TableMapping
from repro.records import SPLITS, Dataset, Ragged, Texts

MOST_CLASSES = 20  # so many distinct integers may be meant as classes


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
    of the data set.

    Raises:
        ValueError: a file is missing or damaged, a column is missing, a split or
            label is unknown, the arrays and the CSV differ in length, or a vector is
            NaN in some features only.
    """
    columns = [mapping.id, mapping.group, mapping.split, mapping.label]
    if mapping.text != "none":
        columns.append(mapping.text)
    table = layout.csv_table(root / mapping.samples, columns)
    samples = _samples(table, mapping, root / mapping.samples)
    modalities: dict[str, Ragged | Texts] = {}
    notes = []
    kept = _kept(table, mapping, keep, root)
    if mapping.text != "none":
        texts = table[mapping.text][kept].str.strip().tolist()
        modalities["text"] = Texts(texts)
    for name, file in mapping.arrays.items():
        if name in modalities:
            raise ValueError(
                f"{root / mapping.samples}: {name!r} is both a text column and an "
                "array; drop one of them from the table mapping"
            )
        rows = samples["id"][kept]
        array = _matching(root / file, len(table))[kept]
        modalities[name], absent = _ragged(array, root / file, rows)
        if absent:
            notes.append(f"{name}: {absent} vectors of NaN, taken as absent")
    if not modalities:
        raise ValueError(f"{root}: the table mapping names no modality; add one")
    if not kept.all():
        notes.insert(0, f"kept {kept.sum()} of {len(kept)} rows ({keep})")
    return Dataset(
        samples[kept].reset_index(drop=True),
        modalities,
        source="table",
        task="classification" if classes else "regression",
        classes=classes,
        notes=tuple(notes),
        warnings=() if classes else _class_warnings(samples["y"][kept], mapping.label),
    )


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
            f"ids {', '.join(bad[:5])}; correct them"
        )
    return pd.DataFrame(
        {
            "id": ids,
            "group": table[mapping.group],
            "split": table[mapping.split],
            "y": labels.astype(np.float64),
        }
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
    path = root / (file or mapping.samples)
    values = table
    if file:
        other = layout.csv_table(path, (mapping.id, column))
        values = table[[mapping.id]].merge(
            other.drop_duplicates(mapping.id), on=mapping.id, how="left"
        )
    layout.check_named(values, [column], path)
    kept = (values[column] == value).to_numpy(dtype=bool)
    if not kept.any():
        raise ValueError(
            f"{path}: no row has {column}={value!r}; the column has "
            f"{sorted(set(values[column].dropna()))[:5]}"
        )
    return kept


def _class_warnings(labels: pd.Series, column: str) -> tuple[str, ...]:
    distinct = labels.dropna().unique()
    if len(distinct) > MOST_CLASSES or (distinct % 1 != 0).any():
        return ()
    return (
        f"column {column} has {len(distinct)} distinct integers; they are treated as a "
        "regression, not as classes",
    )


def _matching(path: Path, rows: int) -> np.ndarray:
    array = _array(path)
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


def _ragged(array: np.ndarray, path: Path, ids: pd.Series) -> tuple[Ragged, int]:
    """The array as sequences, and the number of its vectors that are all NaN."""
    if array.ndim == 3:
        return padding.ragged(array, padding.kept_rows(array, front=False)), 0
    unknown = np.isnan(array)
    absent = unknown.all(axis=1)
    partly = unknown.any(axis=1) & ~absent
    if partly.any():
        raise ValueError(
            f"{path}: {partly.sum()} vectors are NaN in some features only (first ids "
            f"{', '.join(ids[partly].head(5))}); fill them, or make the whole vector "
            "NaN where the modality is absent"
        )
    present = ~absent[:, None]
    return padding.ragged(array[:, None, :], present), int(absent.sum())


def _array(path: Path) -> np.ndarray:
    if not path.is_file():
        raise ValueError(f"{path}: no such file; put it there or correct its path")
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(
            f"{path}: not a complete .npy file of numbers ({error}); save it again "
            "with numpy.save, without objects"
        ) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        kind = getattr(array, "dtype", type(array).__name__)
        raise ValueError(f"{path}: holds {kind}; save one array of numbers")
    return array
