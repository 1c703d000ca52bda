"""Read a data set from a folder and check it; make features and simple predictors."""

from repro import process

process.prepare()

import argparse  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import pandas as pd  # noqa: E402

from repro import files, params, paths  # noqa: E402
from repro.data import adni, checking, enrico, mmimdb, mmimdb_files, preparing  # noqa: E402
from repro.data.mimiciv import mortality  # noqa: E402
from repro.data.preparing import Prepared, read_prepared, write_ragged  # noqa: E402
from repro.features.fields import field_features  # noqa: E402
from repro.features.notes import tfidf_features  # noqa: E402
from repro.features.pictures import picture_features  # noqa: E402
from repro.features.series import (  # noqa: E402
    fitted_scale,
    standardized,
    write_scales,
)
from repro.params import Params  # noqa: E402
from repro.params.datasets import FolderSet  # noqa: E402
from repro.params.naming import unknown  # noqa: E402
from repro.process import cores  # noqa: E402
from repro.records import Dataset, Fields, Modality, Pictures, Ragged, Texts  # noqa: E402
from repro.results.small_cells import FEWEST  # noqa: E402
from repro.stages import baselines  # noqa: E402


def main(arguments: list[str] | None = None) -> None:
    """Write data/prepared, data/features and runs/baselines of a data set.

    Raises:
        ValueError: the data set is unknown, or its files are missing or bad.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    name, settings = parser.parse_args(arguments).dataset, params.load()
    known = settings.datasets.folders
    if name not in known:
        raise ValueError(f"params.yaml: {unknown('data set of a folder', name, known)}")
    _prepare(known[name], paths.prepared(name))
    _write(settings, read_prepared(paths.prepared(name)), name)
    baselines.main([name])


def _prepare(source: FolderSet, folder: Path) -> None:
    checked = checking.check(
        _read(source, folder),
        source.path,
        "report" if source.split == "published" else "refuse",
        source.classes,
    )
    preparing.write(checked, folder)


def _read(source: FolderSet, folder: Path) -> Dataset:
    root, simulated = Path(source.path), source.source == "simulated"
    match source.layout:
        case "enrico":
            rules = enrico.Rules(source.split, simulated=simulated)
            return enrico.read(root, source.classes, rules)
        case "mmimdb":
            return mmimdb.read(root, source.classes, simulated=simulated)
        case "mmimdb_files":
            return mmimdb_files.read(root, source.classes, simulated=simulated)
        case "adni":
            return adni.read(
                root, source.classes, source.visit, simulated=simulated, fewest=FEWEST
            )
        case "mimiciv_mortality":
            return mortality.read(root, _visit_rules(source), folder)


def _visit_rules(source: FolderSet) -> mortality.Rules:
    assert source.visits is not None  # FolderSet refuses it
    given = source.visits
    return mortality.Rules(
        notes=given.notes,
        codes=given.codes,
        time_policy=given.time_policy,
        fewest=FEWEST if given.small_cells == "suppress" else 0,
        simulated=source.source == "simulated",
    )


def _write(settings: Params, prepared: Prepared, name: str) -> None:
    """The vectors of every modality, and how they were made."""
    if settings.active.pictures.encoder == "vit":
        # Seconds to import.
        from repro.features.encoders.loading import refuse_unwatched

        refuse_unwatched(settings.active.pictures.weights)
    source, meta = settings.datasets.folders[name], {}
    for modality, stored in prepared.modalities.items():
        linkage = source.linkage if modality == adni.GENETIC else 1.0
        kind, made, meta[modality] = _vectors(
            settings, prepared.samples, stored, Path(source.path), linkage
        )
        place = paths.features(name, kind) / f"{modality}.safetensors"
        write_ragged(place, Ragged(made.values, made.offsets))
    files.write_json(paths.features(name, "pictures") / "meta.json", meta)
    _write_scales(prepared, name)


def _vectors(
    settings: Params,
    samples: pd.DataFrame,
    stored: Modality,
    root: Path,
    linkage: float,
) -> tuple[str, Ragged, dict[str, Any]]:
    """The kind of features, one vector per sample, and what a meta file says."""
    chosen = settings.active.pictures
    match stored:
        case Pictures():
            made, about = picture_features(
                samples,
                stored,
                root,
                chosen,
                folder=paths.picture_cache(),
                workers=cores(),
            )
            return "pictures", made, about
        case Texts(values):
            table = samples[["id"]].assign(hours=0.0, text=values)
            return "text", *tfidf_features(samples, table, count=1, dims=chosen.dims)
        case Ragged():
            is_train = (samples["split"] == "train").to_numpy()
            scaled, clipped = standardized(stored, fitted_scale(stored, is_train))
            about = {"features": stored.values.shape[1], "clipped": clipped}
            return "series", scaled, about
        case Fields():
            return "series", *field_features(samples, stored, linkage)


def _write_scales(prepared: Prepared, name: str) -> None:
    """Mean and sd over train of stored vectors, to put other rows on the same scale."""
    is_train = (prepared.samples["split"] == "train").to_numpy()
    scales = {
        modality: fitted_scale(stored, is_train)
        for modality, stored in prepared.modalities.items()
        if isinstance(stored, Ragged)
    }
    if scales:
        write_scales(paths.features(name, "series") / "scales.safetensors", scales)


if __name__ == "__main__":
    process.run_stage(main)
