"""Write metrics/seeds.parquet, the scores of every seed of every trained method."""

from repro import process

process.prepare()

from repro import params, paths  # noqa: E402
from repro.files import write_table  # noqa: E402
from repro.tables.seeds import seeds  # noqa: E402


def main() -> None:
    """Read runs/, write the scores that tables take means of."""
    write_table(paths.SEEDS, seeds(params.load()))


if __name__ == "__main__":
    process.run_stage(main)
