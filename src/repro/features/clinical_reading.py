"""What training reads of a clinical cohort: samples and features of each modality."""

from repro import files, paths
from repro.data.preparing import read_ragged
from repro.features.reading import Features
from repro.records import Ragged

MOST_LOST = 0.05  # share of stays a complete cohort may have without a modality


def read_clinical_features(dataset: str) -> Features:
    """Features of every modality of a cohort, and the hourly grid of its series.

    Raises:
        ValueError: a file is missing or cut short, does not have the samples of the
            prepared files, or too many stays of a complete cohort have no object of a
            modality that can be read.
    """
    folder = paths.prepared(dataset)
    meta = files.read_json(folder / "meta.json")
    samples = files.read_table(folder / "samples.parquet")
    is_complete = samples.filter(like="present_").to_numpy().all()
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
        if is_complete and lost > MOST_LOST * len(samples):
            raise ValueError(
                f"{place}: {lost} of {len(samples)} stays of the complete cohort have "
                f"no readable {name}, more than {MOST_LOST:.0%}; correct the root or "
                "the files that its meta.json lists and run the stage again"
            )
        if lost:
            meta["notes"].append(f"{name}: {lost} stays have no readable object")
        samples[f"present_{name}"] = rows
        if is_series:
            hourly[name] = read_ragged(place / f"{name}_hourly.safetensors")
        meta[name] = files.read_json(place / "meta.json")[name]
    return Features(samples, modalities, meta, hourly)
