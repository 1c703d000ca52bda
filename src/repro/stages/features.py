"""Make the features of one kind: `... features <cohort> <kind>`."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import params  # noqa: E402
from repro.features.stays import write_features  # noqa: E402


def main() -> None:
    """Write data/features/<cohort>/<kind>, for every fold of a cross-validated one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohort")
    parser.add_argument("kind")
    arguments = parser.parse_args()
    settings = params.load()
    for part in settings.parts(arguments.cohort):
        write_features(settings, part, arguments.kind)


if __name__ == "__main__":
    process.run_stage(main)
