"""Write figures and their data series: `... repro.stages.figure btw_figure1`."""

from repro import process

process.prepare()

import argparse  # noqa: E402
from collections.abc import Sequence  # noqa: E402

from repro import params  # noqa: E402
from repro.figures.canvas import styled, write_figure  # noqa: E402
from repro.figures.naming import figure  # noqa: E402
from repro.tables.blocks import runs_of_block  # noqa: E402
from repro.tables.rows import is_simulated  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> None:
    """Read runs/, write plots/<paper>/<item>.{csv,svg,pdf}."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", help="paper and item: btw_figure1")
    parser.add_argument(
        "--block", default="", help="real numbers alone, into plots/real: mosi__table"
    )
    given, loaded = parser.parse_args(arguments), params.load()
    # A name that is unknown stops the stage before the first figure is written.
    draws = [(name, figure(name)) for name in given.names]
    if given.block:
        if is_simulated(given.block):
            parser.error(f"{given.block}: is simulated; give no --block")
        runs_of_block(loaded, given.block)
        loaded = loaded.only(given.block.split("__")[0])
    with styled():
        for name, draw in draws:
            series, drawn = draw(loaded)
            write_figure(name, series, drawn, given.block)


if __name__ == "__main__":
    process.run_stage(main)
