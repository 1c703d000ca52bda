"""Standardize audio, video and other series of a data set."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import files, paths  # noqa: E402
from repro.data.preparing import read_prepared, write_ragged  # noqa: E402
from repro.features.series import CLIP, Scale, fitted_scale, standardized, write_scales  # noqa: E402
from repro.records import Ragged  # noqa: E402


def main(arguments: list[str] | None = None) -> None:
    """Write the standardized series of one prepared data set.

    Raises:
        ValueError: the prepared files are missing, or no training sample has a
            modality.
    """
    parser = argparse.ArgumentParser(prog="repro.stages.series", description=__doc__)
    parser.add_argument("dataset")
    dataset = parser.parse_args(arguments).dataset
    prepared = read_prepared(paths.prepared(dataset))
    is_train = (prepared.samples["split"] == "train").to_numpy()
    meta, folder = {}, paths.features(dataset, "series")
    scales: dict[str, Scale] = {}
    for name, modality in prepared.modalities.items():
        if not isinstance(modality, Ragged):
            continue
        try:
            scale = fitted_scale(modality, is_train)
        except ValueError as error:
            raise ValueError(f"{paths.prepared(dataset)}: {name}: {error}") from error
        scales[name] = scale
        scaled, clipped = standardized(modality, scale)
        write_ragged(folder / f"{name}.safetensors", scaled)
        meta[name] = {
            "features": len(scale.sd),
            "constant": int((scale.sd == 0).sum()),
            "clipped": clipped,
            "clip": CLIP,
            "longest": int(scaled.lengths.max()),
        }
    write_scales(folder / "scales.safetensors", scales)
    files.write_json(folder / "meta.json", meta)


if __name__ == "__main__":
    process.run_stage(main)
