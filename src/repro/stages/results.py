"""Write docs/results.md and the findings of the README from metrics/*.json."""

from repro import process

process.prepare()

from repro import params, paths  # noqa: E402
from repro.files import read_json, read_text, write_text  # noqa: E402
from repro.findings.page import headlines, page, with_headlines  # noqa: E402
from repro.findings.provenance import known_figures, known_provenance  # noqa: E402


def main() -> None:
    """Read the numbers of all tables, write what they say."""
    loaded = params.load()
    trees = {
        path.stem: read_json(path) for path in sorted(paths.METRICS.glob("*.json"))
    }
    known = known_provenance()
    write_text(paths.RESULTS, page(trees, loaded, known, known_figures()))
    # `make quick` works in a folder without one.
    if paths.README.is_file():
        text = read_text(paths.README)
        write_text(
            paths.README, with_headlines(text, headlines(trees, loaded, known=known))
        )


if __name__ == "__main__":
    process.run_stage(main)
