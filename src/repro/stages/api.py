"""Write docs/api.md, the public names of btw."""

from repro import process

process.prepare()

from repro import paths  # noqa: E402
from repro.documents.api import page  # noqa: E402
from repro.files import write_text  # noqa: E402


def main() -> None:
    """Read the code of btw, write the page."""
    write_text(paths.API, page())


if __name__ == "__main__":
    process.run_stage(main)
