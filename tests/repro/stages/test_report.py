"""The stage of the page: one file, replaced whole or not at all."""

import shutil
from pathlib import Path

import pytest

from repro import paths
from repro.stages import report
from tests.repro.conftest import ROOT
from tests.repro.page.parsed import Parsed
from tests.settings import copied_settings

COPIED = (
    *("data/published", "metrics/btw_table3.json", "plots/btw/table3.csv"),
    *("plots/btw/hyperparameters.csv", "plots/btw/figure1.svg"),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params, printed numbers, two tables and a figure, not a run."""
    copied_settings(tmp_path, "default")
    for name in COPIED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_needs_no_training(folder: Path) -> None:
    report.main()
    found = Parsed((folder / paths.PAGE).read_text())
    assert {"btw_table3", "btw_hyperparameters", "btw_figure1"} <= set(found.ids)
    assert "btw_table4" not in found.ids
    assert "Control (planted reliability): the oracle gains" in found.text


def test_a_damaged_table_leaves_the_old_page(folder: Path) -> None:
    (folder / paths.PAGE).parent.mkdir()
    (folder / paths.PAGE).write_text("old")
    table = folder / "plots/btw/table3.csv"
    table.write_text(table.read_text().replace("published_sd", "other", 1))
    with pytest.raises(ValueError, match=r"table3.csv: columns .* run the stage again"):
        report.main()
    assert (folder / paths.PAGE).read_text() == "old"
