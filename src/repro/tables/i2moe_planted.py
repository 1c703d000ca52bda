"""Table of I2MoE: what planted interactions are, exactly and as data tell them."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from btw.decomposition import Decomposition, decomposition
from repro import paths
from repro.data.preparing import Prepared, read_prepared
from repro.files import read_table
from repro.params import Params
from repro.params.mechanisms import InteractionSet, modality_names
from repro.records import Ragged
from repro.results.decomposing import decomposed_features, decomposed_truth
from repro.simulation.interaction_law import (
    auroc_ceilings,
    bayes_accuracy,
    joint_of,
    planted_decomposition,
)
from repro.tables.rows import Block, Entry, frame, joined, joined_notes

NOTES = (
    "parts of decompositions are shares of what the modalities tell of the label "
    "together (information)",
    "the decomposition of a mix is not the mix of its rows: what two modalities have "
    "alike of unique information counts as redundant and as synergistic, so that "
    "weights cannot agree with the rows and with it at once; explanations are scored "
    "against the rows",
    "estimates plug in the counts of all samples, whose chance patterns add to them, "
    "above all to synergy, while errors of clustering take from them; clusters: "
    "k-means of each modality, one for every code and tag",
    "greatest AUROC: what any score of codes and tags, noise left out, reaches for a "
    "mechanism; greatest accuracy: in its rows, for one who knows it",
)


def planted(params: Params) -> pd.DataFrame:
    """Shares of the mechanisms, ceilings, and decompositions, by mix."""
    return joined(_block(params, name) for name in params.datasets.planted)


def _block(params: Params, name: str) -> pd.DataFrame:
    planned = params.interaction_simulation.sets[name]
    prepared = read_prepared(paths.prepared(name))
    block = Block(
        dataset=name,
        source=str(prepared.meta["source"]),
        protocol="",
        simulated=bool(prepared.meta["simulated"]),
        modalities=", ".join(modality_names(planned.modalities)),
        notes=joined_notes(*NOTES),
    )
    redrawn = params.interaction_simulation.redrawn
    entries = [
        *_known(planned, redrawn),
        *_decomposed(name, planned, redrawn, prepared),
    ]
    return frame(block, entries)


def _known(planned: InteractionSet, redrawn: float) -> Iterator[Entry]:
    """What the law of a mix says of each mechanism."""
    ceilings, best = auroc_ceilings(planned), bayes_accuracy(planned, redrawn)
    rows = {
        ("planted", "rows that need it"): planned.shares,
        ("ceiling", "greatest AUROC"): ceilings,
        ("accuracy", "greatest accuracy"): best,
    }
    for (row, title), values in rows.items():
        for mechanism, value in values.items():
            if not np.isnan(value):
                yield Entry(row, title, f"{mechanism}_part", mean=value)


def _decomposed(
    name: str, planned: InteractionSet, redrawn: float, prepared: Prepared
) -> Iterator[Entry]:
    """Decompositions of each modality against the rest; of two, one is enough."""
    truth = read_table(paths.simulated_truth(name))
    names = modality_names(planned.modalities)
    features = [_vectors(prepared, modality) for modality in names]
    count = planned.classes * len(planned.mechanisms)
    y = truth["y"].to_numpy()
    for m, modality in enumerate(names[:1] if len(names) == 2 else names):
        found = {
            "exact": decomposition(joint_of(planned, redrawn, m)),
            "codes": decomposed_truth(truth, modality=m),
            "clusters": decomposed_features(features, y, count, modality=m),
        }
        if len(names) == 2 and planned.visible == 1:
            found = {"closed": planted_decomposition(planned, redrawn), **found}
        for kind, parts in found.items():
            yield from _entries(kind, modality, names, parts)


TITLES = {
    "closed": "decomposition, closed form",
    "exact": "decomposition, exact",
    "codes": "decomposition, estimated from codes and tags",
    "clusters": "decomposition, estimated from clusters",
}


def _entries(
    kind: str, modality: str, names: tuple[str, ...], found: Decomposition
) -> Iterator[Entry]:
    row, title, other = kind, TITLES[kind], names[1]
    if len(names) > 2:
        row, title = f"{kind}_{modality}", f"{title}, {modality} against the rest"
        other = "rest"
    shares = found.shares()
    parts = {
        f"unique_{modality}": shares.unique_1,
        f"unique_{other}": shares.unique_2,
        "synergy": shares.synergy,
        "redundancy": shares.redundancy,
    }
    for mechanism, part in parts.items():
        yield Entry(row, title, f"{mechanism}_part", mean=part)
    yield Entry(row, title, "information", mean=found.total)


def _vectors(prepared: Prepared, name: str) -> np.ndarray:
    modality = prepared.modalities[name]
    if not isinstance(modality, Ragged) or (modality.lengths != 1).any():
        raise ValueError(
            f"{name}: is no vector of every sample; simulate the planted data again"
        )
    return modality.values.astype(np.float64)
