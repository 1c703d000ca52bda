"""docs/departures.md holds every marker of the code once."""

import re
from pathlib import Path

import pandas as pd

from repro import params, paths
from repro.documents.departures import (
    Departure,
    attribution,
    departures,
    measured,
    page,
)
from repro.params.switches import SWITCHES
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
    made = page(paths.SOURCE, attribution(), params.load())
    assert written == made, "run python -m repro.stages.departures"
    others = (f for f in paths.SOURCE.rglob("*.py") if f.stem != "departures")
    marked = sum(
        line.lstrip(" #").startswith("Departure:")
        for file in others
        for line in file.read_text().splitlines()
    )
    assert written.count("\n- [`") == marked > 70


def test_every_switch_undoes_a_departure() -> None:
    """But those that are the default here, and one that does another thing than it."""
    marked = re.findall(r"Undone by `(\w+)`", (ROOT / paths.DEPARTURES).read_text())
    alike = {"sum_one", "embedding_site", "global_gaussian_kl"}
    assert sorted({*marked} & {*SWITCHES}) == sorted({*SWITCHES} - alike)


def test_effects_stand_in_a_column_per_block() -> None:
    rows = pd.DataFrame(
        {
            "block": ["mosi__simulated", "mosi__simulated", "mosi__table"],
            "row": ["leak_free", "test_epoch", "leak_free"],
            "metric": "bi_level_mae",
            "mean": [1.0, 0.9876, 0.8],
            "sd": [0.1, 0.2, 0.3],
            "remark": ["", "other draws", ""],
            **dict.fromkeys(("lower", "upper", "se_seeds", "p_holm"), float("nan")),
        }
    )
    other = rows.assign(metric="moe_mae", mean=7.0)
    table = measured(pd.concat([rows, other]), params.load(ROOT / paths.PARAMS))
    assert table.columns.tolist() == [
        "row",
        "MOSI, simulated data",
        "MOSI, real data (table files)",
    ]
    assert table.to_numpy().tolist() == [
        ["leak_free", "1.000 ± 0.100", "0.800 ± 0.300"],
        ["test_epoch", "0.988 ± 0.200, other draws", ""],
    ]
