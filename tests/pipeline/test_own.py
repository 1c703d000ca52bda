"""Data sets and fusions of one's own, added without touching anyone else's files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from repro import files, paths
from tests.pipeline_clone import Clone

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]
OWN = "pipelines/own/dvc.yaml"
MAPPING = {
    "samples": "samples.csv",
    "id": "id",
    "group": "group",
    "split": "split",
    "label": "label",
    "arrays": {"smell": "smell.npy", "touch": "touch.npy", "taste": "taste.npy"},
}
TOY = '''"""A weighted sum of the modalities' vectors, and one affine map."""

import torch
from torch import nn

from repro.models.fusions.interface import FusionInput, FusionOutput, FusionShape
from repro.models.fusions.interface import weighted
from repro.models.layers.pooling import token_mean
from repro.models.layers.stacked import StackedLinear
from repro.params.strict import Strict


class Toy(nn.Module):
    """The sum of what each modality contributes."""

    class Sizes(Strict):
        """None."""

    tokens = ("last_state",)
    weight_sites = ("contribution", "embedding")
    needs_text = "never"
    reads_raw = False
    losses: tuple[str, ...] = ()
    auxiliary_loss = None

    def __init__(self, shape: FusionShape, sizes: Sizes):
        super().__init__()
        self.output = StackedLinear(shape.seeds, shape.width, shape.outputs)

    def forward(self, inputs: FusionInput) -> FusionOutput:
        pooled = token_mean(inputs.tokens, inputs.mask)
        fused = weighted(pooled, inputs.weights).sum(1)
        return FusionOutput(self.output(torch.tanh(fused)), fused, losses={}, gates={})


FUSION = Toy
'''


@pytest.fixture
def other(finished: Clone, tmp_path: Path) -> Clone:
    """A fresh copy of the finished clone."""
    return finished.copy(tmp_path / "clone")


def change(clone: Clone, file: str, *place: str, **values: Any) -> None:
    """Add values to a block of a YAML file."""
    yaml, path = YAML(), clone.path / file
    content = block = yaml.load(path)
    for name in place:
        block = block[name]
    block.update(values)
    yaml.dump(content, path)


def write_data(folder: Path, classes: int) -> None:
    """Samples in groups of three, of whose labels each array tells."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(classes)
    count = 126
    score = generator.normal(size=count)
    label = score.round(2)
    if classes:
        label = np.argsort(np.argsort(score.reshape(-1, 3), axis=1), axis=1).ravel()
    splits = np.repeat(["train", "valid", "test"], count // 3)
    lines = ["id,group,split,label"]
    for i, (split, y) in enumerate(zip(splits, label, strict=True)):
        lines.append(f"s{i},g{i // 3},{split},{y}")
    (folder / "samples.csv").write_text("\n".join(lines) + "\n")
    for name in MAPPING["arrays"]:
        array = generator.normal(size=(count, 4, 5)) + score[:, None, None]
        np.save(folder / f"{name}.npy", array.astype(np.float32))


def add(clone: Clone, name: str, facts: Mapping[str, Any]) -> None:
    """Add a data set and a cell that trains everything on it, by settings alone."""
    write_data(clone.path / f"data/raw/{name}", len(facts.get("classes", ())))
    entry = {
        "tokens": "last_state",
        "source": "table",
        "path": f"data/raw/{name}",
        "table": MAPPING,
        **facts,
    }
    change(clone, "params.yaml", "datasets", "files", **{name: entry})
    trains = ["unimodal", "moe", "late_fusion", "instance", "bi_level"]
    cell = {"dataset": name, "fusion": "moe", "trains": trains}
    change(clone, "cells/own.yaml", "cells", "own", **{name: cell})


def test_data_sets_of_ones_own_come_out_under_their_own_name(other: Clone) -> None:
    wines = {"title": "Wines, by cellar", "task": "regression", "groups": "cellars"}
    kinds = {"title": "Teas", "task": "classification", "groups": "gardens"}
    add(other, "wine", wines)
    add(other, "tea", kinds | {"classes": ["green", "black", "white"]})
    other.run(f"dvc repro {OWN}:own_table@wine {OWN}:own_table@tea")
    wine = (other.path / "plots/own/wine.md").read_text()
    tea = (other.path / "plots/own/tea.md").read_text()
    assert "Wines, by cellar" in wine and "cellars" in wine and "MAE" in wine
    assert "Teas" in tea and "gardens" in tea and "macro-F1" in tea
    assert "recall, black" in tea and "MAE" not in tea
    for text in (wine, tea):
        assert "MOSI" not in text and "videos" not in text and "patients" not in text
        assert "simulated" not in text.splitlines()[2]
    (block,) = files.read_json(other.path / paths.table_metrics("own_tea")).values()
    assert {"majority", "haim", "moe", "late_fusion", "bi_level"} <= set(block)
    assert {"macro_f1", "accuracy"} <= set(block["bi_level"])
    # What nobody asked for is as it was.
    assert "up to date" in other.run("dvc repro btw_table3 btw_table7 --dry")


def test_a_fusion_of_ones_own_touches_no_other_cell(other: Clone) -> None:
    (other.path / "src/repro/models/fusions/toy.py").write_text(TOY)
    sizes: dict[str, dict[str, float]] = {"toy": {}}
    change(other, "presets/tiny.yaml", "last_state", "fusions", **sizes)
    trains = ["unimodal", "toy", "bi_level"]
    cell = {"dataset": "mosi", "fusion": "toy", "trains": trains}
    change(other, "cells/own.yaml", "cells", "own", toy=cell)
    status = other.run("dvc status")
    named = {line.rstrip(":") for line in status.splitlines() if line[:1].strip()}
    page = {"report"}  # it shows the whole preset
    assert named - page == {f"{OWN}:own@toy", f"{OWN}:own_table@toy"}
    other.run(f"dvc repro {OWN}:own_table@toy")
    assert "toy" in (other.path / "plots/own/toy.md").read_text()


@pytest.mark.parametrize(
    ("fusion", "message"),
    [
        ("ithp", "cells.own.odd: fusion ithp relates text to other modalities"),
        ("fusemoe", "cells.own.odd.trains: method, or fusion with sizes in last_state"),
        ("latefusion", "did you mean 'late_fusion'?"),
    ],
)
def test_what_a_fusion_cannot_do_stops_before_training(
    other: Clone, fusion: str, message: str
) -> None:
    trains = ["unimodal", fusion, "instance"]
    cell = {"dataset": "mosi", "fusion": fusion, "trains": trains}
    change(other, "cells/own.yaml", "cells", "own", odd=cell)
    done = other.run("python -m repro.stages.train own/odd", expect=1)
    assert message in done and "Traceback" not in done
    assert not (other.path / "runs/own/odd").exists()
