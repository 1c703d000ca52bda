"""A study in memory, small enough to train in a second, for tests of training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from repro import params as parameters
from repro.cells import fits
from repro.cells.result import Result
from repro.cells.study import Study
from repro.models.batch import Inputs, unpadded
from repro.params import Cell, Model, Params, Training
from repro.params.switching import switches
from repro.training.task import Task
from repro.training.weighting.evidence import Evidence

ROOT = Path(__file__).parents[2]
NAMES = ("text", "audio", "video")
WIDTHS = (6, 4, 3)
STEPS = (1, 3, 4)
ALL_METHODS = ("instance", "averaged_instance", "modality", "bi_level")
MODEL = Model(
    width=8,
    expert_hidden=8,
    feed_forward=8,
    layers=1,
    lstm_hidden=4,
    lstm_output=6,
    router="per_modality",
    gate="laplace",
    expert_dropout=0.1,
    head_dropout=0.1,
)
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
    """params.yaml with a tiny model, a few epochs, and the given changes."""
    loaded = parameters.load(ROOT / "params.yaml")
    tiny = loaded.presets["tiny"].model_copy(
        update={
            "model": MODEL.model_copy(update=dict(model or {})),
            "training": TRAINING.model_copy(update=dict(training or {})),
        }
    )
    weights = loaded.weighting.model_copy(update=dict(weighting or {}))
    changes = {"seeds": list(seeds), "preset": "tiny", "presets": {"tiny": tiny}}
    changes |= {"weighting": weights, "experts": 4, "top_k": 2, "protocol": "leak_free"}
    return loaded.model_copy(update=changes | top)


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
    **cell: object,
) -> Study:
    """A study of 48 train, 24 valid and 24 test samples, four to a group.

    `names` are switches of the protocol; `cell` holds fields of `Cell`. With
    `classes` the label is cut into that many classes of one size.
    """
    inputs = small_inputs(absent=absent)
    if classes:
        ranks = inputs.y.argsort().argsort()
        inputs = replace(inputs, y=(ranks * classes // len(ranks)).float())
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
        cell=Cell(dataset="mosi", **cell),  # type: ignore[arg-type]
        samples=samples,
        inputs=inputs,
        rows={s: np.flatnonzero(split == s) for s in ("train", "valid", "test")},
        meta={
            "source": "test",
            "simulated": True,
            "notes": [],
            "warnings": [],
            "modalities": list(inputs.names),
        },
        switches=switches(list(names)),
        task=Task("classification", classes) if classes else Task(),
    )


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
    unimodal = fits.unimodal_results(study)
    unweighted = fits.unweighted_result(study)
    evidence, _ = fits.assembled_evidence(study, unimodal, unweighted)
    weighted = {m: fits.weighted_result(study, evidence, m) for m in methods}  # type: ignore[arg-type]
    return Trained(unimodal, unweighted, evidence, weighted)
