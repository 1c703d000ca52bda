"""Weights of a run beside what the simulator planted, and what can be known of it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro.metrics.classification import auroc
from repro.results.runs import Run, read_run

GROUP = "ceilings"
# Inputs of the classifiers that are trained on the truth, and their names.
SOURCES = {
    "predictions": "trained on the truth, from all predictions",
    "features": "trained on the truth, from all features",
    "posterior": "exact posterior, from the true latents",
}


@dataclass(frozen=True)
class Told:
    """Mean weight on test where a modality is reliable and where it is noise.

    `areas` is the AUROC of the weight for reliability, one per seed; NaN with one kind
    only.
    """

    reliable: float
    unreliable: float
    areas: Float[np.ndarray, " seeds"]
    n_reliable: int
    n_unreliable: int


def ceilings_of(dataset: str) -> Run:
    """The run with what a simulated data set allows at best."""
    return read_run(f"{GROUP}/{dataset}")


def weights_beside_truth(run: Run) -> pd.DataFrame:
    """Weights of the test samples of a simulated data set with their truth."""
    weights = run.read("weights")
    truth = ceilings_of(run.dataset).read("truth").drop_duplicates("id")
    return weights[weights["split"] == "test"].merge(truth, on="id")


def told(joined: pd.DataFrame, method: str, modality: str) -> Told:
    """What the weights of a method tell of a modality, where it has one."""
    chosen = joined[joined["method"] == method]
    present = chosen[chosen[f"w_{modality}"] > 0]
    weight = present[f"w_{modality}"].to_numpy(np.float64)
    reliable = present[f"reliable_{modality}"].to_numpy(bool)
    seeds = present["seed"].to_numpy()
    areas = [auroc(weight[seeds == s], reliable[seeds == s]) for s in np.unique(seeds)]
    count = max(len(areas), 1)
    return Told(
        reliable=float(weight[reliable].mean()) if reliable.any() else float("nan"),
        unreliable=float(weight[~reliable].mean())
        if not reliable.all()
        else float("nan"),
        areas=np.array(areas),
        n_reliable=int(reliable.sum()) // count,
        n_unreliable=int((~reliable).sum()) // count,
    )


def areas_of(ceilings: Run) -> dict[tuple[str, str], float]:
    """AUROC by modality and source; of a cross-validated data set the mean of folds."""
    table = ceilings.read("reliability")
    found = table.groupby(["modality", "source"])["auroc"].mean()
    return {(str(m), str(s)): float(area) for (m, s), area in found.items()}  # type: ignore[misc]
