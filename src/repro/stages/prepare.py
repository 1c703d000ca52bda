"""Read the raw files of a data set, check them and write the prepared files."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import params, paths  # noqa: E402
from repro.data import checking, places, preparing, reading  # noqa: E402
from repro.params.naming import unknown  # noqa: E402


def main(arguments: list[str] | None = None) -> None:
    """Prepare one data set of params.yaml.

    Raises:
        ValueError: the data set is unknown, or its files are missing or bad.
    """
    parser = argparse.ArgumentParser(prog="repro.stages.prepare", description=__doc__)
    parser.add_argument("dataset")
    name = parser.parse_args(arguments).dataset
    datasets = params.load().datasets.of_files
    if name not in datasets:
        raise ValueError(f"params.yaml: {unknown('data set', name, datasets)}")
    source = datasets[name]
    if source.labels != "none":
        places.watched(f"datasets.files.{name}.labels", source.labels, paths.LABELS)
    dataset = reading.read(source, name)
    checked = checking.check(dataset, source.path, source.shared_groups)
    preparing.write(checked, paths.prepared(name))


if __name__ == "__main__":
    process.run_stage(main)
