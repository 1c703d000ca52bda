"""Write figures and their data series: `... repro.stages.figure btw_figure1`."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import params  # noqa: E402
from repro.figures.canvas import styled, write_figure  # noqa: E402
from repro.figures.naming import figure  # noqa: E402


def main() -> None:
    """Read runs/, write plots/<paper>/<item>.{csv,svg,pdf}."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", help="paper and item: btw_figure1")
    names, loaded = parser.parse_args().names, params.load()
    # A name that is unknown stops the stage before the first figure is written.
    draws = [(name, figure(name)) for name in names]
    with styled():
        for name, draw in draws:
            series, drawn = draw(loaded)
            write_figure(name, series, drawn)


if __name__ == "__main__":
    process.run_stage(main)
