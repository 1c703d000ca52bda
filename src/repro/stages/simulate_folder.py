"""Write a simulated data set in its public layout, and its truth."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import params, paths  # noqa: E402
from repro.params.naming import unknown  # noqa: E402
from repro.simulation import adni, film_files, films, screens  # noqa: E402
from repro.simulation.visits import tables as visit_tables  # noqa: E402


def main(arguments: list[str] | None = None) -> None:
    """Simulate one data set of datasets.folders.

    Raises:
        ValueError: there is no such data set.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    name, settings = parser.parse_args(arguments).dataset, params.load()
    known = settings.datasets.folders
    if name not in known:
        raise ValueError(f"params.yaml: {unknown('data set of a folder', name, known)}")
    classes, folder = known[name].classes, paths.simulated_tree(name)
    sizes = settings.active.pictures
    match known[name].layout:
        case "enrico":
            screens.write_tree(
                settings.screen_simulation, classes, sizes.screens, folder
            )
        case "mmimdb":
            films.write_file(settings.film_simulation, classes, sizes.films, folder)
        case "mmimdb_files":
            film_files.write_tree(
                settings.film_simulation, classes, sizes.films, folder
            )
        case "adni":
            adni.write_tree(settings.adni_simulation, classes, sizes.subjects, folder)
        case "mimiciv_mortality":
            visit_tables.write_tree(settings.visit_simulation, sizes.visits, folder)


if __name__ == "__main__":
    process.run_stage(main)
