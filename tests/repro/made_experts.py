"""What made-up interaction experts say of the samples of a planted data set."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from repro import paths
from repro.files import write_table
from repro.params import Params
from repro.params.mechanisms import modality_names
from repro.report import Report
from repro.simulation.interactions import tied
from tests.repro.made_data import SEEDS, generator, samples


def write_experts(params: Params, address: str, dataset: str) -> None:
    """The experts.parquet of a run."""
    planned = params.interaction_simulation.sets[dataset]
    truth = planted_truth(params, dataset)
    told = expert_rows(truth, planned.mechanisms, planned.classes, address)
    write_table(paths.run(address) / "experts.parquet", told)


def write_mixtures(address: str, report: Report) -> None:
    """The experts.parquet of a run on data of which nothing is planted."""
    base, data = samples(report.dataset, report.data.sizes), report.data
    names = [f"unique_{name}" for name in data.modalities]
    asked = report.interaction or {}
    is_few = asked.get("variant") == "synergy_redundancy"
    experts = [*([] if is_few else names), "synergy", "redundancy"]
    test = base[base["split"] == "test"]
    tables = [
        mixture_rows(test, experts, data.classes, method, seed, address)
        for method in report.methods
        for seed in SEEDS
    ]
    write_table(paths.run(address) / "experts.parquet", pd.concat(tables))


def mixture_rows(
    test: pd.DataFrame,
    experts: Sequence[str],
    classes: int,
    method: str,
    seed: int,
    where: str,
) -> pd.DataFrame:
    """Weights that sum to one, and logits that know something of the label."""
    draw, y = generator(where, method, seed), test["y"].to_numpy()
    weights = draw.dirichlet(np.full(len(experts), 3.0), size=len(test))
    tables = []
    for e, name in enumerate(experts):
        true = np.eye(classes)[y.astype(int)] if classes else y[:, None]
        logits = true + draw.normal(0, 0.8, true.shape)
        about = {"method": method, "seed": seed, "expert": name}
        table = test[["split", "id"]].assign(**about, weight=weights[:, e])
        columns = dict(zip(_columns(max(classes, 1)), logits.T, strict=True))
        tables.append(table.assign(**columns, share=weights[:, e], left_out=0.0))
    return pd.concat(tables)


def planted_truth(params: Params, dataset: str) -> pd.DataFrame:
    """What each sample of a planted data set needs."""
    base = samples(dataset)
    mechanisms = params.interaction_simulation.sets[dataset].mechanisms
    draw = generator("mechanisms", len(base))
    needed = draw.choice(np.array(mechanisms), size=len(base))
    found = base[["id", "split", "y"]].assign(mechanism=needed)
    names = modality_names(params.interaction_simulation.sets[dataset].modalities)
    codes = draw.integers(3, size=(len(base), len(names)))
    for kind in mechanisms:
        own = needed == kind
        y = base["y"].to_numpy(np.int64)[own]
        codes[own] = tied(codes[own], y, kind, 3)
    for m, name in enumerate(names):
        found[f"code_{name}"], found[f"tag_{name}"] = codes[:, m], needed
    return found


def expert_rows(
    truth: pd.DataFrame, mechanisms: Sequence[str], classes: int, where: str
) -> pd.DataFrame:
    """What experts say of test samples: mostly right, and a weight that half knows."""
    test = truth[truth["split"] == "test"]
    tables = []
    for seed in SEEDS:
        draw = generator(where, seed)
        known = test["mechanism"].to_numpy()[:, None] == np.array(mechanisms)
        weights = draw.random(known.shape) + 0.5 * known
        weights /= weights.sum(1, keepdims=True)
        right = np.eye(classes)[test["y"].to_numpy(int)]
        for e, name in enumerate(mechanisms):
            logits = 2 * right + draw.normal(0, 0.8, right.shape)
            table = pd.DataFrame({"seed": seed, "split": "test", "id": test["id"]})
            table = table.assign(expert=name, weight=weights[:, e])
            tables.append(
                table.assign(**dict(zip(_columns(classes), logits.T, strict=True)))
            )
    return pd.concat(tables, ignore_index=True)


def _columns(classes: int) -> list[str]:
    return [f"logit_{k}" for k in range(classes)]
