"""A small study in a temporary folder: params, printed numbers, fabricated runs."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from repro import params as parameters
from repro import paths
from repro.files import write_json, write_table
from repro.params import Cell, Params
from tests.repro.clinical_runs import write_clinical_runs

ROOT = Path(__file__).parents[2]
SEEDS = (0, 1, 2)
SIZES = {"train": 24, "valid": 12, "test": 30}
MODALITIES = ["text", "audio", "video"]
UNWEIGHTED = ("unimodal", "moe", "fusion_rows", "deberta_rows")
DIMS = {
    "mosi": {"text": 16, "audio": 5, "video": 20},
    "mosei": {"text": 16, "audio": 74, "video": 35},
}
MODEL = {"expert_hidden": 64, "layers": 1, "router": "per_modality", "gate": "laplace"}
SPREAD = {
    "mean": 1.6,
    "ridge": 1.1,
    "text": 0.9,
    "audio": 1.4,
    "video": 1.3,
    "moe": 0.8,
    "averaged_instance": 0.8,
    "modality": 0.75,
    "instance": 0.7,
    "bi_level": 0.6,
}


def generator(*parts: object) -> np.random.Generator:
    """A generator that depends on names only."""
    return np.random.default_rng([ord(c) for c in "/".join(map(str, parts))])


def samples(dataset: str, sizes: dict[str, int]) -> pd.DataFrame:
    """id, group (six samples to a video), split and y."""
    total = sum(sizes.values())
    split = np.repeat(list(sizes), list(sizes.values()))
    count = np.concatenate([np.arange(n) // 6 for n in sizes.values()])
    y = np.clip(np.round(generator(dataset).normal(0, 1.4, total) * 5) / 5, -3, 3)
    group = [f"{s}-{c}" for s, c in zip(split, count, strict=True)]
    ids = [f"{g}_{i}" for i, g in enumerate(group)]
    return pd.DataFrame({"id": ids, "group": group, "split": split, "y": y})


def predictions(
    dataset: str, cell: str, method: str, seeds: tuple[int, ...], sizes: dict[str, int]
) -> pd.DataFrame:
    """Labels with noise of the method's spread."""
    base = samples(dataset, sizes)
    tables = []
    for seed in seeds:
        noise = generator(dataset, cell, method, seed).normal(size=len(base))
        y = base["y"] * 0.8 + SPREAD.get(method, 0.85) * noise
        if method == "mean":
            y = 0.1 + 0 * noise
        tables.append(base.assign(method=method, seed=seed, prediction=y))
    return pd.concat(tables, ignore_index=True)


def report(dataset: str, cell: str, methods: list[str], **changes: object) -> dict:
    """A report.json in the schema of the training cells."""
    data = {
        "source": "mmsa",
        "simulated": True,
        "sizes": SIZES,
        "dims": DIMS[dataset],
        "modalities": MODALITIES,
        "notes": [],
        "warnings": [],
    }
    data |= changes.get("data", {})
    found = {"epochs": [2, 3, 4], "last_epoch": 12, "parameters": 9, "trained": True}
    content = {
        "dataset": dataset,
        "cell": cell,
        "encoder": "bert",
        "protocol": "leak_free",
        "switches": [],
        "control": "none",
        "preset": "default",
        "seeds": list(SEEDS),
        "methods": dict.fromkeys(methods, found),
        "text_weights": "random",
        "finetune": False,
        "experts": 16,
        "top_k": 2,
        "model": MODEL,
        "training": {"epochs": 12, "batch": 64},
        "weighting": {"scale": "mean_one"},
        "data": data,
    }
    content |= {**changes, "data": data}
    return {key: value for key, value in content.items() if value is not None}


def weights(dataset: str, cell: str, methods: list[str], noise: int) -> pd.DataFrame:
    """Random weights that average one over the modalities of a row."""
    names = MODALITIES + [f"noise_{k}" for k in range(noise)]
    base = samples(dataset, SIZES)
    tables = []
    for method in methods:
        for seed in SEEDS:
            drawn = generator(dataset, cell, method, seed, "w").random(
                (len(base), len(names))
            )
            drawn *= len(names) / drawn.sum(axis=1, keepdims=True)
            table = base[["split", "id"]].assign(method=method, seed=seed)
            tables.append(
                table.assign(
                    **{f"w_{n}": w for n, w in zip(names, drawn.T, strict=True)}
                )
            )
    return pd.concat(tables, ignore_index=True)


def trajectory(methods: list[str]) -> pd.DataFrame:
    """Weights that drift from one, per epoch and modality."""
    rows = [
        {
            "method": method,
            "seed": seed,
            "epoch": epoch,
            "split": "train",
            "modality": modality,
            "mean": 1 + (k - 1) * epoch * 0.05 + 0.01 * seed,
            "lower": 0.8 + (k - 1) * epoch * 0.05,
            "upper": 1.2 + (k - 1) * epoch * 0.05,
            "factor": 0.5,
        }
        for method in methods
        for seed in SEEDS
        for epoch in range(5)
        for k, modality in enumerate(MODALITIES)
    ]
    return pd.DataFrame(rows)


def write_cell(dataset: str, cell: str, methods: list[str], **changes: object) -> None:
    """Write a cell's folder and its timing."""
    noise = int(changes.pop("noise", 0))
    seeds = (0,) if cell.endswith("baselines") else SEEDS
    content = report(dataset, cell, methods, **changes)
    sizes = content["data"]["sizes"]
    tables = [predictions(dataset, cell, m, seeds, sizes) for m in methods]
    table = pd.concat(tables, ignore_index=True)
    if content["control"] == "ones":
        same = predictions(dataset, cell, "moe", seeds, sizes)["prediction"].to_numpy()
        table["prediction"] = np.tile(same, len(methods))
    folder = paths.run(dataset, cell)
    write_table(folder / "predictions.parquet", table)
    write_json(folder / "report.json", content)
    weighted = [m for m in methods if m in ("instance", "bi_level")]
    if weighted:
        write_table(folder / "weights.parquet", weights(dataset, cell, weighted, noise))
        write_table(folder / "trajectory.parquet", trajectory(weighted))
    timing = {
        "seconds": {method: 10.0 + k for k, method in enumerate(methods)},
        "peak_memory_bytes": 2**28,
        "hardware": {"cpu": "a processor", "cores": 2},
    }
    write_json(paths.timing(dataset, cell), timing)


def methods_of(group: str, cell: Cell) -> list[str]:
    """What a cell of a group consists of."""
    match group:
        case "unimodal":
            return MODALITIES
        case "attribution" | "noise":
            return ["moe", "instance", "bi_level"]
        case "other_fusions":
            return [cell.fusion, "instance", "bi_level"]
        case "fusion_rows" | "deberta_rows":
            return [cell.fusion]
        case "deberta_btw":
            return [*MODALITIES, "moe", "instance", "bi_level"]
    return [cell.method]


def write_runs(params: Params, **changes: object) -> None:
    """Every cell of params, and the baselines."""
    about = {k: v for k, v in changes.get("data", {}).items() if k == "simulated"}
    write_clinical_runs(params, **({"data": about} if about else {}))
    for dataset in params.datasets:
        for folder, encoder in (
            ("baselines", "bert"),
            ("deberta_baselines", "deberta"),
        ):
            about = {"encoder": encoder} | changes
            write_cell(dataset, folder, ["mean", "ridge"], **about)
        rows = samples(dataset, SIZES)
        truth = rows[["id"]].copy()
        for modality in MODALITIES:
            chance = generator(dataset, modality, "reliable").random(len(rows))
            truth[f"reliable_{modality}"] = chance > 0.3
        write_table(paths.simulated_truth(dataset), truth)
        first = weights(dataset, "initial", ["instance"], 0).drop(columns="method")
        write_table(paths.run(dataset, "weights") / "initial.parquet", first)
        about = {"data": report(dataset, "weights", [], **changes)["data"]}
        write_json(paths.run(dataset, "weights") / "report.json", about)
    for group, cells in params.cells.items():
        for key, cell in cells.items():
            if cell.dataset in params.cohorts:
                continue
            methods = methods_of(group, cell)
            alpha = params.alpha if cell.alpha is None else cell.alpha
            write_cell(
                cell.dataset,
                paths.cell_folder(group, key, cell),
                methods,
                noise=cell.noise,
                switches=cell.switches,
                control=cell.control,
                alpha=None if group in UNWEIGHTED else alpha,
                **({"encoder": params.encoder_of(cell)} | changes),
            )


@pytest.fixture(scope="session")
def whole_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with printed numbers and every run of params.yaml, written once."""
    folder = tmp_path_factory.mktemp("study")
    (folder / paths.PUBLISHED.parent).mkdir(parents=True)
    shutil.copy(ROOT / paths.PUBLISHED, folder / paths.PUBLISHED)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_runs(parameters.load(ROOT / paths.PARAMS))
    return folder


@pytest.fixture
def study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole_study: Path
) -> SimpleNamespace:
    """Params with few resamples, in a folder with printed numbers and no runs yet."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(whole_study / "data/published", tmp_path / "data/published")
    loaded = parameters.load(ROOT / paths.PARAMS)
    few = loaded.statistics.model_copy(update={"resamples": 400})
    params = loaded.model_copy(update={"statistics": few})

    def write(chosen: Params, **changes: object) -> None:
        if changes or chosen.alpha != params.alpha:
            write_runs(chosen, **changes)
            return
        # Links are safe: a file is replaced, never written into.
        for name in ("runs", "data/simulated", "data/prepared", "data/ingested"):
            shutil.rmtree(tmp_path / name, ignore_errors=True)
            shutil.copytree(whole_study / name, tmp_path / name, copy_function=os.link)

    return SimpleNamespace(params=params, write_runs=write)


@pytest.fixture(scope="session")
def whole_clinical(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with printed numbers and the runs of the clinical cohorts."""
    folder = tmp_path_factory.mktemp("clinical")
    (folder / paths.PUBLISHED.parent).mkdir(parents=True)
    shutil.copy(ROOT / paths.PUBLISHED, folder / paths.PUBLISHED)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_clinical_runs(parameters.load(ROOT / paths.PARAMS))
    return folder


@pytest.fixture
def clinical(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole_clinical: Path
) -> Params:
    """Params without sentiment and with few resamples, in a copy of that folder."""
    # Links are safe: a file is replaced, never written into.
    shutil.copytree(whole_clinical, tmp_path, copy_function=os.link, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    loaded = parameters.load(ROOT / paths.PARAMS)
    few = loaded.statistics.model_copy(update={"resamples": 300})
    return loaded.model_copy(update={"statistics": few, "datasets": {}})
