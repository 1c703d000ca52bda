"""Collect predictions and the first weights of a data set and its fusion."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import params  # noqa: E402
from repro.cells import initial_weights  # noqa: E402


def main() -> None:
    """Read the unimodal and the unweighted run, write evidence and first weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("fusion", nargs="?", default="moe")
    arguments = parser.parse_args()
    settings = params.load()
    for part in settings.parts(arguments.dataset):
        initial_weights.write(settings, part, arguments.fusion)


if __name__ == "__main__":
    process.run_stage(main)
