"""What was planted in a simulated data set, by the ids of its samples."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped

from repro import paths
from repro.files import read_table
from repro.params import Params
from repro.simulation import sentiment
from repro.simulation.icu import latents, settings
from repro.simulation.planted import LATENTS, Law, Parts

# The series of stays may stand as two modalities; both show the same latents.
DIVIDED = {"vitals": "timeseries", "labs": "timeseries"}


@dataclass(frozen=True)
class Truth:
    """Planted facts of samples in a given order, and the law that they were drawn by.

    `posterior` is the exact probability of `reliable` given what present modalities
    show; both are 0 where a modality is absent. `score` is the label before it is
    clipped or cut into classes.
    """

    modalities: tuple[str, ...]
    law: Law
    parts: Parts
    seen: Float[np.ndarray, "samples modalities latents"]
    present: Bool[np.ndarray, "samples modalities"]
    reliable: Bool[np.ndarray, "samples modalities"]
    posterior: Float[np.ndarray, "samples modalities"]
    score: Float[np.ndarray, " samples"]

    def place(self, modality: str) -> int:
        """Column of a modality of the models.

        Raises:
            ValueError: nothing was planted in it.
        """
        planted = DIVIDED.get(modality, modality)
        if planted not in self.modalities:
            raise ValueError(
                f"modality {modality!r}: nothing was planted in it; "
                f"the truth knows {', '.join(self.modalities)}"
            )
        return self.modalities.index(planted)


def truth_of(
    params: Params, dataset: str, ids: Shaped[np.ndarray, " samples"]
) -> Truth:
    """The planted truth of samples of a simulated data set or cohort, in their order.

    A part of a cross-validated cohort has the truth of the cohort.

    Raises:
        ValueError: the data set is not simulated, or the truth lacks a sample.
    """
    table, dataset = truth_table(params, dataset), paths.whole(dataset)
    lost = [id for id in ids if id not in table.index]
    if lost:
        raise ValueError(
            f"{_path(params, dataset)}: no row of {lost[0]!r} and of {len(lost) - 1} "
            "more; simulate the data again"
        )
    table = table.loc[list(ids)]
    names: tuple[str, ...]
    if dataset in params.datasets.stays:
        signals = settings.signals_of(params.icu_simulation)
        law, parts = signals.law, latents.parts_of(signals)
        names, score = settings.MODALITIES, "score"
    else:
        planned = params.simulation.every[dataset]
        law = sentiment.law_of(params.simulation, planned)
        parts = sentiment.parts_of(params.simulation)
        names, score = sentiment.MODALITIES, "unclipped"
    return Truth(
        modalities=names,
        law=law,
        parts=parts,
        seen=np.stack([table[_seen(name)].to_numpy(np.float64) for name in names], 1),
        present=_of_each(table, "present", names).astype(bool),
        reliable=_of_each(table, "reliable", names).astype(bool),
        posterior=_of_each(table, "posterior", names).astype(np.float64),
        score=table[score].to_numpy(np.float64),
    )


def truth_table(params: Params, dataset: str) -> pd.DataFrame:
    """The whole table of the planted truth, its index the ids of the samples as text.

    All cohorts share the one of the simulated tree, with a row per eligible stay.

    Raises:
        ValueError: the data set is not simulated, or its truth is missing.
    """
    dataset = paths.whole(dataset)
    if not params.plants(dataset):
        raise ValueError(
            f"{dataset}: not simulated by this study, so nothing is known to be "
            "planted; name a data set with source: simulated and its own path"
        )
    table = read_table(_path(params, dataset))
    key = "stay_id" if dataset in params.datasets.stays else "id"
    return table.set_index(table[key].astype(str).to_numpy())


def _path(params: Params, dataset: str) -> Path:
    if dataset in params.datasets.stays:
        return paths.planted_stays()
    return paths.simulated_truth(dataset)


def _seen(name: str) -> list[str]:
    return [f"seen_{name}_{latent}" for latent in LATENTS]


def _of_each(table: pd.DataFrame, what: str, names: tuple[str, ...]) -> np.ndarray:
    return np.stack([table[f"{what}_{name}"].to_numpy() for name in names], axis=1)
