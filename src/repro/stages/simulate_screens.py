"""Write a simulated folder of pictures in the layout of ENRICO, and its truth."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import params, paths  # noqa: E402
from repro.params.naming import unknown  # noqa: E402
from repro.simulation.screens import write_tree  # noqa: E402


def main(arguments: list[str] | None = None) -> None:
    """Simulate one data set of datasets.pictures.

    Raises:
        ValueError: there is no such data set.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    name, settings = parser.parse_args(arguments).dataset, params.load()
    known = settings.datasets.pictures
    if name not in known:
        raise ValueError(f"params.yaml: {unknown('data set of pictures', name, known)}")
    write_tree(
        settings.screen_simulation,
        known[name].classes,
        settings.active.pictures.screens,
        paths.simulated_tree(name),
    )


if __name__ == "__main__":
    process.run_stage(main)
