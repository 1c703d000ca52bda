"""What made-up interaction experts say of samples, and how they move when probed."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from repro import paths
from repro.cells.probing import DROPOUT, NOTHING, PROBED
from repro.files import write_table
from repro.models.interactions.experts import expert_names
from repro.params import Params
from repro.params.mechanisms import modality_names
from repro.records import decoded
from repro.report import Data, Report
from repro.simulation.interactions import tied
from tests.repro.made_data import SEEDS, generator, samples

MOVES = {"random": 2.0, "shuffled": 1.0, "mean": 0.5, "zero": 0.8}


def write_experts(
    params: Params, address: str, modalities: Sequence[str], methods: Sequence[str]
) -> None:
    """The experts.parquet of a run, and its probe.parquet if it has one."""
    recipe = params.recipe(address)
    asked = recipe.interaction
    assert asked is not None
    dataset, names = recipe.dataset, expert_names(modalities, asked)
    if params.plants_interactions(dataset):
        told = planted_truth(params, dataset)
    else:
        told = samples(dataset).assign(mechanism="none")
    classes = max(len(params.dataset(dataset).classes), 1)
    tables = [
        expert_rows(told, names, classes, f"{address}/{method}").assign(method=method)
        for method in methods
    ]
    folder = paths.run(address)
    write_table(folder / "experts.parquet", pd.concat(tables, ignore_index=True))
    if asked.probe:
        probed = probe_rows(told, names, modalities, address)
        write_table(folder / "probe.parquet", probed.assign(method=methods[0]))


def write_mixtures(address: str, report: Report) -> None:
    """The experts.parquet of a run on data of which nothing is planted."""
    base, data = samples(report.dataset, report.data.sizes), report.data
    names = [f"unique_{name}" for name in data.modalities]
    asked = report.interaction or {}
    is_few = asked.get("variant") == "synergy_redundancy"
    experts = [*([] if is_few else names), "synergy", "redundancy"]
    test = base[base["split"] == "test"]
    tables = [
        mixture_rows(test, experts, data, method, seed, address)
        for method in report.methods
        for seed in SEEDS
    ]
    write_table(paths.run(address) / "experts.parquet", pd.concat(tables))


def mixture_rows(
    test: pd.DataFrame,
    experts: Sequence[str],
    data: Data,
    method: str,
    seed: int,
    where: str,
) -> pd.DataFrame:
    """Weights that sum to one, and logits that know something of the label."""
    draw, y = generator(where, method, seed), test["y"].to_numpy()
    weights = draw.dirichlet(np.full(len(experts), 3.0), size=len(test))
    tables = []
    for e, name in enumerate(experts):
        true = truth(y, data)
        logits = true + draw.normal(0, 0.8, true.shape)
        about = {"method": method, "seed": seed, "expert": name}
        table = test[["split", "id"]].assign(**about, weight=weights[:, e])
        columns = dict(zip(_columns(max(data.classes, 1)), logits.T, strict=True))
        tables.append(table.assign(**columns, share=weights[:, e], left_out=0.0))
    return pd.concat(tables)


def truth(y: np.ndarray, data: Data) -> np.ndarray:
    """What a logit should be: the score itself, or 1 for the class and each label."""
    if data.task == "multilabel":
        return decoded(y, data.classes).astype(float)
    return np.eye(data.classes)[y.astype(int)] if data.classes else y[:, None]


def planted_truth(params: Params, dataset: str) -> pd.DataFrame:
    """What each sample of a planted data set needs."""
    base, planned = samples(dataset), params.interaction_simulation.sets[dataset]
    draw, classes = generator("mechanisms", len(base)), planned.classes
    needed = draw.choice(np.array(planned.mechanisms), size=len(base))
    found = base[["id", "split", "y"]].assign(mechanism=needed)
    names = modality_names(planned.modalities)
    codes = draw.integers(classes, size=(len(base), len(names)))
    for kind in planned.mechanisms:
        own = needed == kind
        y = base["y"].to_numpy(np.int64)[own]
        codes[own] = tied(codes[own], y, kind, classes)
    for m, name in enumerate(names):
        found[f"code_{name}"], found[f"tag_{name}"] = codes[:, m], needed
    return found


def expert_rows(
    truth: pd.DataFrame, experts: Sequence[str], classes: int, where: str
) -> pd.DataFrame:
    """What experts say of test samples: mostly right, and a weight that half knows."""
    test = truth[truth["split"] == "test"]
    tables = []
    for seed in SEEDS:
        draw = generator(where, seed)
        known = test["mechanism"].to_numpy()[:, None] == np.array(experts)
        weights = draw.random(known.shape) + 0.5 * known
        weights /= weights.sum(1, keepdims=True)
        right = np.eye(classes)[test["y"].to_numpy(int).clip(0, classes - 1)]
        for e, name in enumerate(experts):
            logits = 2 * right + draw.normal(0, 0.8, right.shape)
            table = pd.DataFrame({"seed": seed, "split": "test", "id": test["id"]})
            table = table.assign(expert=name, weight=weights[:, e])
            tables.append(
                table.assign(**dict(zip(_columns(classes), logits.T, strict=True)))
            )
    return pd.concat(tables, ignore_index=True)


def probe_rows(
    truth: pd.DataFrame, experts: Sequence[str], modalities: Sequence[str], where: str
) -> pd.DataFrame:
    """How far experts move: half as far for other rows as for noise."""
    ids = truth.loc[truth["split"] == "test", "id"]
    tables = []
    for mask in (*PROBED, DROPOUT):
        named = (NOTHING,) if mask == DROPOUT else modalities
        index = pd.MultiIndex.from_product(
            [SEEDS, experts, named, ids], names=["seed", "expert", "modality", "id"]
        )
        noise = generator(where, mask).uniform(0.5, 1.5, len(index))
        table = index.to_frame(index=False).assign(mask=mask)
        tables.append(table.assign(distance=MOVES.get(mask, 0.1) * noise))
    return pd.concat(tables, ignore_index=True)


def _columns(classes: int) -> list[str]:
    return [f"logit_{k}" for k in range(classes)]
