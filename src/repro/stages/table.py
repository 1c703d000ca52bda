"""Write one table from what the training cells wrote: `table btw_table3`."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import params  # noqa: E402
from repro.tables.naming import table  # noqa: E402
from repro.tables.writing import write_table  # noqa: E402


def main() -> None:
    """Read runs/, write metrics/<name>.json and plots/<paper>/<item>.{csv,md,tex}."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="paper and item: btw_table3, or own_<key>")
    name, loaded = parser.parse_args().name, params.load()
    write_table(name, table(loaded, name), loaded)


if __name__ == "__main__":
    process.run_stage(main)
