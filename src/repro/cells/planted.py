"""Weights that are given and not made: equal ones, and what a simulation planted."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from repro import paths
from repro.cells.noise import NOISE
from repro.cells.study import Study
from repro.files import read_table
from repro.params.cells import PLANTED, Control

# What a simulation planted of a modality: its reliability, and how likely that is
# given everything that the modalities show.
COLUMNS = {"oracle": "reliable", "posterior": "posterior"}
NO_LAW = "what exchanged modalities let one know has no law here"


def unplanted(study: Study, control: Control) -> str | None:
    """Why weights cannot be given for these data, or None if they can."""
    if study.exchanged is not None:
        return NO_LAW if control == "posterior" else None
    if control in PLANTED and not study.params.plants(study.part):
        return "nothing is known to be planted in these data"
    return None


def given_weights(
    study: Study, control: Control
) -> Float[np.ndarray, "samples modalities"]:
    """Weights of all samples, 0 where a modality is absent.

    `uniform`: equal shares of the modalities present. `oracle`: 1 where the
    simulation made a modality reliable, 0 where it is noise. `posterior`: the
    probability of that given what all modalities show, by the law of the simulation.
    Added noise has 0 in both. A modality of another instance has 0 in `oracle`, which
    real data have where modalities are exchanged. They multiply as they are, unscaled.

    Raises:
        ValueError: the truth does not hold every sample or modality of the data.
    """
    present = study.inputs.present.cpu().numpy().astype(np.float64)
    if control == "uniform":
        return present / np.maximum(present.sum(1, keepdims=True), 1)
    if control not in PLANTED:
        return present
    if study.exchanged is not None:
        present = present * ~study.exchanged
    if not study.params.plants(study.part):
        return present
    return present * _planted(study, COLUMNS[control])


def _planted(study: Study, column: str) -> Float[np.ndarray, "samples modalities"]:
    place = _truth(study)
    truth = read_table(place).set_index("id")
    ids = study.samples["id"].to_numpy()
    if missing := set(ids) - set(truth.index):
        raise ValueError(
            f"{place}: holds nothing of {len(missing)} samples of data/prepared/"
            f"{study.part}, {min(missing)} for one; run dvc repro"
        )
    truth = truth.loc[ids]
    values = np.zeros((len(ids), len(study.inputs.names)))
    for m, name in enumerate(study.inputs.names):
        if f"{column}_{name}" in truth:
            values[:, m] = truth[f"{column}_{name}"]
        elif not name.startswith(NOISE):
            raise ValueError(f"{place}: nothing is planted in {name}; leave it out")
    return values


def _truth(study: Study) -> Path:
    dataset = study.recipe.dataset
    is_file = dataset in study.params.datasets.of_files
    return paths.simulated_truth(dataset) if is_file else paths.planted(study.part)
