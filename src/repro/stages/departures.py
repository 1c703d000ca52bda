"""Write docs/departures.md, every departure from the papers, from the code."""

from repro import process

process.prepare()

from repro import paths  # noqa: E402
from repro.documents.departures import page  # noqa: E402
from repro.files import write_text  # noqa: E402


def main() -> None:
    """Read the markers of the code, write the page."""
    write_text(paths.DEPARTURES, page(paths.SOURCE))


if __name__ == "__main__":
    process.run_stage(main)
