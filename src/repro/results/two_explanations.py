"""Weights of modalities and of experts on the same rows, beside what was planted there.

Weights of BTW say how much a modality counts, the weight of its uniqueness expert how
much a row needs what it alone carries. The simulation plants both: in which rows a
modality is noise, and which part of a row's label is the largest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from btw.ranks import spearman
from repro import paths
from repro.files import read_table
from repro.metrics.bootstrap import Statistic
from repro.metrics.resampling import auroc_statistic
from repro.params.interactions import SYNERGY, UNIQUE
from repro.results.runs import Predictions, Run

SHARED = "shared"  # the part of all modalities, which the redundancy expert stands for

Weights = Float[np.ndarray, "seeds samples modalities"]


@dataclass(frozen=True)
class PlantedParts:
    """Test rows in a fixed order: where modalities are noise, and parts of the label.

    `parts` are sizes: of the unique part of each modality, of synergy, of what all
    share. A modality that a row lacks is not `present`. The posterior of reliability,
    given what the modalities show, is there where the simulation records it.
    """

    modalities: tuple[str, ...]
    ids: np.ndarray
    group: np.ndarray
    present: Bool[np.ndarray, "samples modalities"]
    reliable: Bool[np.ndarray, "samples modalities"]
    parts: Float[np.ndarray, "samples parts"]
    posterior: Float[np.ndarray, "samples modalities"] | None = None

    @property
    def largest(self) -> Bool[np.ndarray, "samples modalities"]:
        """Where the unique part of a modality is the largest of all parts."""
        first = self.parts.argmax(axis=1)[:, None]
        return first == np.arange(len(self.modalities))


def planted_parts(
    dataset: str, modalities: Sequence[str], rows: Predictions
) -> PlantedParts:
    """What the simulation planted in the tested rows of a data set.

    Raises:
        ValueError: the truth does not hold one of the rows.
    """
    place = paths.simulated_truth(dataset)
    truth = read_table(place).set_index("id")
    lost = sorted(set(rows.id) - set(truth.index))
    if lost:
        raise ValueError(f"{place}: holds nothing of {lost[0]}; simulate the data anew")
    truth = truth.loc[rows.id]
    names = [*(f"{UNIQUE}{name}" for name in modalities), SYNERGY, SHARED]
    is_known = {f"posterior_{name}" for name in modalities} <= set(truth.columns)
    return PlantedParts(
        modalities=tuple(modalities),
        ids=rows.id,
        group=rows.group,
        present=_columns(truth, "present", modalities).astype(bool),
        reliable=_columns(truth, "reliable", modalities).astype(bool),
        parts=np.abs(truth[names].to_numpy(np.float64)),
        posterior=_columns(truth, "posterior", modalities) if is_known else None,
    )


def largest_posterior(
    dataset: str, rows: PlantedParts
) -> Float[np.ndarray, "samples modalities"]:
    """Probability of `largest` given what present modalities show, for every row.

    Raises:
        ValueError: the ceilings of the data set do not hold one of the rows.
    """
    place = paths.run(f"ceilings/{dataset}") / "truth.parquet"
    table = read_table(place).set_index("id")
    if lost := sorted(set(rows.ids) - set(table.index)):
        raise ValueError(f"{place}: holds nothing of {lost[0]}; make the ceilings anew")
    return _columns(table.loc[rows.ids], "largest", rows.modalities)


def _columns(truth: pd.DataFrame, what: str, names: Sequence[str]) -> np.ndarray:
    return np.stack([truth[f"{what}_{name}"].to_numpy() for name in names], axis=1)


def modality_weights(run: Run, rows: PlantedParts) -> dict[str, Weights]:
    """Weights of modalities of every weighted model of a run, by method."""
    table = run.read("weights")
    table = table[table["split"] == "test"]
    columns = [f"w_{name}" for name in rows.modalities]
    where = f"{run.folder}/weights.parquet"
    return {
        str(method): _aligned(part, columns, rows, where)
        for method, part in table.groupby("method", sort=False)
    }


def uniqueness_weights(run: Run, method: str, rows: PlantedParts) -> Weights:
    """Weights of the uniqueness expert of each modality."""
    table = run.read("experts")
    table = table[(table["method"] == method) & (table["split"] == "test")]
    wide = table.pivot(index=["seed", "id"], columns="expert", values="weight")
    names = [f"{UNIQUE}{name}" for name in rows.modalities]
    where = f"{run.folder}/experts.parquet"
    return _aligned(wide.reset_index(), names, rows, where)


def _aligned(
    table: pd.DataFrame, columns: Sequence[str], rows: PlantedParts, where: str
) -> Weights:
    seeds = sorted(set(table["seed"]))
    index = pd.MultiIndex.from_product([seeds, rows.ids])
    found = table.set_index(["seed", "id"])[list(columns)]
    if found.index.has_duplicates or not index.isin(found.index).all():
        raise ValueError(
            f"{where}: does not hold each of the {len(rows.ids)} test rows once for "
            "every seed; train the cell again"
        )
    values = found.loc[index].to_numpy(np.float64)
    return values.reshape(len(seeds), len(rows.ids), len(columns))


def area_statistics(weights: Weights, rows: PlantedParts) -> dict[str, Statistic]:
    """AUROC of the weights by modality and target, `text_reliability`, `text_largest`.

    A row counts for the modalities that it has. Modalities that are reliable
    everywhere, or whose part is never the largest, have none.
    """
    found = {}
    targets = {"reliability": rows.reliable, "largest": rows.largest}
    for m, name in enumerate(rows.modalities):
        here, own = rows.present[:, m], weights[..., m]
        both = np.stack([-own, own], axis=-1)
        for target, planted in targets.items():
            y = planted[:, m].astype(np.int64)
            if 0 < y[here].sum() < here.sum():
                found[f"{name}_{target}"] = auroc_statistic(both, y, rows.group, here)
    return found


def likeness(
    one: Weights, other: Weights, rows: PlantedParts
) -> Mapping[str, Float[np.ndarray, " seeds"]]:
    """Spearman over rows of two weights of each modality, seed by seed.

    NaN where one of them is the same in all rows.
    """
    found = {}
    for m, name in enumerate(rows.modalities):
        here = rows.present[:, m]
        pairs = zip(one[:, here, m], other[:, here, m], strict=True)
        values = [float(spearman(a[:, None], b[:, None])[0]) for a, b in pairs]
        found[name] = np.array(values)
    return found
