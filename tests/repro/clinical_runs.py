"""Small clinical runs: prepared cohorts and the folder of every cell, fabricated."""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from repro import paths
from repro.files import write_json, write_table
from repro.params import Params
from repro.results.titles import CLASSES

MODALITIES = ("timeseries", "text", "cxr", "ecg")
SEEDS = (0, 1, 2)
WEIGHTED = ("instance", "averaged_instance", "modality", "bi_level")
RETRAINED = ("fusemoe", "instance", "bi_level")
SIZES = {"train": 40, "valid": 40, "test": 160}
FOLDS = 3
MODEL = {"expert_hidden": 64, "layers": 1, "router": "per_modality", "gate": "laplace"}
TRAINING = {"epochs": 6, "batch": 64}
DATA: dict[str, Any] = {
    "source": "simulated",
    "simulated": True,
    "sizes": SIZES,
    "dims": dict.fromkeys(MODALITIES, 4),
    "modalities": list(MODALITIES),
    "task": "classification",
    "classes": 4,
    "excluded": 0,
    "notes": [],
    "warnings": [],
}
# How much a method knows of the true class.
SKILL = {"haim": 1.2, "mult": 1.0, "fusemoe": 1.4, "bi_level": 1.8, "text": 1.1}


def generator(*parts: object) -> np.random.Generator:
    """A generator that depends on names only."""
    return np.random.default_rng(zlib.crc32("/".join(map(str, parts)).encode()))


def samples(cohort: str, seed: int = 0) -> pd.DataFrame:
    """id, group (two stays to a patient), split and y, rarer for longer stays."""
    split = np.repeat(list(SIZES), list(SIZES.values()))
    count = len(split)
    draw = generator(cohort, seed)
    y = draw.choice(4, size=count, p=[0.3, 0.44, 0.22, 0.04]).astype(np.float64)
    group = [f"{cohort}_p{i // 2:03d}" for i in range(count)]
    ids = [f"{cohort}_{i:03d}" for i in range(count)]
    table = pd.DataFrame({"id": ids, "group": group, "split": split, "y": y})
    return table.assign(**{f"present_{name}": True for name in MODALITIES})


def probabilities(
    y: np.ndarray, method: str, seed: int, *names: object
) -> dict[str, np.ndarray]:
    """Columns p_0 to p_3 of a method that knows something of the class."""
    noise = generator(method, seed, *names).normal(size=(len(y), 4))
    skill = SKILL.get(method, 0.6)
    logits = noise + skill * (y[:, None] == np.arange(4))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return {f"p_{k}": shares[:, k] for k in range(4)}


def shares_of_train(base: pd.DataFrame) -> dict[str, np.ndarray]:
    """Columns p_0 to p_3 of a predictor that knows how often each class occurs."""
    y = base.loc[base["split"] == "train", "y"]
    return {f"p_{k}": np.full(len(base), (y == k).mean()) for k in range(4)}


def predictions(
    base: pd.DataFrame, methods: Sequence[str], *names: object
) -> pd.DataFrame:
    """Every method, seed and split of a run folder."""
    tables = []
    for method in methods:
        for seed in (0,) if method in ("majority", "haim") else SEEDS:
            columns = probabilities(base["y"].to_numpy(), method, seed, *names)
            if method == "majority":
                columns = shares_of_train(base)
            rows = base[["split", "id", "group", "y"]]
            tables.append(rows.assign(method=method, seed=np.int64(seed), **columns))
    return pd.concat(tables, ignore_index=True)


def report(
    cohort: str, folder: str, methods: Sequence[str], **changes: Any
) -> dict[str, Any]:
    """A report.json in the schema of the clinical cells."""
    known = {"epochs": [2, 3, 4], "last_epoch": 6, "parameters": 9, "trained": True}
    unweighted = ("baselines", "unimodal", "fusemoe", "mult")
    alpha = {} if folder in unweighted else {"alpha": 0.5}
    content = {
        "dataset": cohort,
        "cell": folder,
        "encoder": "bert",
        "text_encoder": "tfidf",
        "text_weights": "none",
        "finetune": False,
        "fusion": "mult" if folder == "mult" else "fusemoe",
        "without": [folder.removeprefix("without_")] if "without" in folder else [],
        "missing": "zero" if folder == "zero" else "mask",
        "count_absent": folder == "zero",
        "protocol": "leak_free",
        "switches": [],
        "control": "none",
        **alpha,
        "preset": "default",
        "seeds": list(SEEDS),
        "methods": dict.fromkeys(methods, known),
        "experts": 16,
        "top_k": 2,
        "model": MODEL,
        "training": TRAINING,
        "weighting": {"scale": "mean_one"},
    }
    content |= {key: value for key, value in changes.items() if key != "data"}
    return {**content, "data": DATA | changes.get("data", {})}


def folders(cohort: str) -> dict[str, tuple[str, ...]]:
    """Methods of each run folder of a cohort."""
    found: dict[str, tuple[str, ...]] = {
        "baselines": ("majority", "stratified", "haim"),
        "unimodal": MODALITIES,
        "fusemoe": ("fusemoe",),
        "mult": ("mult",),
        "btw": WEIGHTED,
    }
    found |= {f"without_{name}": RETRAINED for name in ("ecg", "text", "cxr")}
    return found | ({"zero": RETRAINED} if cohort == "icu_all" else {})


def write_folder(cohort: str, folder: str, parts: int = 1, **changes: Any) -> None:
    """Write one run folder, or a folder in it for every fold."""
    methods = folders(cohort)[folder]
    content = report(cohort, folder, methods, **changes)
    if folder == "unimodal":
        modalities = content["data"]["modalities"]
        methods = tuple(m for m in modalities)
    place = paths.run(cohort, folder)
    bases = divided(samples(cohort), parts)
    for k, base in enumerate(bases):
        part = paths.part(cohort, k) if parts > 1 else cohort
        table = predictions(base, methods, cohort, folder)
        write_table(paths.run(part, folder) / "predictions.parquet", table)
        if folder == "btw":
            moves = trajectory(methods, content["data"]["modalities"])
            write_table(paths.run(part, folder) / "trajectory.parquet", moves)
    folds = {"folds": parts} if parts > 1 else {}
    write_json(place / "report.json", content | folds)


def divided(base: pd.DataFrame, parts: int) -> list[pd.DataFrame]:
    """One division of the samples per fold; every stay is tested once."""
    if parts == 1:
        return [base]
    patient = base["group"].str[-3:].astype(int).to_numpy()
    found = []
    for k in range(parts):
        split = np.where(patient % parts == k, "test", "train").astype(object)
        split[(split == "train") & (patient % 2 == 0)] = "valid"
        found.append(base.assign(split=split))
    return found


def trajectory(methods: Sequence[str], modalities: Sequence[str]) -> pd.DataFrame:
    """Weights that drift from one, per epoch and modality."""
    rows = [
        {"method": method, "seed": seed, "epoch": epoch, "split": "train"}
        | {"modality": modality, "factor": 0.5}
        | {name: base + 0.05 * k * epoch for name, base in levels.items()}
        for levels in ({"mean": 1.0, "lower": 0.8, "upper": 1.2},)
        for method in methods
        for seed in SEEDS
        for epoch in range(5)
        for k, modality in enumerate(modalities)
    ]
    return pd.DataFrame(rows)


def write_clinical_runs(params: Params, **changes: Any) -> None:
    """The ingestion report; prepared and run files of each cohort that has cells."""
    ingested = {"version": "2.2-like", "preset": "corrected", "time_policy": "strict"}
    write_json(paths.ingested() / "report.json", ingested | changes.pop("ingested", {}))
    data = {"source": "simulated", "simulated": True, "modalities": list(MODALITIES)}
    data |= {k: v for k, v in changes.get("data", {}).items() if k in data}
    steps = [("all ICU stays", 400, 150), ("los >= 2 days", 240, 120)]
    cells = [cell for group in params.cells.values() for cell in group.values()]
    for cohort in dict.fromkeys(c.dataset for c in cells if params.is_clinical(c)):
        parts = params.parts(cohort)
        for part, base in zip(parts, divided(samples(cohort), len(parts)), strict=True):
            meta = {
                **data,
                "evaluation": params.clinical.evaluation,
                "classes": len(CLASSES),
                "attrition": [
                    {"step": name, "stays": stays, "patients": patients}
                    for name, stays, patients in steps
                ],
                "notes": [],
                "warnings": [],
            }
            write_table(paths.prepared(part) / "samples.parquet", base)
            write_json(paths.prepared(part) / "meta.json", meta)
        for folder in folders(cohort):
            write_folder(cohort, folder, len(parts), **changes)
