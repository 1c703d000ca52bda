"""Checks on samples, labels, groups and modalities, each with count and first ids."""

import numpy as np
import pandas as pd

from repro.data import layout, padding, spelling
from repro.data.spelling import plain
from repro.records import SPLITS, Dataset, Ragged, Texts


def counted(ids: pd.Series, bad: np.ndarray) -> str:
    """How many samples are bad, and the first of them."""
    first = ", ".join(ids[bad].head(5))
    return f"{int(bad.sum())} samples (first ids {first})"


def check_samples(samples: pd.DataFrame, where: str) -> None:
    """Stop when names are repeated or empty, or a split has no sample.

    Raises:
        ValueError: they are, or it has none.
    """
    duplicated = samples["id"].map(plain).duplicated().to_numpy()
    if duplicated.any():
        raise ValueError(
            f"{where}: {counted(samples['id'], duplicated)} repeat an id (spaces and "
            "unseen characters do not count); give every sample its own"
        )
    nameless = (samples["group"].map(plain) == "").to_numpy()
    if nameless.any():
        raise ValueError(
            f"{where}: the groups of {counted(samples['id'], nameless)} are empty; "
            "give every sample the name of its group"
        )
    for split in SPLITS:
        if not (samples["split"] == split).any():
            raise ValueError(f"{where}: split {split} is empty; give it samples")


def one_spelling(samples: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The samples with one spelling per group, and a note on what was merged."""
    names, merged = spelling.merged(samples["group"].tolist())
    if not merged:
        return samples, []
    first = ", ".join(" = ".join(map(repr, found[:4])) for found in merged[:3])
    note = f"{len(merged)} groups are spelled in several ways and taken as one: {first}"
    return samples.assign(group=names), [note]


def check_labels(dataset: Dataset, where: str) -> None:
    """Stop when labels are not finite, or not the classes that every split has.

    Raises:
        ValueError: they are not.
    """
    samples = dataset.samples.reset_index(drop=True)
    y = samples["y"].to_numpy()
    bad = ~np.isfinite(y)
    if bad.any():
        raise ValueError(
            f"{where}: labels of {counted(samples['id'], bad)} are "
            f"{_not_finite(y)}; correct or remove them"
        )
    if dataset.task == "regression":
        return
    odd = (y != np.floor(y)) | (y < 0) | (y >= dataset.classes)
    if odd.any():
        raise ValueError(
            f"{where}: labels of {counted(samples['id'], odd)} are not among "
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


def shared_group_notes(
    samples: pd.DataFrame, where: str, shared_groups: str
) -> list[str]:
    """A note on groups that stand in two splits.

    Raises:
        ValueError: there are some and `shared_groups` is not `report`.
    """
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


def check_modality(
    name: str, modality: Ragged | Texts, ids: pd.Series, where: str
) -> None:
    """Stop when a modality has other samples than the labels, or is not finite.

    Raises:
        ValueError: it has, or is not.
    """
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
    finite = np.ones(rows, dtype=bool)
    count, kinds = 0, set()
    for piece in padding.pieces(modality.values):
        values = modality.values[piece]
        if not np.isfinite(values).all():
            finite[piece] = np.isfinite(values).all(axis=1)
            count += int((~np.isfinite(values)).sum())
            kinds.add(_not_finite(values))
    if count:
        bad = np.zeros(len(ids), dtype=bool)
        bad[layout.rows_of(modality)[~finite]] = True
        kind = kinds.pop() if len(kinds) == 1 else "NaN or infinite"
        raise ValueError(
            f"{where}: {name} has {count} {kind} values in "
            f"{counted(ids, bad)}; correct or remove them"
        )


def _not_finite(values: np.ndarray) -> str:
    has_nan, has_infinite = np.isnan(values).any(), np.isinf(values).any()
    if has_nan and has_infinite:
        return "NaN or infinite"
    return "NaN" if has_nan else "infinite (or too large for float32)"
