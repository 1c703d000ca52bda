"""Features of one kind for a clinical cohort, from prepared files to feature files."""

from pathlib import Path
from typing import Any

from repro import files, paths
from repro.data.mimiciv.prepared import IcuDataset, read
from repro.data.preparing import write_ragged
from repro.features import measurements, notes, timeseries
from repro.params import Params
from repro.params.presets import Encoder
from repro.process import cores
from repro.records import Ragged

KINDS = ("series", "text", "cxr", "ecg")
Made = tuple[Ragged, dict[str, Any]]


def write_features(params: Params, dataset: str, kind: str) -> None:
    """Write data/features/<cohort>/<kind>: arrays of each modality, and how made.

    Raises:
        ValueError: the kind is unknown, or the features cannot be made.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r}: choose one of {', '.join(KINDS)}")
    cohort, _ = read(paths.prepared(dataset))
    folder = paths.features(dataset, kind)
    if kind == "series":
        made = {name: _series(cohort, name, folder) for name in cohort.events}
    else:
        made = {}
        if kind in cohort.objects:
            ragged, made[kind] = _objects(params, cohort, kind)
            write_ragged(folder / f"{kind}.safetensors", ragged)
    files.write_json(folder / "meta.json", made)


def _series(cohort: IcuDataset, name: str, folder: Path) -> dict[str, Any]:
    """Irregular and hourly form of one series, on a scale learned on train."""
    events = cohort.events[name]
    is_train = (cohort.samples["split"] == "train").to_numpy()
    scale = timeseries.observed_scale(events, is_train)
    scaled = timeseries.irregular(events, scale)
    write_ragged(folder / f"{name}.safetensors", scaled)
    write_ragged(folder / f"{name}_hourly.safetensors", timeseries.hourly(scaled))
    return {
        "variables": cohort.variables[name],
        "mean": scale.mean.tolist(),
        "sd": scale.sd.tolist(),
        "longest": int(scaled.lengths.max(initial=0)),
    }


def _objects(params: Params, cohort: IcuDataset, kind: str) -> Made:
    settings, table = params.active.icu, cohort.objects[kind]
    cache, workers = paths.object_cache(), cores()
    root = Path(getattr(params.clinical, kind, "none"))
    samples = cohort.samples
    match kind, getattr(settings, kind).encoder:
        case "text", "tfidf":
            text = settings.text
            return notes.tfidf_features(
                samples, table, count=text.notes, dims=text.dims
            )
        case "text", "transformer":
            # Here and below: what is not used is not imported; some take seconds.
            from repro.features.encoders.loading import refuse_unwatched
            from repro.features.note_encoder import transformer_features

            refuse_unwatched(settings.text.weights)
            return transformer_features(
                samples,
                table,
                _text_encoder(params),
                folder=cache,
                count=settings.text.notes,
                workers=workers,
            )
        case "ecg", "measurements":
            known = files.read_table(paths.ingested() / "measurements.parquet")
            return measurements.measurement_features(samples, table, known)
        case "ecg", _:
            return _waveforms(params, cohort, root, cache, workers)
    return _images(params, cohort, root, cache, workers)


def _images(
    params: Params, cohort: IcuDataset, root: Path, cache: Path, workers: int
) -> Made:
    settings = params.active.icu.cxr
    samples, table = cohort.samples, cohort.objects["cxr"]
    if settings.encoder == "pixels":
        from repro.features.images import pixel_features

        return pixel_features(
            samples,
            table,
            root,
            size=settings.size,
            dims=settings.dims,
            folder=cache,
            workers=workers,
        )
    from repro.features.encoders.loading import refuse_unwatched

    refuse_unwatched(settings.weights)
    weights = Path(settings.weights)
    if settings.encoder == "densenet":
        from repro.features.densenet import densenet_features

        return densenet_features(
            samples, table, root, weights, folder=cache, workers=workers
        )
    from repro.features.vit import vit_features

    return vit_features(samples, table, root, weights, folder=cache, workers=workers)


def _waveforms(
    params: Params, cohort: IcuDataset, root: Path, cache: Path, workers: int
) -> Made:
    from repro.features.ecg_encoder import Learning, resnet_features
    from repro.features.waveforms import Grid

    settings = params.active.icu.ecg
    return resnet_features(
        cohort.samples,
        cohort.objects["ecg"],
        root,
        grid=Grid(settings.hz, settings.seconds),
        learning=Learning(dims=settings.dims, epochs=settings.epochs),
        folder=cache,
        workers=workers,
    )


def _text_encoder(params: Params) -> Encoder:
    """The text encoder of the sentiment side with the clinical settings."""
    text, start = params.active.icu.text, params.active.encoders["bert"]
    changes = {
        "weights": text.weights,
        "max_length": text.max_length,
        "pooling": text.pooling,
        "finetune": False,
    }
    return start.model_copy(update=changes)
