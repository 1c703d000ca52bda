"""Checks on samples, labels, groups and modalities, each with count and first ids."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from repro.data import layout, padding, spelling
from repro.data.places import check_name
from repro.data.preparing import presence
from repro.data.spelling import is_seen, plain
from repro.data.suspicion import suspicious
from repro.records import (
    SPLITS,
    Dataset,
    Fields,
    Modality,
    Pictures,
    Ragged,
    Texts,
    decoded,
    told,
)


def _counted(ids: pd.Series, bad: np.ndarray) -> str:
    first = ", ".join(ids[bad].head(5))
    return f"{int(bad.sum())} samples (first ids {first})"


def check(
    dataset: Dataset,
    where: str,
    shared_groups: Literal["refuse", "report"],
    titles: Sequence[str] = (),
) -> Dataset:
    """The data set with notes on what was met, once nothing in it is bad.

    Names of groups that differ in case, spaces or characters that nobody sees are one
    group, in its first spelling; that is a note. What hardly is right, such as a
    feature that tells the label, is a warning. With the `titles` of its classes, one
    that valid or test lacks is a note; train needs every class all the same.

    Raises:
        ValueError: NaN or infinite features or labels, duplicate ids, an empty split
            or class, a group in two splits (unless `shared_groups` is `report`),
            lengths that disagree, or a sample without any modality. The message
            gives `where`, the count and the first ids.
    """
    modalities = {name: _seen(m) for name, m in dataset.modalities.items()}
    dataset = replace(dataset, modalities=modalities)
    samples = dataset.samples.reset_index(drop=True)
    _check_samples(samples, where)
    samples, spelled = _one_spelling(samples)
    notes = [*dataset.notes, *spelled, *_check_labels(dataset, where, titles)]
    notes += _shared_group_notes(samples, where, shared_groups, spelled)
    for name, modality in dataset.modalities.items():
        check_name(name, f"{where}: modality")
        check_modality(name, modality, samples["id"], where)
    notes += _presence_notes(dataset, samples, where)
    checked = replace(dataset, samples=samples, notes=tuple(notes))
    odd = suspicious(checked)
    return replace(checked, warnings=(*dataset.warnings, *odd))


def _seen(modality: Modality) -> Modality:
    """A text of characters that nobody sees is an absent one, as one of spaces is."""
    if not isinstance(modality, Texts):
        return modality
    unseen = [bool(text.strip()) and not is_seen(text) for text in modality.values]
    return Texts(
        ["" if no else text for no, text in zip(unseen, modality.values, strict=True)]
    )


def _presence_notes(dataset: Dataset, samples: pd.DataFrame, where: str) -> list[str]:
    """How often each modality is absent; never everywhere, nor all at once."""
    present = {name: presence(m) for name, m in dataset.modalities.items()}
    empty = ~np.any(list(present.values()), axis=0)
    if empty.any():
        raise ValueError(
            f"{where}: {_counted(samples['id'], empty)} have no modality at all; "
            "remove them from the data"
        )
    is_train = (samples["split"] == "train").to_numpy()
    notes = []
    for name, there in present.items():
        if not there[is_train].any():
            raise ValueError(
                f"{where}: {name} is absent in every sample of train; nothing can be "
                "learnt from it: correct the file"
            )
        if not there.all():
            notes.append(f"{name}: absent in {_absent(there, dataset.fewest)} samples")
    return notes


def _absent(there: np.ndarray, fewest: int) -> str:
    """How many are absent; of few who are present the number would follow from it."""
    if 0 < int(there.sum()) < fewest:
        return f"all but fewer than {fewest}"
    return told(int((~there).sum()), fewest)


def _check_samples(samples: pd.DataFrame, where: str) -> None:
    duplicated = samples["id"].map(plain).duplicated().to_numpy()
    if duplicated.any():
        raise ValueError(
            f"{where}: {_counted(samples['id'], duplicated)} repeat an id (spaces and "
            "unseen characters do not count); give every sample its own"
        )
    nameless = (samples["group"].map(plain) == "").to_numpy()
    if nameless.any():
        raise ValueError(
            f"{where}: the groups of {_counted(samples['id'], nameless)} are empty; "
            "give every sample the name of its group"
        )
    for split in SPLITS:
        if not (samples["split"] == split).any():
            raise ValueError(f"{where}: split {split} is empty; give it samples")


def _one_spelling(samples: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The samples with one spelling per group, and a note on what was merged."""
    names, merged = spelling.merged(samples["group"].tolist())
    if not merged:
        return samples, []
    first = ", ".join(" = ".join(map(repr, found[:4])) for found in merged[:3])
    note = f"{len(merged)} groups are spelled in several ways and taken as one: {first}"
    return samples.assign(group=names), [note]


def _check_labels(dataset: Dataset, where: str, titles: Sequence[str]) -> list[str]:
    """Notes on the classes that a split lacks, where that may be."""
    samples = dataset.samples.reset_index(drop=True)
    y = samples["y"].to_numpy()
    with np.errstate(over="ignore"):  # too large becomes infinite, as in training
        stored = y.astype(np.float32)
    bad = ~np.isfinite(stored)
    if bad.any():
        raise ValueError(
            f"{where}: labels of {_counted(samples['id'], bad)} are "
            f"{_not_finite(stored)}; correct or remove them"
        )
    if dataset.task == "regression":
        return []
    is_set = dataset.task == "multilabel"
    codes = 2**dataset.classes if is_set else dataset.classes
    odd = (y != np.floor(y)) | (y < 0) | (y >= codes)
    if odd.any():
        raise ValueError(
            f"{where}: labels of {_counted(samples['id'], odd)} are not among "
            f"the {'codes' if is_set else 'classes'} 0 to {codes - 1}; correct them"
        )
    notes = []
    for split in SPLITS:
        own = y[(samples["split"] == split).to_numpy()].astype(np.int64)
        seen = np.flatnonzero(decoded(own, dataset.classes).any(0)) if is_set else own
        empty = sorted(set(range(dataset.classes)) - set(seen.tolist()))
        if empty and titles and split != "train":
            lacking = ", ".join(titles[label] for label in empty)
            notes.append(f"split {split} has no sample of {lacking}")
        elif empty:
            named = f" ({', '.join(titles[k] for k in empty)})" if titles else ""
            raise ValueError(
                f"{where}: split {split} has no sample of class {empty}{named}; "
                "merge classes or split again"
            )
    return notes


def _shared_group_notes(
    samples: pd.DataFrame, where: str, shared_groups: str, spelled: list[str]
) -> list[str]:
    splits = samples.groupby("group", sort=True)["split"].nunique()
    shared = splits[splits > 1].index.tolist()
    if not shared:
        return []
    message = f"{len(shared)} groups stand in two splits, first {', '.join(shared[:5])}"
    if shared_groups == "refuse":
        raise ValueError(
            f"{where}: {'; '.join([message, *spelled])}; split by group, or set "
            "shared_groups: report where the published split asks for it"
        )
    return [message]


def check_modality(name: str, modality: Modality, ids: pd.Series, where: str) -> None:
    """Stop at a modality of other samples, or with values that are not finite.

    Raises:
        ValueError: it is such a one; names the modality and the first ids.
    """
    count = len(presence(modality))
    if count != len(ids):
        raise ValueError(
            f"{where}: {name} has {count} samples, the labels have {len(ids)}; "
            "they must be the same samples in the same order"
        )
    if isinstance(modality, Texts | Pictures):
        return
    if isinstance(modality, Fields):
        _check_no_infinite(name, modality, ids, where)
        return
    lengths, rows = modality.lengths, len(modality.values)
    if (lengths < 0).any() or lengths.sum() != rows or modality.offsets[0] != 0:
        raise ValueError(
            f"{where}: {name} has {rows} rows, its lengths sum to {lengths.sum()}; "
            "the file is damaged"
        )
    _check_finite(name, modality, ids, where)


def _check_no_infinite(name: str, fields: Fields, ids: pd.Series, where: str) -> None:
    bad = np.isinf(fields.numbers).any(axis=1)
    if bad.any():
        raise ValueError(
            f"{where}: {name} has infinite values in {_counted(ids, bad)}; correct or "
            "remove them"
        )


def _check_finite(name: str, ragged: Ragged, ids: pd.Series, where: str) -> None:
    odd, count, kinds = np.zeros(len(ragged.values), dtype=bool), 0, set()
    for piece in padding.pieces(ragged.values):
        bad = ~np.isfinite(ragged.values[piece])
        if bad.any():
            odd[piece] = bad.any(axis=1)
            count += int(bad.sum())
            kinds.add(_not_finite(ragged.values[piece]))
    if not count:
        return
    samples = np.zeros(len(ids), dtype=bool)
    samples[layout.rows_of(ragged)[odd]] = True
    kind = kinds.pop() if len(kinds) == 1 else "NaN or infinite"
    raise ValueError(
        f"{where}: {name} has {count} {kind} values in {_counted(ids, samples)}; "
        "correct them, or write zeros in all of a sequence that is absent"
    )


def _not_finite(values: np.ndarray) -> str:
    has_nan, has_infinite = np.isnan(values).any(), np.isinf(values).any()
    if has_nan and has_infinite:
        return "NaN or infinite"
    return "NaN" if has_nan else "infinite (or too large for float32)"
