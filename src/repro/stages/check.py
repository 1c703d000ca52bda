"""Refuse settings that no cell could train: `python -m repro.stages.check`.

DVC starts a cell when its data are there, long after the first stage; what a fusion has
no use for is told here before anything is made.
"""

from repro import process

process.prepare()

from repro import params  # noqa: E402
from repro.cells.refusal import refuse_study  # noqa: E402


def main() -> None:
    """Read params.yaml, its preset and the cells, and every fusion that they name.

    Raises:
        ValueError: a run, or a size of a fusion, is none; names it and the remedy.
    """
    refuse_study(params.load())


if __name__ == "__main__":
    process.run_stage(main)
