"""Fields of tables as one vector a sample; whatever is fitted is fitted on train."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped

from repro.data.preparing import presence
from repro.features.series import FLOOR, fitted_scale, standardized
from repro.records import Fields, Ragged

LEAST = 5  # train samples that a word is in, to be a feature
WINDOW = 50  # fields back that a field is compared with


def field_features(
    samples: pd.DataFrame, fields: Fields, linkage: float = 1.0
) -> tuple[Ragged, dict[str, Any]]:
    """A vector for every sample that states anything, and what a meta file says.

    A number that is not stated gets the mean of its own field in train, then all are
    standardized; words are 0 or 1 for each that is frequent in train. Of fields that
    are correlated with one shortly before them by more than `linkage` (r squared) only
    the first stays: copies of neighbouring SNPs tell the same.

    Departure: Flex-MoE fills every number with the mean of the first field, and takes
    means, ranges and categories from test, too.
    Raises:
        ValueError: no training sample states anything that can be used.
    """
    there = presence(fields)
    is_train = (samples["split"] == "train").to_numpy() & there
    kept = _varying(fields.numbers[is_train])
    varying = int(kept.sum())
    if linkage < 1:
        kept[kept] = unlinked(fields.numbers[np.ix_(is_train, kept)], linkage)
    numbers = fields.numbers[:, kept].astype(np.float32)
    filled, imputed = _filled(numbers, is_train)
    known = vocabulary(fields.words[is_train])
    shown = _shown(fields.words, known)
    if not filled.shape[1] + shown.shape[1]:
        raise ValueError(
            "no field is stated in training samples with two values or more; nothing "
            "can be learnt from them"
        )
    offsets = np.concatenate([[0], np.cumsum(there)]).astype(np.int64)
    ragged = Ragged(filled[there], offsets)
    scaled, clipped = standardized(ragged, fitted_scale(ragged, is_train))
    values = np.concatenate([scaled.values, shown[there]], axis=1)
    return Ragged(values, offsets), {
        "encoder": "fields",
        "features": values.shape[1],
        "numbers": filled.shape[1],
        "words": shown.shape[1],
        "constant": len(kept) - varying,
        "linked": varying - int(kept.sum()),
        "imputed": int(imputed[there].sum()),
        "clipped": clipped,
    }


def unlinked(
    values: Float[np.ndarray, "train fields"], most: float, window: int = WINDOW
) -> Bool[np.ndarray, " fields"]:
    """Which fields are kept so that no two within `window` have r squared above `most`.

    Departure: PLINK's --indep-pairwise moves its window by steps and drops the rarer
    SNP of a pair; here the first stays, and who lacks a value counts as the mean.

    >>> values = np.array([[0.0, 0, 1], [1, 1, 0], [2, 2, 1], [0, 0, 0]])
    >>> unlinked(values, 0.5).tolist()
    [True, False, True]
    """
    kept: Bool[np.ndarray, " fields"] = np.zeros(values.shape[1], dtype=bool)
    before: deque[tuple[int, np.ndarray]] = deque(maxlen=window)
    for place in range(values.shape[1]):
        own = _unit(values[:, place].astype(np.float64))
        near = [float(own @ other) ** 2 for at, other in before if place - at <= window]
        if max(near, default=0.0) <= most:
            kept[place] = True
            before.append((place, own))
    return kept


def vocabulary(words: pd.DataFrame) -> dict[str, list[str]]:
    """The words of every field that at least `LEAST` samples have, sorted.

    >>> vocabulary(pd.DataFrame({"drug": ["a|b", "a", "a", "a", "a|c", ""]}))
    {'drug': ['a']}
    """
    found = {}
    for name in words:
        counts = Counter(word for cell in words[name] for word in set(cell.split("|")))
        found[str(name)] = sorted(w for w, n in counts.items() if w and n >= LEAST)
    return found


def _unit(column: Float[np.ndarray, " train"]) -> Float[np.ndarray, " train"]:
    """Deviations from the mean, of length 1; who lacks a value has none."""
    centred = np.nan_to_num(column - np.nanmean(column))
    return centred / np.sqrt(centred @ centred)


def _varying(train: Float[np.ndarray, "train fields"]) -> Bool[np.ndarray, " fields"]:
    """Which fields have two values in train."""
    kept = np.zeros(train.shape[1], dtype=bool)
    for place in range(train.shape[1]):
        own = train[:, place].astype(np.float64)
        own = own[~np.isnan(own)]
        kept[place] = len(own) > 1 and own.std() > FLOOR * max(1, abs(own.mean()))
    return kept


def _filled(
    numbers: Float[np.ndarray, "samples fields"], is_train: Bool[np.ndarray, " samples"]
) -> tuple[Float[np.ndarray, "samples fields"], Bool[np.ndarray, "samples fields"]]:
    """Numbers, the mean of the own field in train where none is stated, and where."""
    absent = np.isnan(numbers)
    means = np.nanmean(numbers[is_train], axis=0, dtype=np.float64)
    return np.where(absent, means.astype(np.float32), numbers), absent


def _shown(
    words: pd.DataFrame, known: Mapping[str, Sequence[str]]
) -> Shaped[np.ndarray, "samples words"]:
    """1 where a sample has a known word, else 0."""
    columns = [
        [word in cell.split("|") for cell in words[name]]
        for name, own in known.items()
        for word in own
    ]
    return np.array(columns, np.float32).reshape(len(columns), len(words)).T
