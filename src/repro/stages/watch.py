"""Tell names, sizes and times of the files of one clinical root: `watch cxr`."""

from repro import process

process.prepare()

import argparse  # noqa: E402
from pathlib import Path  # noqa: E402

from repro import files, params, paths  # noqa: E402
from repro.data.fingerprint import fingerprint  # noqa: E402


def main() -> None:
    """Write a fingerprint of the root, for DVC to compare with that of the last run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", choices=("cxr", "ecg"))
    name = parser.parse_args().root
    root = getattr(params.load().clinical, name)
    found = {} if root == "none" else fingerprint(Path(root))
    files.write_json(paths.watched(name), found)


if __name__ == "__main__":
    process.run_stage(main)
