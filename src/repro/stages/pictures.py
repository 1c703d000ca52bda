"""Read a folder of pictures, check it, and make prepared files and features of it."""

from repro import process

process.prepare()

import argparse  # noqa: E402
from pathlib import Path  # noqa: E402

from repro import files, params, paths  # noqa: E402
from repro.data import checking, enrico, preparing  # noqa: E402
from repro.data.preparing import Prepared, read_prepared, write_ragged  # noqa: E402
from repro.features.pictures import picture_features  # noqa: E402
from repro.params import Params  # noqa: E402
from repro.params.datasets import PictureSet  # noqa: E402
from repro.params.naming import unknown  # noqa: E402
from repro.process import cores  # noqa: E402
from repro.records import Pictures  # noqa: E402


def main(arguments: list[str] | None = None) -> None:
    """Write data/prepared/<dataset> and data/features/<dataset>/pictures.

    Raises:
        ValueError: the data set is unknown, or its files are missing or bad.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    name, settings = parser.parse_args(arguments).dataset, params.load()
    known = settings.datasets.pictures
    if name not in known:
        raise ValueError(f"params.yaml: {unknown('data set of pictures', name, known)}")
    _prepare(known[name], paths.prepared(name))
    _write(settings, read_prepared(paths.prepared(name)), name)


def _prepare(source: PictureSet, folder: Path) -> None:
    rules = enrico.Rules(source.split, simulated=source.source == "simulated")
    dataset = enrico.read(Path(source.path), source.classes, rules)
    checked = checking.check(
        dataset,
        source.path,
        "report" if source.split == "published" else "refuse",
        source.classes,
    )
    preparing.write(checked, folder)


def _write(settings: Params, prepared: Prepared, name: str) -> None:
    """The vectors of every modality, and how they were made."""
    chosen = settings.active.pictures
    if chosen.encoder == "vit":
        from repro.features.encoders import refuse_unwatched  # seconds to import

        refuse_unwatched(chosen.weights)
    folder, meta = paths.features(name, "pictures"), {}
    for modality, pictures in prepared.modalities.items():
        if isinstance(pictures, Pictures):
            features, meta[modality] = picture_features(
                prepared.samples,
                pictures,
                Path(settings.datasets.pictures[name].path),
                chosen,
                folder=paths.picture_cache(),
                workers=cores(),
            )
            write_ragged(folder / f"{modality}.safetensors", features)
    files.write_json(folder / "meta.json", meta)


if __name__ == "__main__":
    process.run_stage(main)
