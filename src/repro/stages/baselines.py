"""Fit the predictors without a network: `python -m repro.stages.baselines mosi`."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import params, paths  # noqa: E402
from repro.baselines import ridge as baselines  # noqa: E402
from repro.features.reading import read_features  # noqa: E402
from repro.files import write_json, write_table  # noqa: E402
from repro.results.runs import baselines_folder  # noqa: E402


def main() -> None:
    """Read the features of a data set, write runs/<dataset>/baselines.

    With an encoder, its text features are read and the folder is named after it.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("--encoder")
    given, settings = parser.parse_args(), params.load()
    name, encoder = given.dataset, given.encoder or settings.encoder
    if name not in settings.datasets:
        raise ValueError(f"dataset={name!r}: choose one of {sorted(settings.datasets)}")
    features = read_features(name, encoder, pooled=True)
    fits = baselines.baselines(features.samples, features.modalities)
    table = baselines.prediction_table(features.samples, fits)
    cell = baselines_folder(given.encoder)
    write_table(paths.run(name, cell) / "predictions.parquet", table)
    report = baselines.report(features.samples, features.modalities, fits)
    about = {"dataset": name, "cell": cell, "encoder": encoder}
    for key in ("source", "simulated", "notes", "warnings"):
        report["data"][key] = features.meta[key]
    write_json(paths.run(name, cell) / "report.json", about | report)


if __name__ == "__main__":
    process.run_stage(main)
