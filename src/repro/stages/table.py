"""Write tables from what the training cells wrote: `table btw_table3 btw_table4`."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import params  # noqa: E402
from repro.tables.naming import table  # noqa: E402
from repro.tables.writing import write_table  # noqa: E402


def main() -> None:
    """Read runs/, write metrics/<name>.json and plots/<paper>/<item>.* of each name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="+", help="paper and item: btw_table3, or own_<key>"
    )
    names, loaded = parser.parse_args().names, params.load()
    # A name that is unknown stops the stage before the first table is written.
    for name, found in [(name, table(loaded, name)) for name in names]:
        write_table(name, found, loaded)


if __name__ == "__main__":
    process.run_stage(main)
