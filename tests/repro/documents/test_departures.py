"""docs/departures.md holds every marker of the code once."""

from pathlib import Path

from repro import paths
from repro.documents.departures import Departure, departures, page
from tests.repro.conftest import ROOT

CODE = '''"""A module.

Departure: of the module.
"""


class Layer:
    """A layer.

    Source: a paper.
    Departure: over two
    lines.
    Shape: any.
    """

    def forward(self):
        """One step.

        Departure: of a method.

        No part of it.
        """
        # Departure: in a comment,
        # and on.
        return "# Departure: none" # Departure: none, behind code
'''


def test_markers_of_docstrings_and_comments_are_found(tmp_path: Path) -> None:
    file = tmp_path / "layer.py"
    file.write_text(CODE)
    assert list(departures(file)) == [
        Departure("layer", "of the module."),
        Departure("layer.Layer", "over two lines."),
        Departure("layer.Layer.forward", "of a method."),
        Departure("layer", "in a comment, and on."),
    ]


def test_the_page_is_current_and_holds_every_marker_once(monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    written = paths.DEPARTURES.read_text()
    assert written == page(paths.SOURCE), "run python -m repro.stages.departures"
    others = (f for f in paths.SOURCE.rglob("*.py") if f.stem != "departures")
    marked = sum(
        line.lstrip(" #").startswith("Departure:")
        for file in others
        for line in file.read_text().splitlines()
    )
    assert written.count("\n- [`") == marked > 60
