"""Write one table from what the training cells wrote: `table table3`."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import params  # noqa: E402
from repro.tables.named import MERGED, PLAIN  # noqa: E402
from repro.tables.writing import write_merged, write_plain  # noqa: E402


def main() -> None:
    """Read runs/, write metrics/<name>.json and plots/<name>.{csv,md,tex}."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted({**MERGED, **PLAIN}))
    name = parser.parse_args().name
    if name in MERGED:
        write_merged(name, MERGED[name](params.load()))
    else:
        write_plain(name, PLAIN[name](params.load()))


if __name__ == "__main__":
    process.run_stage(main)
