"""Ridge fusion on weights of a trained run: `python -m repro.stages.convex mosi`."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import params, paths  # noqa: E402
from repro.baselines.convex import weighted_ridges, weights_by_method  # noqa: E402
from repro.baselines.fit import prediction_table, report  # noqa: E402
from repro.features.reading import read_features  # noqa: E402
from repro.files import read_table, write_table  # noqa: E402


def main() -> None:
    """Read features and the weights of runs/btw/<dataset>, write runs/convex/<dataset>.

    Raises:
        ValueError: the data set is unknown, or no regression of files.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    dataset, settings = parser.parse_args().dataset, params.load()
    facts = settings.dataset(dataset)
    if facts.task != "regression" or dataset not in settings.datasets.files:
        raise ValueError(f"{dataset}: ridge fusion is for a regression of files")
    features = read_features(dataset, settings.encoder, pooled=True)
    samples, modalities = features.samples, features.modalities
    table = read_table(paths.run(f"btw/{dataset}") / "weights.parquet")
    ids = samples["id"].to_numpy()
    seeds, weights = weights_by_method(table, ids, list(modalities))
    fits = weighted_ridges(samples, modalities, weights, seeds)
    address = f"convex/{dataset}"
    predictions = prediction_table(samples, fits)
    write_table(paths.run(address) / "predictions.parquet", predictions)
    report(address, dataset, samples, modalities, fits, features.meta).write()


if __name__ == "__main__":
    process.run_stage(main)
