"""Fit the predictors without a network: `python -m repro.stages.baselines mosi`."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import baselines, params, paths  # noqa: E402
from repro.features.reading import read_features  # noqa: E402
from repro.files import write_json, write_table  # noqa: E402
from repro.results import BASELINES, ENCODER  # noqa: E402


def main() -> None:
    """Read the features of a data set, write runs/<dataset>/baselines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    name = parser.parse_args().dataset
    datasets = params.load().datasets
    if name not in datasets:
        raise ValueError(f"dataset={name!r}: choose one of {sorted(datasets)}")
    features = read_features(name, ENCODER, pooled=True)
    fits = baselines.baselines(features.samples, features.modalities)
    table = baselines.prediction_table(features.samples, fits)
    folder = paths.run(name, BASELINES)
    write_table(folder / "predictions.parquet", table)
    report = baselines.report(features.samples, features.modalities, fits)
    about = {"dataset": name, "cell": BASELINES, "encoder": ENCODER}
    for key in ("source", "simulated", "notes", "warnings"):
        report["data"][key] = features.meta[key]
    write_json(folder / "report.json", about | report)


if __name__ == "__main__":
    process.run_stage(main)
