"""Write what a simulated data set allows at best: `... repro.stages.ceilings mosi`."""

from repro import process

process.prepare()

import argparse  # noqa: E402
from collections.abc import Iterable  # noqa: E402

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from jaxtyping import Float  # noqa: E402

from repro import params, paths  # noqa: E402
from repro.baselines import attainable, reliability  # noqa: E402
from repro.baselines.fit import prediction_table, report  # noqa: E402
from repro.features.reading import Features, read_features  # noqa: E402
from repro.files import read_table, write_table  # noqa: E402
from repro.results.folds import write_folds  # noqa: E402
from repro.simulation.largest_part import largest_part  # noqa: E402
from repro.simulation.truth import Truth, truth_of  # noqa: E402

GROUP = "ceilings"
DRAWS = 1000  # of the latents of a row, for the chance that a part is the largest


def main() -> None:
    """Read features, truth and predictions of a data set, write runs/ceilings/<it>.

    Beside predictions there are truth (of each modality: reliable, posterior, and of
    utterances the chance of the largest part) and reliability (what classifiers that
    are trained on the truth reach).
    Of real data, in which nothing was planted, the report says so and names no method.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    dataset, settings = parser.parse_args().dataset, params.load()
    settings.dataset(dataset)  # refuses an unknown one by name
    encoder = settings.encoder if dataset in settings.datasets.files else None
    address, folds = f"{GROUP}/{dataset}", settings.folds(dataset)
    for k, part in enumerate(settings.parts(dataset)):
        features = read_features(part, encoder, pooled=True)
        place = paths.part(address, k) if folds else address
        write(settings, place, part, features)
    if folds:
        write_folds(address, folds)


def write(settings: params.Params, address: str, part: str, features: Features) -> None:
    """Write the ceilings of a data set or of one part of it."""
    samples, modalities, meta = features.samples, features.modalities, features.meta
    about = samples, modalities
    if not settings.plants(part):
        reason = "nothing is known to be planted in these data"
        told = report(address, part, *about, {}, meta)
        left_out = dict.fromkeys(attainable.METHODS, reason)
        told.model_copy(update={"left_out": left_out}).write()
        return
    fits = attainable.attainable(settings, part, samples["id"].to_numpy())
    folder, table = paths.run(address), prediction_table(samples, fits)
    write_table(folder / "predictions.parquet", table)
    truth = truth_of(settings, part, samples["id"].to_numpy())
    planted = planted_columns(truth, samples, modalities)
    if part in settings.datasets.files:
        chances = largest_columns(settings, truth, modalities)
        planted = planted.assign(**chances)
    write_table(folder / "truth.parquet", planted)
    told = told_apart(settings, part, features, truth)
    write_table(folder / "reliability.parquet", told)
    report(address, part, *about, fits, meta).write()


def planted_columns(
    truth: Truth, samples: pd.DataFrame, modalities: Iterable[str]
) -> pd.DataFrame:
    """id, and `reliable_` and `posterior_` of every modality of the models."""
    columns = {"id": samples["id"].to_numpy()}
    for name in modalities:
        columns[f"reliable_{name}"] = truth.reliable[:, truth.place(name)]
        columns[f"posterior_{name}"] = truth.posterior[:, truth.place(name)]
    return pd.DataFrame(columns)


def largest_columns(
    settings: params.Params, truth: Truth, modalities: Iterable[str]
) -> dict[str, Float[np.ndarray, " samples"]]:
    """`largest_` of every modality: the chance that its part is the largest.

    Not of stays, where what is absent tells of the class.
    """
    generator = np.random.default_rng(settings.statistics.seed)
    known = truth.parts, truth.law, truth.seen, truth.present
    chance = largest_part(*known, DRAWS, generator)
    return {f"largest_{name}": chance[:, truth.place(name)] for name in modalities}


def told_apart(
    settings: params.Params, part: str, features: Features, truth: Truth
) -> pd.DataFrame:
    """AUROC for planted reliability of classifiers that are trained on it."""
    samples, modalities = features.samples, features.modalities
    address = f"base/{part}"  # a fold of it where part is one
    table = read_table(paths.run(address) / "predictions.parquet")
    fusion = settings.recipe(f"base/{paths.whole(part)}").fusion
    return reliability.ceilings(
        truth,
        samples,
        reliability.feature_columns(samples, modalities, features.meta["task"]),
        reliability.prediction_columns(table, list(modalities), fusion, samples),
        list(modalities),
    )


if __name__ == "__main__":
    process.run_stage(main)
