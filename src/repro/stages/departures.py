"""Write docs/departures.md, every departure from the papers, from code and tables."""

from repro import process

process.prepare()

from repro import params, paths  # noqa: E402
from repro.documents.departures import attribution, page  # noqa: E402
from repro.files import write_text  # noqa: E402


def main() -> None:
    """Read the markers of the code and the attribution, write the page."""
    text = page(paths.SOURCE, attribution(), params.load())
    write_text(paths.DEPARTURES, text)


if __name__ == "__main__":
    process.run_stage(main)
