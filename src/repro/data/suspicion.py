"""What hardly is right in a data set: labels of no range, features that tell them."""

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro.data import padding
from repro.records import SPLITS, Dataset, Ragged, Texts

# Labels of CMU-MOSI and CMU-MOSEI. Source: Zadeh et al. 2016, arXiv:1606.06259.
SENTIMENT_SOURCES = ("mmsa", "mult", "mag")
MOST_SENTIMENT = 3.0
# Far from any label of a study; float32 keeps no fractions beyond.
LARGE = 1e7
# A correlation of so many samples that no chance explains; half precision keeps it.
SAME = 1 - 1e-6
ROUNDED = 1 - 1e-4  # of a text that is a number, with two decimals or more
FEW = 6


def suspicious(dataset: Dataset) -> tuple[str, ...]:
    """Warnings on labels and on modalities that tell them, for the tables.

    A text that is the number of the label tells it, and so does a feature whose mean
    over the rows of a sample, or first or last row, is the label up to a shift and a
    scale, or the number of rows.
    """
    samples = dataset.samples
    y = samples["y"].to_numpy(dtype=np.float64)
    found = [*_constant(samples), *_out_of_range(dataset, y)]
    for name, modality in dataset.modalities.items():
        if isinstance(modality, Texts):
            found += _telling_text(name, modality, y)
        elif isinstance(modality, Ragged):
            found += _telling_features(name, modality, y)
            found += _without_values(name, modality)
    return tuple(found)


def _constant(samples: pd.DataFrame) -> list[str]:
    if samples["y"].nunique() == 1:
        value = samples["y"].iloc[0]
        return [f"labels: every label is {value:g}; there is nothing to learn"]
    return [
        f"labels: every label of {split} is {labels.iloc[0]:g}"
        for split in SPLITS
        for labels in [samples["y"][samples["split"] == split]]
        if len(labels) >= FEW and labels.nunique() == 1
    ]


def _out_of_range(dataset: Dataset, y: Float[np.ndarray, " samples"]) -> list[str]:
    if dataset.task != "regression":
        return []
    is_sentiment = dataset.source in SENTIMENT_SOURCES
    most = MOST_SENTIMENT if is_sentiment else LARGE
    odd = np.abs(y) > most
    if not odd.any():
        return []
    ids = ", ".join(dataset.samples["id"][odd].head(3))
    meant = "those of MOSI and MOSEI are -3 to 3" if is_sentiment else "check the unit"
    return [
        f"labels: {int(odd.sum())} labels lie between {y.min():g} and {y.max():g}, "
        f"beyond {most:g} (first ids {ids}); {meant}"
    ]


def _telling_text(
    name: str, texts: Texts, y: Float[np.ndarray, " samples"]
) -> list[str]:
    present = [bool(text.strip()) for text in texts.values]
    try:
        said = np.array([float(text) for text in texts.values if text.strip()])
    except ValueError:
        return []
    is_plain = len(said) > 1 and np.isfinite(said).all() and np.ptp(said) > 0
    if not is_plain or np.ptp(y[present]) == 0:
        return []
    is_same = bool(np.allclose(said, y[present]))
    told = abs(float(_correlations(said[:, None], y[present])[0])) > ROUNDED
    if not is_same and (len(said) < FEW or not told):
        return []
    return [f"{name}: every text is the label of its sample; give another column"]


def _telling_features(
    name: str, ragged: Ragged, y: Float[np.ndarray, " samples"]
) -> list[str]:
    present = ragged.lengths > 0
    if present.sum() < FEW or np.ptp(y[present]) == 0:
        return []
    views = [_means(ragged)[present]]
    if (ragged.lengths > 1).any():
        starts, stops = ragged.offsets[:-1][present], ragged.offsets[1:][present]
        views += [ragged.values[starts], ragged.values[stops - 1]]
    same = [np.abs(_correlations(view, y[present])) > SAME for view in views]
    told = np.flatnonzero(np.any(same, axis=0))
    found = []
    if len(told):
        first = ", ".join(map(str, told[:5]))
        found.append(
            f"{name}: {len(told)} features are the label, shifted and scaled (column "
            f"{first}); remove them"
        )
    rows = ragged.lengths[present][:, None].astype(np.float64)
    if abs(float(_correlations(rows, y[present])[0])) > SAME:
        found.append(
            f"{name}: the number of rows is the label, shifted and scaled; give "
            "samples rows that do not tell it"
        )
    return found


def _without_values(name: str, ragged: Ragged) -> list[str]:
    if not len(ragged.values) or padding.filled(ragged.values).any():
        return []
    return [f"{name}: every value is 0 (or too small for float32); scale the array"]


def _means(ragged: Ragged) -> Float[np.ndarray, "samples features"]:
    sums = np.zeros((len(ragged.lengths), ragged.values.shape[1]))
    for sample, (start, stop) in enumerate(
        zip(ragged.offsets[:-1], ragged.offsets[1:], strict=True)
    ):
        sums[sample] = ragged.values[start:stop].sum(axis=0, dtype=np.float64)
    return sums / np.maximum(ragged.lengths, 1)[:, None]


def _correlations(
    columns: Float[np.ndarray, "samples features"], y: Float[np.ndarray, " samples"]
) -> Float[np.ndarray, " features"]:
    """Pearson's r of every column with `y`; 0 for a constant column."""
    with np.errstate(over="ignore", invalid="ignore"):  # then nothing is told
        centred, target = columns - columns.mean(axis=0), y - y.mean()
        scale = np.sqrt((centred**2).sum(axis=0)) * np.sqrt((target**2).sum())
        total = target @ centred
        return np.divide(total, scale, out=np.zeros(len(scale)), where=scale > 0)
