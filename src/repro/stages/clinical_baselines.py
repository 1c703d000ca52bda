"""Predict a cohort without a network: `... clinical_baselines <cohort>`."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import params, paths  # noqa: E402
from repro.baselines import boosted as clinical_baselines  # noqa: E402
from repro.features.clinical_reading import read_clinical_features  # noqa: E402
from repro.files import write_json, write_table  # noqa: E402
from repro.results.folds import pooled_report  # noqa: E402
from repro.results.runs import BASELINES  # noqa: E402


def main() -> None:
    """Read the features of a cohort, write runs/<cohort>/baselines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohort")
    name = parser.parse_args().cohort
    settings = params.load()
    parts = settings.parts(name)
    for part in parts:
        write(part, settings.seeds)
    if len(parts) > 1:
        report = pooled_report(name, BASELINES, len(parts))
        write_json(paths.run(name, BASELINES) / "report.json", report)


def write(dataset: str, seeds: list[int]) -> None:
    """Fit and write the baselines of a cohort or of one part of it."""
    features = read_clinical_features(dataset)
    fits = clinical_baselines.baselines(
        features.samples, features.modalities, seeds=seeds
    )
    folder = paths.run(dataset, BASELINES)
    table = clinical_baselines.prediction_table(features.samples, fits)
    write_table(folder / "predictions.parquet", table)
    report = clinical_baselines.report(features.samples, features.modalities, fits)
    for key in ("source", "simulated", "notes", "warnings", "task"):
        report["data"][key] = features.meta[key]
    write_json(folder / "report.json", {"dataset": dataset, "cell": BASELINES} | report)


if __name__ == "__main__":
    process.run_stage(main)
