"""How far experts move when a modality is masked: recorded probes as statistics.

A sensitivity is the mean distance of an expert's outputs for masked rows from those for
intact ones. Its surviving share is what is left of it, under noise in the place of a
modality, when other rows' values stand there: an expert that only detects noise keeps
none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from repro.metrics.bootstrap import Statistic
from repro.metrics.resampling import mean_statistic, ratio_statistic
from repro.results.explanations import Explanation, PlantedRows

NOISE, OTHERS, FLOOR = "random", "shuffled", "dropout"

Moved = Float[np.ndarray, "seeds experts modalities samples"]


@dataclass(frozen=True)
class Probe:
    """Distances by kind of mask for the rows of a planted set, in their order.

    That of `dropout`, which masks no modality, has one in its place.
    """

    modalities: tuple[str, ...]
    distance: Mapping[str, Moved]


def probe_of(table: pd.DataFrame, rows: PlantedRows) -> Probe:
    """What a run recorded in its probe.parquet.

    Raises:
        ValueError: a row of a seed, expert, modality and kind of mask is missing.
    """
    modalities = tuple(name.removeprefix("unique_") for name in rows.experts[:-2])
    seeds, found = sorted(set(table["seed"])), {}
    for mask, part in table.groupby("mask", sort=False):
        named = modalities if mask != FLOOR else tuple(set(part["modality"]))
        index = pd.MultiIndex.from_product([seeds, rows.experts, named, rows.ids])
        own = part.set_index(["seed", "expert", "modality", "id"])["distance"]
        own = own[own.index.isin(index)]
        if own.index.has_duplicates or len(own) != len(index):
            raise ValueError(
                f"{rows.dataset}: probe.parquet has {len(own)} of {len(index)} rows of "
                f"mask {mask}; train the run again"
            )
        values = own.loc[index].to_numpy(np.float64)
        shape = len(seeds), len(rows.experts), len(named), len(rows.ids)
        found[str(mask)] = values.reshape(shape)
    return Probe(modalities, found)


def sensitivity(probe: Probe, mask: str) -> Float[np.ndarray, "seeds experts"]:
    """Mean distance over modalities and rows.

    Units: of logits, without what all classes share.
    """
    return probe.distance[mask].mean(axis=(2, 3))


def survival_statistics(probe: Probe, rows: PlantedRows) -> dict[str, Statistic]:
    """Surviving share of each expert, over all modalities and rows."""
    noise, others = (probe.distance[m].sum(axis=2) for m in (NOISE, OTHERS))
    return {
        name: ratio_statistic(others[:, e], noise[:, e], rows.ids)
        for e, name in enumerate(rows.experts)
    }


def own_statistics(probe: Probe, rows: PlantedRows) -> dict[str, Statistic]:
    """The same of a uniqueness expert in rows that need it, its modality masked.

    There an expert that does what its name says has to react to other rows' values:
    they tell of another label. So does an expert without specialisation.
    """
    found = {}
    for m, name in enumerate(rows.experts[: len(probe.modalities)]):
        needed = rows.mechanism == m
        if needed.any():
            others, noise = (probe.distance[k][:, m, m] for k in (OTHERS, NOISE))
            found[name] = ratio_statistic(others, noise, rows.ids, needed)
    return found


def leaning_statistics(probe: Probe, rows: PlantedRows) -> dict[str, Statistic]:
    """How much of a uniqueness expert's reaction to other rows' values is to its own.

    One by the number of modalities is no leaning at all.
    """
    moved = probe.distance[OTHERS]
    return {
        name: ratio_statistic(moved[:, m, m], moved[:, m].sum(axis=1), rows.ids)
        for m, name in enumerate(rows.experts[: len(probe.modalities)])
    }


def removal_statistic(of: Explanation, rows: PlantedRows) -> Statistic:
    """Accuracy lost without the expert of the highest weight, beyond that of any one.

    As the effect of `btw.deletion`. Units: percent.
    Raises:
        ValueError: the explanation has no logits of experts.
    """
    if of.logits is None:
        raise ValueError(f"{rows.dataset}: the explanation has no experts to remove")
    parts = of.scores[..., None] * of.logits
    # Scaling the others up to sum 1 moves no class ahead of another.
    without = parts.sum(axis=2, keepdims=True) - parts
    right = without.argmax(axis=-1) == rows.y[:, None]
    top: Bool[np.ndarray, "seeds samples experts"] = of.scores == of.scores.max(
        axis=-1, keepdims=True
    )
    lost = right.mean(axis=-1) - (right * top).sum(axis=-1) / top.sum(axis=-1)
    return mean_statistic(100 * lost, rows.ids)
