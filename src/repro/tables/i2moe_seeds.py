"""Whether seeds weight experts alike, on every data set that has experts."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from jaxtyping import Float

import btw
from repro.metrics.bootstrap import summary
from repro.params import Params
from repro.results.runs import Run, trained_run
from repro.tables.rows import Block, Entry, frame, summary_entry

GROUPS = ("interactions", "experts")
FULL = "i2moe"
NOTE = (
    "agreement: Spearman over test rows of the weight of an expert between two seeds, "
    "mean over all pairs of seeds and over experts whose weight varies; 1: all seeds "
    "explain the rows alike, 0: the weights of one seed say nothing of those of "
    "another. Of concat transformer where a cell trains several fusions; highest "
    "weight: mean over rows and seeds of the largest of E weights, times E: 1 is equal "
    "weights in every row"
)
FUSION = "concat_transformer"


def agreement_blocks(params: Params) -> list[pd.DataFrame]:
    """A row per data set with experts, simulated ones and real ones apart."""
    runs = list(_runs(params))
    blocks = []
    for simulated in (True, False):
        own = [run for run in runs if run.simulated == simulated]
        entries = [entry for run in own for entry in _entries(params, run)]
        if entries:
            source = "simulated" if simulated else "real"
            about = Block(
                *("agreement_of_seeds", source, "", simulated, "all", NOTE),
                preset=params.preset,
            )
            blocks.append(frame(about, entries))
    return blocks


def _runs(params: Params) -> Iterator[Run]:
    for group in GROUPS:
        for key in params.cells.get(group, {}):
            address = f"{group}/{key}/{FULL}"
            if address in params.recipes:
                yield trained_run(params, address)


def _entries(params: Params, run: Run) -> Iterator[Entry]:
    weights = expert_weights(run)
    if len(weights) < 2:
        return
    row, name = run.dataset, params.dataset(run.dataset).title
    agreed = btw.weight_agreement(weights)
    known = agreed[~np.isnan(agreed)]
    if len(known):
        mean = float(known.mean())
        yield Entry(row, name, "agreement", mean=mean, n=len(weights))
    highest = weights.max(axis=2).mean(axis=1) * weights.shape[2]
    yield summary_entry(row, name, "contrast", summary(highest))


def expert_weights(run: Run) -> Float[np.ndarray, "seeds samples experts"]:
    """Weights of the test rows in the order of their ids.

    Raises:
        ValueError: seeds do not hold the same rows and experts.
    """
    table = run.read("experts")
    table = table[table["split"] == "test"]
    method = FUSION if FUSION in set(table["method"]) else table["method"].iloc[0]
    table = table[table["method"] == method]
    wide = table.pivot(index=["seed", "id"], columns="expert", values="weight")
    seeds = wide.index.get_level_values("seed").nunique()
    ids = wide.index.get_level_values("id").to_numpy()
    is_even = len(ids) % seeds == 0
    if is_even:
        by_seed = ids.reshape(seeds, -1)
        is_even = bool((by_seed == by_seed[0]).all())
    if not is_even or wide.isna().to_numpy().any():
        raise ValueError(
            f"{run.folder}/experts.parquet: seeds hold different rows or experts; "
            "train the cell again"
        )
    return wide.to_numpy(np.float64).reshape(seeds, -1, wide.shape[1])
