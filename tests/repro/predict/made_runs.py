"""A folder with small trained runs of files, and rows of a table to apply them to."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from repro import paths
from repro.cells.tensors import padded
from repro.data.preparing import presence, read_prepared
from repro.predict import __main__ as command
from repro.records import Ragged
from repro.stages import (
    prepare,
    read_folder,
    series,
    simulate,
    simulate_folder,
    text,
    train,
)
from tests.settings import copied_settings

ROOT = Path(__file__).parents[3]
ROWS = range(6)  # a few test rows
EVERY = ("early_fusion", "late_fusion", "low_rank", "concat_transformer", "mult")
MAPPING = {
    "samples": "samples.csv",
    "id": "cup",
    "group": "pot",
    "split": "split",
    "label": "kind",
    "arrays": {"smell": "smell.npy", "taste": "taste.npy", "look": "look.npy"},
}
TEA = {
    "title": "Teas",
    "task": "classification",
    "classes": ["green", "black", "white"],
    "groups": "pots",
    "tokens": "last_state",
    "source": "table",
    "path": "data/raw/tea",
    "table": MAPPING,
}
WEIGHTED = ["averaged_instance", "modality", "instance", "bi_level"]
CELLS: dict[str, dict[str, Any]] = {
    "all": {"dataset": "mosi", "trains": [*EVERY, "mmim", "ithp"]},
    "tea": {"dataset": "tea", "trains": ["unimodal", "moe", "shuffled", *WEIGHTED]},
    "token": {"dataset": "tea", "trains": ["unimodal", "moe"], "missing": "embedding"},
    "experts": {
        "dataset": "tea",
        "fusion": "late_fusion",
        "trains": ["unimodal", "late_fusion"],
        "interaction": {},
    },
    "bare": {"dataset": "tea", "trains": ["moe"], "checkpoints": False},
    "bare2": {"dataset": "tea", "trains": ["unimodal", "moe"], "checkpoints": False},
}
FILMS = {
    "dataset": "mmimdb",
    "fusion": "early_fusion",
    "trains": ["unimodal", "early_fusion"],
    "interaction": {},
}
USING: dict[str, dict[str, Any]] = {
    "lone": {"trains": ["instance"], "uses": ["own/bare2"]},
    "leaky": {
        "trains": ["moe", "bi_level"],
        "uses": ["own/tea"],
        "switches": ["transductive_mi"],
    },
}


def train_all() -> None:
    """Make data, features and runs in the working directory, on the tiny preset."""
    copied_settings(Path())
    yaml = YAML()
    content = yaml.load(paths.PARAMS)
    content["seeds"] = [0, 1]
    content["datasets"]["files"]["tea"] = TEA
    yaml.dump(content, paths.PARAMS)
    more = {"own": CELLS, "btw": USING, "experts": {"films": FILMS}}
    for group, cells in more.items():
        content = yaml.load(paths.cells(group))
        about = {} if group == "experts" else {"dataset": "tea", "fusion": "moe"}
        content["cells"][group] |= {n: {**about, **cell} for n, cell in cells.items()}
        yaml.dump(content, paths.cells(group))
    write_tea(Path(TEA["path"]))
    simulate.main(["mosi"])
    for name in ("mosi", "tea"):
        prepare.main([name])
        series.main([name])
        text.main([name, "bert"])
    simulate_folder.main(["mmimdb"])
    read_folder.main(["mmimdb"])
    for cell in (
        *("base/mosi", "btw/mosi", "experts/films"),
        *(f"own/{name}" for name in CELLS),
        *(f"btw/{name}" for name in USING),
    ):
        train.main([cell])


def write_tea(folder: Path) -> None:
    """Cups in pots of three: a vector and two sequences; some have no look."""
    folder.mkdir(parents=True)
    draw = np.random.default_rng(3)
    count = 90
    score = draw.normal(size=count)
    kind = np.argsort(np.argsort(score.reshape(-1, 3), axis=1), axis=1).ravel()
    rows = {
        "cup": [f"c{i}" for i in range(count)],
        "pot": [f"p{i // 3}" for i in range(count)],
        "split": np.repeat(["train", "valid", "test"], count // 3),
        "kind": kind,
    }
    pd.DataFrame(rows).to_csv(folder / "samples.csv", index=False)
    for name in ("smell", "taste"):
        array = draw.normal(size=(count, 4, 5)) + score[:, None, None]
        array[::4, 2:] = 0
        np.save(folder / f"{name}.npy", array.astype(np.float32))
    look = draw.normal(size=(count, 6)) + score[:, None]
    look[::7] = np.nan
    np.save(folder / "look.npy", look)


def write_rows(dataset: str, split: str, folder: Path) -> Path:
    """The rows of a split as a table with arrays, from what was prepared."""
    prepared = read_prepared(paths.prepared(dataset))
    rows = np.flatnonzero(prepared.samples["split"] == split)
    folder.mkdir(parents=True, exist_ok=True)
    table = {"id": prepared.samples["id"].to_numpy()[rows]}
    for name, modality in prepared.modalities.items():
        if isinstance(modality, Ragged):
            array = padded(modality, presence(modality)).numpy()[rows]
            if modality.lengths.max() == 1:
                array = np.where(presence(modality)[rows, None], array[:, 0], np.nan)
            np.save(folder / f"{name}.npy", array)
        else:
            table["text"] = np.array(modality.values)[rows]
    id_column = "cup" if dataset == "tea" else "id"
    frame = pd.DataFrame(table).rename(columns={"id": id_column})
    frame.to_csv(folder / "samples.csv", index=False)
    return folder / "samples.csv"


def chosen(samples: Path, rows: Collection[int], folder: Path) -> Path:
    """Some rows of a table with arrays, in the given order."""
    folder.mkdir(parents=True, exist_ok=True)
    read = pd.read_csv(samples, dtype=str, keep_default_na=False)
    read.iloc[list(rows)].to_csv(folder / "samples.csv", index=False)
    for file in samples.parent.glob("*.npy"):
        np.save(folder / file.name, np.load(file)[list(rows)])
    return folder / "samples.csv"


def predict(run: str, samples: Path, *more: str, **read: Any) -> pd.DataFrame:
    """What the command writes, as a table."""
    out = samples.parent / "out.parquet"
    command.main([run, str(samples), "--out", str(out), *more])
    return pd.read_parquet(out, **read)
