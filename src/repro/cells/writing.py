"""Write what a training cell leaves in its run folder."""

import os
import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro import paths
from repro.cells.old_blocks import OVER_TIME
from repro.cells.result import Result
from repro.cells.study import Study
from repro.files import write_arrays, write_json, write_table
from repro.process import peak_memory_bytes
from repro.results.folds import pooled_report


def write_run(
    study: Study, folder: str, results: Sequence[Result], *, checkpoints: bool = True
) -> None:
    """Predictions, weights, histories, checkpoints, report; the last alone, if none."""
    place = paths.run(study.cell.dataset, folder)
    if results:
        write_table(place / "predictions.parquet", _predictions(study, results))
    weights = [_weights(study, result) for result in results if result.weights]
    if weights:
        write_table(place / "weights.parquet", pd.concat(weights, ignore_index=True))
        rows = [row for result in results for row in result.trajectory]
        write_table(place / "trajectory.parquet", pd.DataFrame(rows))
    history = [row for result in results for row in result.history]
    if history:
        write_table(place / "history.parquet", pd.DataFrame(history))
    for result in results:
        if result.checkpoint and checkpoints:
            name = "checkpoint" if len(results) == 1 else f"checkpoint-{result.method}"
            write_arrays(place / f"{name}.safetensors", result.checkpoint)
    write_json(place / "report.json", report(study, folder, results))


def write_parts(dataset: str, folder: str, parts: int) -> None:
    """The report of a cross-validated run, beside the folders of its parts."""
    place = paths.run(dataset, folder) / "report.json"
    write_json(place, pooled_report(dataset, folder, parts))


def write_timing(dataset: str, folder: str, results: Sequence[Result]) -> None:
    """Seconds of all methods of a run, of all its parts together."""
    write_json(paths.timing(dataset, folder), timing(results))


def report(study: Study, folder: str, results: Sequence[Result]) -> dict[str, Any]:
    """Everything that says what a run is: settings, data, chosen epochs, sizes."""
    params = study.params
    weighted = any(result.weights for result in results)
    return {
        "dataset": study.cell.dataset,
        "cell": folder,
        "encoder": study.encoder,
        **_text_of(study),
        "fusion": study.cell.fusion,
        "without": list(study.cell.without),
        "missing": study.missing,
        "count_absent": study.cell.count_absent,
        "device": study.inputs.y.device.type,
        "precision": params.precision,
        "protocol": study.protocol,
        "switches": sorted(study.switches),
        "control": study.cell.control,
        **({"alpha": study.alpha} if weighted else {}),
        "preset": params.preset,
        "seeds": study.seeds,
        "experts": params.experts,
        "top_k": params.top_k,
        "model": study.model.model_dump(),
        **_fusion_sizes(study),
        "training": study.training.model_dump(),
        "weighting": params.weighting.model_dump(),
        "methods": {result.method: _method_report(study, result) for result in results},
        "data": _data_of(study),
    }


def _fusion_sizes(study: Study) -> dict[str, Any]:
    """Sizes of a fusion that is none of the mixtures of experts."""
    fusion, sizes = study.cell.fusion, study.params.active.fusions
    blocks = {"mmim": sizes.mmim, "ithp": sizes.ithp}
    blocks |= dict.fromkeys(("early_fusion", "late_fusion", "low_rank"), sizes.simple)
    if not study.is_clinical:
        blocks |= dict.fromkeys(OVER_TIME, sizes.over_time)
    return {"fusion_sizes": blocks[fusion].model_dump()} if fusion in blocks else {}


def _data_of(study: Study) -> dict[str, Any]:
    """What a run was trained on."""
    meta = study.meta
    return {
        "source": meta["source"],
        "simulated": meta["simulated"],
        "sizes": {split: len(rows) for split, rows in study.rows.items()},
        "dims": {
            name: values.features
            for name, values in zip(
                study.inputs.names, study.inputs.values, strict=True
            )
        },
        "modalities": list(study.inputs.names),
        "task": study.task.kind,
        "classes": study.task.classes,
        "excluded": len(study.samples) - sum(len(rows) for rows in study.rows.values()),
        "notes": [*meta["notes"], *study.notes, *_reason(study)],
        "warnings": meta["warnings"],
    }


def _reason(study: Study) -> list[str]:
    """Why nothing was trained, if nothing was."""
    title = study.params.names.get(study.cell.fusion, study.cell.fusion)
    return [f"no {title}: {study.unable}"] if study.unable else []


def _text_of(study: Study) -> dict[str, Any]:
    """Text encoder of a run, and whether it was trained along."""
    preset = study.params.active
    if study.is_clinical:
        text = preset.clinical.text
        return {
            "text_encoder": text.encoder,
            "text_weights": text.weights,
            "finetune": False,
        }
    if study.meta.get("text", {}).get("absent"):
        return {"text_weights": "none, stored features", "finetune": False}
    weights = preset.encoders[study.encoder].weights
    return {"text_weights": weights, "finetune": study.text is not None}


def _method_report(study: Study, result: Result) -> dict[str, Any]:
    return {
        "epochs": result.epochs,
        "last_epoch": study.training.epochs,
        "parameters": result.parameters,
        "trained": bool(result.history),
        "modalities": list(result.modalities),
        "error": {
            split: study.task.errors(p, _labels(study, split)).round(6).tolist()
            for split, p in result.predictions.items()
        },
        **({"weight_shift": weight_shift(result)} if result.weights else {}),
    }


def weight_shift(result: Result) -> dict[str, dict[str, float]]:
    """How far the weights of valid lie from those of train, per modality.

    `mean` is the difference of the means (valid minus train), `ks` the
    Kolmogorov-Smirnov distance, both averaged over seeds.
    """
    train, valid = result.weights["train"], result.weights["valid"]
    return {
        name: {
            "mean": float(valid[..., m].mean() - train[..., m].mean()),
            "ks": float(
                np.mean(
                    [
                        ks_distance(a[:, m], b[:, m])
                        for a, b in zip(train, valid, strict=True)
                    ]
                )
            ),
        }
        for m, name in enumerate(result.modalities)
    }


def ks_distance(a: Float[np.ndarray, " a"], b: Float[np.ndarray, " b"]) -> float:
    """Largest gap between two empirical distribution functions.

    >>> ks_distance(np.array([0.0, 1.0]), np.array([2.0, 3.0]))
    1.0
    """
    points = np.sort(np.concatenate([a, b]))
    below = [np.searchsorted(np.sort(v), points, side="right") / len(v) for v in (a, b)]
    return float(np.abs(below[0] - below[1]).max())


def timing(results: Sequence[Result]) -> dict[str, Any]:
    """Seconds per method, peak memory and hardware: never deterministic."""
    seconds: dict[str, float] = {}
    for result in results:
        seconds[result.method] = seconds.get(result.method, 0.0) + result.seconds
    return {
        "seconds": {method: round(spent, 3) for method, spent in seconds.items()},
        "peak_memory_bytes": peak_memory_bytes(),
        "hardware": {
            "machine": platform.machine(),
            "cores": len(os.sched_getaffinity(0)),
            "system": platform.system(),
        },
    }


def _predictions(study: Study, results: Sequence[Result]) -> pd.DataFrame:
    frames = [
        _rows(study, split).assign(
            method=result.method,
            seed=np.int64(seed),
            split=split,
            **prediction_columns(values),
        )
        for result in results
        for split, predictions in result.predictions.items()
        for seed, values in zip(study.seeds, predictions, strict=True)
    ]
    columns = ["method", "seed", "split", "id", "group", "y"]
    columns += prediction_names(study.task.outputs)
    return pd.concat(frames, ignore_index=True)[columns]


def prediction_names(outputs: int) -> tuple[str, ...]:
    """Columns of a prediction table: a score, or a probability per class.

    >>> prediction_names(1), prediction_names(2)
    (('prediction',), ('p_0', 'p_1'))
    """
    return tuple(f"p_{c}" for c in range(outputs)) if outputs > 1 else ("prediction",)


def prediction_columns(
    values: Float[np.ndarray, " rows *classes"],
) -> dict[str, Float[np.ndarray, " rows"]]:
    """Predictions of one seed by column name."""
    if values.ndim == 1:
        return {"prediction": values}
    return dict(zip(prediction_names(values.shape[1]), values.T, strict=True))


def _weights(study: Study, result: Result) -> pd.DataFrame:
    frames = []
    for split, weights in result.weights.items():
        for seed, rows in zip(study.seeds, weights, strict=True):
            frame = _rows(study, split)[["id"]].assign(
                method=result.method, seed=np.int64(seed), split=split
            )
            for m, name in enumerate(result.modalities):
                frame[f"w_{name}"] = rows[:, m]
            frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _labels(study: Study, split: str) -> Float[np.ndarray, " rows"]:
    return _rows(study, split)["y"].to_numpy(np.float64)


def _rows(study: Study, split: str) -> pd.DataFrame:
    name = "train" if split.startswith("train") else split
    columns = ["id", "group", "y"]
    return study.samples.iloc[study.rows[name]][columns].reset_index(drop=True)
