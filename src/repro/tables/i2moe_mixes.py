"""Block of I2MoE over mixes of interactions: do weights follow what rows need?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from btw import mix_correlation
from repro.metrics.bootstrap import summary
from repro.params import Params
from repro.results.explanations import Explanation, PlantedRows, mix_correlations
from repro.tables.rows import Block, Entry, frame, summary_entry

LEAST_MIXES = 3  # of a correlation over them
Told = Mapping[str, tuple[Explanation, PlantedRows]]  # of one method, by data set
# Rows of each data set, and what each method says of them.
ToldOfAll = Mapping[str, tuple[PlantedRows, Mapping[str, Explanation]]]


def mixes_of(params: Params, told: ToldOfAll) -> list[pd.DataFrame]:
    """The block over the mixes of two modalities whose tags show, if there are enough.

    Of the methods with experts that tell of every mix.
    """
    sets = params.interaction_simulation.sets
    mixes = {
        name: found
        for name, found in told.items()
        if sets[found[0].dataset].visible == 1
        and sets[found[0].dataset].modalities == 2
    }
    if len(mixes) < LEAST_MIXES:
        return []
    shared = set.intersection(*(set(found) for _, found in mixes.values()))
    _, first = next(iter(mixes.values()))
    follows = {
        method: {name: (found[method], rows) for name, (rows, found) in mixes.items()}
        for method in first
        if method in shared and first[method].logits is not None
    }
    return [mixes_block(params, follows)] if follows else []


def mixes_block(params: Params, mixes: Mapping[str, Told]) -> pd.DataFrame:
    """Over mixes: does an expert weigh more where more rows need it?

    `mixes` has for each explanation, by code name, what it says of every mix.
    """
    entries: list[Entry] = []
    experts: tuple[str, ...] = ()
    for row, told in mixes.items():
        experts = next(iter(told.values()))[1].experts
        found = mix_correlations(told)
        for kind, values in zip(experts, found.T, strict=True):
            if not np.isnan(values).any():
                metric, title = f"{kind}_follows", params.names.get(row, row)
                entries.append(summary_entry(row, title, metric, summary(values)))
    modalities = ", ".join(name[7:] for name in experts[:-2])
    shares = np.stack([one[1].shares for one in told.values()])
    distinct = np.argsort(np.argsort(shares, axis=0, kind="stable"), axis=0)
    most = float(np.max(mix_correlation(distinct, shares)))
    note = (
        "Spearman over mixes of the mean weight of an expert and the share of rows "
        "that need it; experts whose weight does not vary have none. Shares repeat, so "
        f"that weights which all differ reach {most:.3f} at most"
    )
    block = Block("planted_mixes", "simulated", "", True, modalities, note)
    return frame(block, entries)
