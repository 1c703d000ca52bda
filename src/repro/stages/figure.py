"""Write figures and their data series: `... repro.stages.figure btw_figure1`."""

from repro import process

process.prepare()

import argparse  # noqa: E402
from collections.abc import Sequence  # noqa: E402

from repro import params  # noqa: E402
from repro.figures.canvas import styled, write_figure  # noqa: E402
from repro.figures.naming import figure  # noqa: E402
from repro.tables.blocks import refuse_settings, runs_of_block  # noqa: E402

# Of others a block of real numbers has nothing, or single instances show in them.
OF_BLOCKS = ("btw_figure1", "btw_figure3", "btw_figure4", "btw_figure6", "btw_figure7")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read runs/, write plots/<paper>/<item>.{csv,svg,pdf}.

    With `--block`, draw the runs of that block alone, into plots/real/<block>.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", help="paper and item: btw_figure1")
    parser.add_argument(
        "--block", default="", help="real numbers alone, into plots/real: mosi__table"
    )
    given, loaded = parser.parse_args(arguments), params.load()
    # A name that is unknown stops the stage before the first figure is written.
    draws = [(name, figure(name)) for name in given.names]
    if given.block:
        if others := sorted(set(given.names) - set(OF_BLOCKS)):
            parser.error(f"{others[0]}: --block has {', '.join(OF_BLOCKS)}")
        refuse_settings(loaded, given.block)
        loaded = loaded.only(runs_of_block(loaded, given.block))
    with styled():
        for name, draw in draws:
            series, drawn = draw(loaded)
            write_figure(name, series, drawn, given.block)


if __name__ == "__main__":
    process.run_stage(main)
