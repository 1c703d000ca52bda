"""Write a simulated data set in the raw layout of the real one, and its truth."""

from repro import process

process.prepare()

import argparse  # noqa: E402
import zlib  # noqa: E402
from collections.abc import Collection  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

from repro import files, params, paths  # noqa: E402
from repro.params.naming import unknown  # noqa: E402
from repro.simulation import sentiment as simulated  # noqa: E402


def main(arguments: list[str] | None = None) -> None:
    """Simulate one data set of params.yaml.

    Raises:
        ValueError: the data set has no simulator or no size in the preset.
    """
    parser = argparse.ArgumentParser(prog="repro.stages.simulate", description=__doc__)
    parser.add_argument("dataset")
    dataset = parser.parse_args(arguments).dataset
    parameters = params.load()
    planted, sizes = parameters.simulation, parameters.active.simulated
    homes: dict[Path, Collection[str]] = {
        paths.SIMULATORS: planted.every,
        paths.preset(parameters.preset): sizes,
    }
    for file, known in homes.items():
        if dataset not in known:
            what = unknown("simulated data set", dataset, known)
            raise ValueError(f"{file}: {what}")
    planned = planted.every[dataset]
    # Two data sets differ by their name, or by their draw where they state one.
    own = planned.draw or zlib.crc32(dataset.encode())
    generator = np.random.default_rng([planted.seed, own])
    content, truth = simulated.simulate(planted, sizes[dataset], planned, generator)
    simulated.write(paths.simulated_pickle(dataset), content)
    files.write_table(paths.simulated_truth(dataset), truth)


if __name__ == "__main__":
    process.run_stage(main)
