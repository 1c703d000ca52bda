"""What the methods find in simulated data whose truth is known."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from repro import params as parameters
from repro.baselines.ridge import baselines
from repro.cells.study import Study
from repro.cells.tensors import tensors
from repro.data import checking, mmsa, preparing
from repro.features.reading import Features
from repro.features.series import fitted_scale, standardized
from repro.features.text import encoded
from repro.metrics.bootstrap import Difference, crossed_difference, resampled
from repro.metrics.resampling import grouped, mean_statistic
from repro.params import Params
from repro.params.cells import Recipe
from repro.params.datasets import Simulation
from repro.params.switches import switches
from repro.records import Dataset, Ragged, Texts
from repro.simulation import sentiment as simulated
from tests.repro.small_study import small_params, trained

SIZES = [700, 150, 500]
ROOT = Path(__file__).parents[2]
SILENT = {"unique": [0.0, 0.0, 0.0], "shared": 0.0, "synergy": 0.0, "label_noise": 1.0}


def reduced(epochs: int) -> Params:
    """A small model, one seed."""
    training = {"epochs": epochs, "batch": 64, "lr": 0.004, "evaluation_batch": 512}
    model = {"expert_hidden": 16, "feed_forward": 16}
    return small_params([0], training=training, model=model)


def simulation(**changes: object) -> Simulation:
    """The simulator of params.yaml with short sequences and the given signals."""
    short = {"words": [8, 16], "frames": [4, 8], "zero_length": 0.0}
    settings = parameters.load(ROOT / "params.yaml").simulation
    return settings.model_copy(update=short | changes)


def dataset(
    settings: Simulation, folder: Path, sizes: Sequence[int] = SIZES
) -> tuple[Dataset, pd.DataFrame]:
    """Simulated raw files, read back by the true reader, and their truth."""
    # Seeded as in the stage: with all settings in force these are the pipeline's data.
    generator = np.random.default_rng([settings.seed, zlib.crc32(b"mosi")])
    content, truth = simulated.simulate(
        settings, sizes, settings.sets["mosi"], generator
    )
    path = folder / "aligned_50.pkl"
    simulated.write(path, content)
    read = mmsa.read(path, "mosi", simulated=True)
    return checking.check(read, str(path), "refuse"), truth


def features(found: Dataset, settings: Params) -> dict[str, Ragged]:
    """Features of every modality, as the feature stages make them."""
    train = (found.samples["split"] == "train").to_numpy()
    encoder = settings.active.encoders["bert"]
    made = {}
    for name, modality in found.modalities.items():
        if isinstance(modality, Texts):
            made[name], _ = encoded(encoder, modality.values, train.tolist())
        else:
            made[name], _ = standardized(modality, fitted_scale(modality, train))
    return made


def study(found: Dataset, settings: Params, *names: str) -> Study:
    """A study of simulated data."""
    samples = found.samples.copy()
    for name, modality in found.modalities.items():
        samples[f"present_{name}"] = preparing.presence(modality)
    made = Features(samples, features(found, settings), {})
    inputs = tensors(made, torch.device("cpu"))
    split = samples["split"].to_numpy()
    return Study(
        params=settings,
        address="test/mosi",
        recipe=Recipe(dataset="mosi", trains=["unimodal", "moe"]),
        part="mosi",
        samples=samples,
        inputs=inputs,
        rows={s: np.flatnonzero(split == s) for s in ("train", "valid", "test")},
        meta={"modalities": list(inputs.names), "text": {"absent": False}},
        switches=switches(list(names)),
    )


def advantage(
    known: Study, ours: np.ndarray, theirs: np.ndarray | float, looks: int = 4
) -> Difference:
    """How much smaller our absolute test errors are, with the paired interval.

    `looks` is the number of methods compared; the interval is that much wider
    (Bonferroni).
    """
    test = known.samples.iloc[known.rows["test"]]
    y = test["y"].to_numpy()
    gain = np.abs(np.asarray(theirs) - y) - np.abs(np.asarray(ours) - y)
    group = test["group"].to_numpy()
    of_gain = {"gain": mean_statistic(np.atleast_2d(gain), group)}
    groups, _ = grouped(group, len(group))
    found = resampled(of_gain, groups, resamples=4000)["gain"]
    return crossed_difference(found, confidence=1 - 0.05 / looks)


def train_mean(known: Study) -> float:
    """The mean predictor."""
    return float(known.samples["y"].to_numpy()[known.rows["train"]].mean())


def test_no_method_finds_a_signal_where_there_is_none(tmp_path: Path) -> None:
    found, _ = dataset(simulation(**SILENT), tmp_path)
    known = study(found, reduced(epochs=3))
    models = trained(known)
    results = [*models.unimodal, models.unweighted, *models.weighted.values()]
    found_by = {result.method: result.predictions["test"][0] for result in results}
    arrays = features(found, known.params)
    found_by["ridge"] = baselines(known.samples, arrays)["ridge"].predictions[
        0, known.rows["test"]
    ]
    for method, prediction in found_by.items():
        gain = advantage(known, prediction, train_mean(known), looks=len(found_by))
        assert gain.lower <= 0, (method, gain)


def test_synergy_alone_is_out_of_reach_of_every_single_modality(
    tmp_path: Path,
) -> None:
    changes = {"synergy": 1.0, "label_noise": 0.3, "unreliable": [0.1, 0.1, 0.1]}
    settings = simulation(**(SILENT | changes))
    found, truth = dataset(settings, tmp_path)
    known = study(found, reduced(epochs=4), "in_sample_unimodal")
    for result in trained(known, ()).unimodal:
        gain = advantage(known, result.predictions["test"][0], train_mean(known))
        assert gain.lower <= 0, (result.method, gain)
    seen = truth[[f"seen_{m}_synergy" for m in simulated.MODALITIES]].to_numpy()
    products = np.stack([seen[:, 0] * seen[:, 1], seen[:, 0] * seen[:, 2]], 1)
    design = np.column_stack([np.ones(len(seen)), products, seen[:, 1] * seen[:, 2]])
    y, train = known.samples["y"].to_numpy(), known.rows["train"]
    slope, *_ = np.linalg.lstsq(design[train], y[train], rcond=None)
    oracle = (design @ slope)[known.rows["test"]]
    assert advantage(known, oracle, train_mean(known)).lower > 0.05


def test_unique_signals_make_the_multimodal_model_better(tmp_path: Path) -> None:
    changes = {
        "unique": [1.0, 0.8, 0.8],
        "label_noise": 0.3,
        "unreliable": [0.1, 0.1, 0.1],
    }
    found, _ = dataset(simulation(**(SILENT | changes)), tmp_path, [1200, 200, 1500])
    known = study(found, reduced(epochs=8), "in_sample_unimodal")
    models = trained(known, ())
    moe = models.unweighted.predictions["test"][0]
    singles = [r.predictions["test"][0] for r in models.unimodal]
    for single in singles:
        gain = advantage(known, moe, single)
        assert gain.lower > 0, gain
    assert advantage(known, moe, train_mean(known)).lower > 0


def test_fusion_beats_the_best_modality_under_the_default_settings(
    tmp_path: Path,
) -> None:
    settings = parameters.load(ROOT / "params.yaml")
    assert settings.preset == "default"
    found, _ = dataset(settings.simulation, tmp_path, settings.active.simulated["mosi"])
    known = study(found, settings, "in_sample_unimodal")
    models = trained(known, ())
    moe = models.unweighted.predictions["test"]
    y = known.samples["y"].to_numpy()[known.rows["valid"]]
    best = min(
        models.unimodal,
        key=lambda r: float(np.abs(r.predictions["valid"] - y).mean()),
    )
    gain = advantage(known, moe, best.predictions["test"], looks=1)
    assert moe.shape[0] == len(settings.seeds) >= 3
    assert gain.lower > 0, (best.method, gain)
