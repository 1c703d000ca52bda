"""A study in memory, small enough to train in a second, for tests of training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from ruamel.yaml import YAML

from repro import params as parameters
from repro.cells import recipes
from repro.cells.result import Result
from repro.cells.study import Study
from repro.models.batch import Inputs, unpadded
from repro.params import Params
from repro.params.cells import Recipe
from repro.params.presets import (
    LastState,
    LastStateModels,
    Preset,
    Query,
    QueryModels,
    Training,
)
from repro.params.switches import switches
from repro.records import coded
from repro.training.task import Task
from repro.training.weighting.application import Application
from repro.training.weighting.evidence import Evidence
from tests.repro.models.architectures import LAST_STATE, QUERY
from tests.repro.models.fusions.fusion_cases import small_sizes

ROOT = Path(__file__).parents[2]
Models = LastStateModels | QueryModels
NAMES = ("text", "audio", "video")
WIDTHS = (6, 4, 3)
STEPS = (1, 3, 4)
ALL_METHODS = ("instance", "averaged_instance", "modality", "bi_level")
TRAINING = Training(
    epochs=2,
    batch=24,
    lr=0.01,
    weight_decay=1e-4,
    clip=0.8,
    balance_loss=0.01,
    patience=0,
    folds=2,
    evaluation_batch=4096,
)

# Members run one after another in forked workers; OpenMP does not survive a fork.
torch.set_num_threads(1)


def small_params(
    seeds: Sequence[int] = (0, 1),
    *,
    weighting: Mapping[str, object] | None = None,
    training: Mapping[str, object] | None = None,
    model: Mapping[str, object] | None = None,
    **top: object,
) -> Params:
    """params.yaml with tiny models, a few epochs, and the given changes.

    `model` changes sizes of the MoE.
    """
    loaded = parameters.load(ROOT / "params.yaml")
    tiny = preset("tiny")
    trained = TRAINING.model_copy(update=dict(training or {}))
    active = tiny.model_copy(
        update={
            "last_state": small_models(tiny.last_state, LAST_STATE, trained, model),
            "query": small_models(tiny.query, QUERY, trained),
        }
    )
    weights = loaded.weighting.model_copy(update=dict(weighting or {}))
    changes = {"seeds": list(seeds), "preset": "tiny", "active": active}
    changes |= {"weighting": weights, "experts": 4, "top_k": 2, "protocol": "leak_free"}
    return loaded.model_copy(update=changes | top)


def with_file_sets(params: Params, **change: str) -> Params:
    """Params whose data sets of files are all changed alike."""
    known = params.datasets
    files = {name: f.model_copy(update=change) for name, f in known.files.items()}
    return params.model_copy(
        update={"datasets": known.model_copy(update={"files": files})}
    )


def preset(name: str) -> Preset:
    """One preset of the repository."""
    return Preset.model_validate(YAML(typ="safe").load(ROOT / f"presets/{name}.yaml"))


def small_models(
    models: Models,
    tokens: LastState | Query,
    training: Training,
    moe: Mapping[str, object] | None = None,
) -> Models:
    """A block of the preset with the sizes of the tests of models."""
    sizes = {name: small_sizes(name) for name in models.fusions}
    if "moe" in sizes:
        sizes["moe"] = {**sizes["moe"], **(moe or {})}
    changed = {"tokens": tokens, "training": training, "fusions": sizes}
    return models.model_copy(update=changed)


def small_inputs(samples: int = 96, absent: bool = True) -> Inputs:
    """Sequences that each tell a part of the label; some modalities are absent."""
    draw = np.random.default_rng(11)
    latent = draw.standard_normal((samples, 3))
    present = np.ones((samples, 3), dtype=bool)
    if absent:
        some = draw.random((samples, 3)) < 0.15
        some[np.arange(samples), draw.integers(0, 3, samples)] = False
        present &= ~some
    lengths = np.stack([draw.integers(1, t + 1, samples) for t in STEPS], 1)
    lengths[: len(STEPS)] = STEPS
    present[: len(STEPS)] = True
    lengths = np.where(present, lengths, 0)
    values = []
    for m, (width, steps) in enumerate(zip(WIDTHS, STEPS, strict=True)):
        series = draw.standard_normal((samples, steps, width)) * 0.5
        series += latent[:, m, None, None] * draw.standard_normal(width)
        own = torch.from_numpy(lengths[:, m])
        values.append(unpadded(torch.from_numpy(series).float(), own))
    y = latent @ np.array([1.0, 0.6, 0.4]) + 0.3 * draw.standard_normal(samples)
    return Inputs(
        names=NAMES,
        values=tuple(values),
        lengths=torch.from_numpy(lengths),
        present=torch.from_numpy(present),
        y=torch.from_numpy(y).float(),
    )


def small_study(
    settings: Params | None = None,
    *,
    names: Sequence[str] = (),
    absent: bool = True,
    classes: int = 0,
    labels: int = 0,
    **recipe: object,
) -> Study:
    """A study of 48 train, 24 valid and 24 test samples, four to a group.

    `names` are switches of the protocol; `recipe` holds fields of `Recipe`. With
    `classes` the label is cut into that many classes of one size; with `labels` every
    sample has those of so many thresholds that it exceeds.
    """
    inputs = small_inputs(absent=absent)
    if classes:
        ranks = inputs.y.argsort().argsort()
        inputs = replace(inputs, y=(ranks * classes // len(ranks)).float())
    if labels:
        above = inputs.y[:, None] > torch.linspace(-1.2, 0.8, labels)
        inputs = replace(inputs, y=torch.from_numpy(coded(above.numpy())).float())
    count = len(inputs.y)
    split = np.repeat(["train", "valid", "test"], [count // 2, count // 4, count // 4])
    samples = pd.DataFrame(
        {
            "id": [f"s{i:03d}" for i in range(count)],
            "group": [f"g{i // 4:02d}" for i in range(count)],
            "split": split,
            "y": inputs.y.double().numpy(),
        }
    )
    for m, name in enumerate(inputs.names):
        samples[f"present_{name}"] = inputs.present[:, m].numpy()
    return Study(
        params=settings or small_params(),
        address="test/mosi",
        recipe=Recipe(dataset="mosi", **{"trains": ["unimodal", "moe"], **recipe}),
        part="mosi",
        samples=samples,
        inputs=inputs,
        rows={s: np.flatnonzero(split == s) for s in ("train", "valid", "test")},
        meta={
            "source": "test",
            "simulated": True,
            "notes": [],
            "warnings": [],
            "modalities": list(inputs.names),
            "text": {"absent": False},
        },
        switches=switches(list(names)),
        task=task_of(classes, labels),
    )


def task_of(classes: int, labels: int) -> Task:
    """A regression, or a classification, or a task of several labels."""
    if labels:
        return Task("multilabel", labels)
    return Task("classification", classes) if classes else Task()


def held_at_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace whatever weights a run makes by ones, where they are applied."""

    def ones(
        self: Application, seed: int, split: str, weights: np.ndarray, epoch: int
    ) -> np.ndarray:
        return self.evidence.present_in(split).astype(np.float64)

    monkeypatch.setattr(Application, "_used", ones)


def relabeled(study: Study, split: str) -> Study:
    """The study with the labels of one split in another order."""
    y = study.samples["y"].to_numpy().copy()
    rows = study.rows[split]
    y[rows] = y[np.random.default_rng(5).permutation(rows)]
    inputs = replace(study.inputs, y=torch.from_numpy(y).float())
    return replace(study, samples=study.samples.assign(y=y), inputs=inputs)


@dataclass(frozen=True)
class Trained:
    """All models of a study, in the order in which the stages train them."""

    unimodal: Sequence[Result]
    unweighted: Result
    evidence: Evidence
    weighted: Mapping[str, Result]


def trained(study: Study, methods: Sequence[str] = ALL_METHODS) -> Trained:
    """Train unimodal models, the unweighted model and the given variants."""
    fusion = study.recipe.fusion
    trains = {"trains": ["unimodal", fusion, "first_weights", *methods]}
    study = replace(study, recipe=study.recipe.model_copy(update=trains))
    (run,) = recipes.trained([study])
    assert run.evidence is not None
    return Trained(
        unimodal=[run.results[name] for name in study.inputs.names],
        unweighted=run.results[fusion],
        evidence=run.evidence,
        weighted={method: run.results[method] for method in methods},
    )
