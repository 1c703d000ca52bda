"""Write what a training cell leaves in the folders of its runs."""

import platform
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro import paths
from repro.cells.experts import experts_table
from repro.cells.result import Result
from repro.cells.study import Study
from repro.files import write_arrays, write_json, write_table
from repro.metrics.convergence import trends
from repro.process import cores, peak_memory_bytes
from repro.report import Data, Method, Report, Setup


def write_run(
    study: Study, results: Mapping[str, Result], left_out: Mapping[str, str]
) -> None:
    """Predictions, weights, experts, histories, checkpoints, report.

    The last alone, if there is no result.
    """
    place, every = paths.run(study.address), list(results.values())
    if every:
        write_table(place / "predictions.parquet", _predictions(study, every))
    weights = [_weights(study, result) for result in every if result.weights]
    if weights:
        write_table(place / "weights.parquet", pd.concat(weights, ignore_index=True))
        rows = [row for result in every for row in result.trajectory]
        write_table(place / "trajectory.parquet", pd.DataFrame(rows))
    experts = experts_table(study, every)
    if experts is not None:
        write_table(place / "experts.parquet", experts)
    probed = [table.assign(method=r.method) for r in every for table in r.probe]
    if probed:
        write_table(place / "probe.parquet", pd.concat(probed, ignore_index=True))
    history = [row for result in every for row in result.history]
    if history:
        write_table(place / "history.parquet", pd.DataFrame(history))
    for result in every:
        if result.checkpoint:
            name = f"checkpoint-{result.method}.safetensors"
            write_arrays(place / name, result.checkpoint)
    report(study, results, left_out).write()


def write_first_weights(
    study: Study, weights: Sequence[Float[np.ndarray, "rows modalities"]]
) -> None:
    """The weights of train that a retraining starts from, of each seed."""
    frames = [
        _weight_rows(study, "train", seed, rows)
        for seed, rows in zip(study.seeds, weights, strict=True)
    ]
    table = pd.concat(frames, ignore_index=True)
    write_table(paths.run(study.address) / "initial.parquet", table)


Seconds = Mapping[str, Mapping[str, float]]


def write_timing(cell: str, seconds: Seconds, test_seconds: Seconds) -> None:
    """Seconds of every method of every run of a cell; never deterministic.

    `test_seconds` are those of one prediction of test by all seeds.
    """
    content = {
        "seconds": _rounded(seconds, 3),
        "test_seconds": _rounded(test_seconds, 5),
        "peak_memory_bytes": peak_memory_bytes(),
        "hardware": {
            "machine": platform.machine(),
            "cores": cores(),
            "system": platform.system(),
        },
    }
    write_json(paths.timing(cell), content)


def _rounded(seconds: Seconds, digits: int) -> dict[str, dict[str, float]]:
    return {
        address: {name: round(spent, digits) for name, spent in named.items()}
        for address, named in seconds.items()
    }


def report(
    study: Study, results: Mapping[str, Result], left_out: Mapping[str, str]
) -> Report:
    """Everything that says what a run is: settings, data, chosen epochs, sizes."""
    recipe = study.recipe
    return Report(
        address=study.address,
        dataset=study.part,
        methods={name: _method(study, result) for name, result in results.items()},
        data=_data(study),
        setup=_setup(study),
        fusion=recipe.fusion,
        uses=recipe.uses,
        protocol=study.protocol,
        switches=sorted(study.switches),
        site=study.site,
        scale=study.params.scale_of(recipe),
        alpha=study.alpha if recipe.weightings else None,
        missing=study.missing,
        count_absent=recipe.count_absent,
        without=recipe.without,
        class_weights=recipe.class_weights,
        noise=recipe.noise,
        exchanged=recipe.exchanged,
        device=study.inputs.y.device.type,
        precision=study.params.precision,
        left_out=dict(left_out),
        interaction=None
        if recipe.interaction is None
        else recipe.interaction.model_dump(),
    )


def _setup(study: Study) -> Setup:
    params = study.params
    models = params.models(study.recipe.dataset)
    weights, tuned = _text_weights(study)
    return Setup(
        preset=params.preset,
        seeds=study.seeds,
        experts=params.experts,
        top_k=params.top_k,
        text_encoder=study.encoder,
        text_weights=weights,
        finetune=tuned,
        tokens=models.tokens.model_dump(),
        training=study.training.model_dump(),
        weighting=params.weighting.model_dump(),
    )


def _text_weights(study: Study) -> tuple[str, bool | str]:
    """Weights of the text encoder of a run, and what of it was trained along."""
    active = study.params.active
    if study.recipe.dataset in study.params.datasets.stays:
        return active.icu.text.weights, False
    if study.meta["text"]["absent"]:
        return "none, stored features", False
    encoder = active.encoders[study.encoder]
    return encoder.weights, study.text is not None and encoder.tuned


def _data(study: Study) -> Data:
    """What a run was trained on."""
    meta, inputs = study.meta, study.inputs
    widths = [values.features for values in inputs.values]
    return Data(
        source=meta["source"],
        simulated=meta["simulated"],
        task=study.task.kind,
        classes=study.task.classes,
        sizes={split: len(rows) for split, rows in study.rows.items()},
        dims=dict(zip(inputs.names, widths, strict=True)),
        modalities=list(inputs.names),
        excluded=len(study.samples) - sum(len(rows) for rows in study.rows.values()),
        notes=[*meta["notes"], *study.notes],
        warnings=meta["warnings"],
    )


def _method(study: Study, result: Result) -> Method:
    known = study.params.models(study.recipe.dataset).fusions
    fusion = result.method if result.method in known else study.recipe.fusion
    if result.settings:
        fusion = ""  # no network
    return Method(
        fusion=fusion,
        trained=bool(result.history or result.settings),
        settings=result.settings or known[fusion],
        modalities=list(result.modalities),
        epochs=result.epochs,
        trends=[round(trend, 6) for trend in trends(result.history)],
        parameters=result.parameters,
        error={
            split: study.task.errors(p, _labels(study, split)).round(6).tolist()
            for split, p in result.predictions.items()
        },
        weight_shift=weight_shift(result) if result.weights else {},
    )


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
    frames = [
        _weight_rows(study, split, seed, rows).assign(method=result.method)
        for split, weights in result.weights.items()
        for seed, rows in zip(study.seeds, weights, strict=True)
    ]
    return pd.concat(frames, ignore_index=True)


def _weight_rows(
    study: Study, split: str, seed: int, weights: Float[np.ndarray, "rows modalities"]
) -> pd.DataFrame:
    frame = _rows(study, split)[["id"]].assign(seed=np.int64(seed), split=split)
    for m, name in enumerate(study.inputs.names):
        frame[f"w_{name}"] = weights[:, m]
    return frame


def _labels(study: Study, split: str) -> Float[np.ndarray, " rows"]:
    return _rows(study, split)["y"].to_numpy(np.float64)


def _rows(study: Study, split: str) -> pd.DataFrame:
    name = "train" if split.startswith("train") else split
    columns = ["id", "group", "y"]
    return study.samples.iloc[study.rows[name]][columns].reset_index(drop=True)
