"""Fit the predictors without a network: `python -m repro.stages.baselines mosi`."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import params, paths  # noqa: E402
from repro.baselines.fit import Fit, prediction_table, report  # noqa: E402
from repro.features.reading import Features, read_features  # noqa: E402
from repro.files import write_table  # noqa: E402
from repro.results.folds import write_folds  # noqa: E402


def main(arguments: list[str] | None = None) -> None:
    """Read the features of a data set, write runs/baselines/<dataset>.

    With an encoder, its text features are read and the group is named after it.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("--encoder")
    given, settings = parser.parse_args(arguments), params.load()
    settings.dataset(given.dataset)  # refuses an unknown one by name
    is_file = given.dataset in settings.datasets.of_files
    encoder = (given.encoder or settings.encoder) if is_file else None
    group = f"baselines_{given.encoder}" if given.encoder else "baselines"
    address, folds = f"{group}/{given.dataset}", settings.folds(given.dataset)
    for k, part in enumerate(settings.parts(given.dataset)):
        features = read_features(part, encoder, pooled=True)
        place = paths.part(address, k) if folds else address
        write(place, part, features, settings.seeds)
    if folds:
        write_folds(address, folds)


def write(address: str, part: str, features: Features, seeds: list[int]) -> None:
    """Fit and write the baselines of a data set or of one part of it."""
    samples, modalities = features.samples, features.modalities
    fits = fitted(features, seeds)
    table = prediction_table(samples, fits)
    write_table(paths.run(address) / "predictions.parquet", table)
    report(address, part, samples, modalities, fits, features.meta).write()


def fitted(features: Features, seeds: list[int]) -> dict[str, Fit]:
    """Trivial and simple predictors for the task of the data set."""
    if features.meta["task"] == "regression":
        from repro.baselines import ridge

        return ridge.baselines(features.samples, features.modalities)
    if features.meta["task"] == "multilabel":
        from repro.baselines import multilabel

        return multilabel.baselines(
            features.samples, features.modalities, classes=features.meta["classes"]
        )
    # Trees cost a second to import.
    from repro.baselines import boosted

    classes = features.meta["classes"]
    return boosted.baselines(
        features.samples, features.modalities, seeds=seeds, classes=classes
    )


if __name__ == "__main__":
    process.run_stage(main)
