"""Collect predictions and the first weights: `python -m repro.stages.weights <set>`."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import params  # noqa: E402
from repro.cells import initial_weights  # noqa: E402


def main() -> None:
    """Read the unimodal and the unweighted run, write evidence and first weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    initial_weights.write(params.load(), parser.parse_args().dataset)


if __name__ == "__main__":
    process.run_stage(main)
