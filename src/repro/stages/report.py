"""Write report/index.html: every table and figure in one file that works offline."""

from repro import process

process.prepare()

from repro import params, paths  # noqa: E402
from repro.files import read_json, write_text  # noqa: E402
from repro.findings.provenance import known_provenance  # noqa: E402
from repro.page.document import page  # noqa: E402
from repro.page.sections import Sources  # noqa: E402


def main() -> None:
    """Read what the tables and figures left in metrics/ and plots/, write the page."""
    trees = {
        path.stem: read_json(path) for path in sorted(paths.METRICS.glob("*.json"))
    }
    write_text(paths.PAGE, page(Sources(params.load(), trees, known_provenance())))


if __name__ == "__main__":
    process.run_stage(main)
