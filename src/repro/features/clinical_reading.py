"""What training reads of a clinical cohort: samples and features of each modality."""

from repro import files, paths
from repro.data.preparing import read_ragged
from repro.features.reading import Features
from repro.records import Ragged


def read_clinical_features(dataset: str) -> Features:
    """Features of every modality of a cohort, and the hourly grid of its series.

    Raises:
        ValueError: a file is missing or cut short, or does not have the samples of the
            prepared files.
    """
    folder = paths.prepared(dataset)
    meta = files.read_json(folder / "meta.json")
    samples = files.read_table(folder / "samples.parquet")
    modalities: dict[str, Ragged] = {}
    hourly: dict[str, Ragged] = {}
    for name in meta["modalities"]:
        is_series = meta["kinds"][name] == "events"
        place = paths.clinical_features(dataset, "series" if is_series else name)
        modalities[name] = read_ragged(place / f"{name}.safetensors")
        rows = modalities[name].lengths > 0
        if len(rows) != len(samples) or (rows & ~samples[f"present_{name}"]).any():
            raise ValueError(
                f"{place}: made from other samples than {folder}; run the stage that "
                "writes it again"
            )
        lost = int((samples[f"present_{name}"] & ~rows).sum())
        if lost:
            meta["notes"].append(f"{name}: {lost} stays have no readable object")
        samples[f"present_{name}"] = rows
        if is_series:
            hourly[name] = read_ragged(place / f"{name}_hourly.safetensors")
        meta[name] = files.read_json(place / "meta.json")[name]
    return Features(samples, modalities, meta, hourly)
