"""Write docs/api.md, the public names of btw, and docs/departures.md."""

from repro import process

process.prepare()

from repro import paths  # noqa: E402
from repro.documents import api, departures  # noqa: E402
from repro.files import write_text  # noqa: E402


def main() -> None:
    """Read the code, write both pages."""
    write_text(paths.API, api.page())
    write_text(paths.DEPARTURES, departures.page(paths.SOURCE))


if __name__ == "__main__":
    process.run_stage(main)
