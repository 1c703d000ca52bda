"""Write one figure and its data series: `python -m repro.stages.figure figure1`."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import params  # noqa: E402
from repro.figures.canvas import styled, write_figure  # noqa: E402
from repro.figures.named import FIGURES  # noqa: E402


def main() -> None:
    """Read runs/, write plots/<name>.{csv,svg,pdf}."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(FIGURES))
    name = parser.parse_args().name
    with styled():
        series, figure = FIGURES[name](params.load())
        write_figure(name, series, figure)


if __name__ == "__main__":
    process.run_stage(main)
