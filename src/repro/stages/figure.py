"""Write one figure and its data series: `... repro.stages.figure btw_figure1`."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import params  # noqa: E402
from repro.figures.canvas import styled, write_figure  # noqa: E402
from repro.figures.naming import figure  # noqa: E402


def main() -> None:
    """Read runs/, write plots/<paper>/<item>.{csv,svg,pdf}."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="paper and item: btw_figure1")
    name = parser.parse_args().name
    draw = figure(name)
    with styled():
        series, drawn = draw(params.load())
        write_figure(name, series, drawn)


if __name__ == "__main__":
    process.run_stage(main)
